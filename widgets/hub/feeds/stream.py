"""One feed on its way out: what its subscribers hold, and the emission that brings them up to date."""

import abc
from typing import Final

from marketdata.clock import Clock
from widgets.hub.feeds.feed import Feed
from widgets.protocol import EmittedRows, FeedEmission, FeedPosition, FeedSnapshot

FRAME_INTERVAL_SECONDS: Final = 0.25
ROWS_HELD: Final = 200
"""How many of its newest rows a feed that is a list holds; older ones are forgotten."""


class FeedStream(abc.ABC):
    """The sequence of a feed's emissions within one epoch of the hub.

    Whatever is offered, `emit` moves on to it and gives the one emission that says so, and `snapshot` is what
    was emitted last. A snapshot is therefore always exactly the sum of the emissions up to its `seq`, however
    much was offered since, and the next emission always follows it.
    """

    def __init__(self, feed: Feed, epoch: str, clock: Clock) -> None:
        self.feed = feed
        self._epoch = epoch
        self._clock = clock
        self._seq = 0
        self._fresh = False
        self._paid_until = 0.0
        self._rows: EmittedRows | None = None
        # Of what was emitted: when its newest data was received (ns, 0: none), and its market time (ms).
        self._times = (0, 0)

    @abc.abstractmethod
    def emit(self) -> FeedEmission | None:
        """Move on to what was offered; None when nothing changed."""

    def snapshot(self) -> FeedSnapshot | None:
        """All that was emitted so far; None before the first emission.

        Its rows stay the same object, with their texts, until the next emission.
        """
        if self._seq == 0:
            return None
        if self._rows is None:
            self._rows = self._all_rows()
        return FeedSnapshot(self._position(), self._rows, self._limit())

    def refresh(self) -> None:
        """Make the next emission a snapshot for everyone: something may have been missed."""
        self._fresh = True

    def seconds_until_due(self) -> float:
        """How long the next emission must wait so that there is at most one per `FRAME_INTERVAL_SECONDS`.

        On average, that is: one may come early and the next one pays for it. With a strict distance, a
        single late tick would make every later one as late.
        """
        return max(0.0, self._paid_until - FRAME_INTERVAL_SECONDS - self._clock.monotonic())

    # --- For the streams of a kind --------------------------------------------------------------------------

    @abc.abstractmethod
    def _all_rows(self) -> EmittedRows:
        """All rows that were emitted so far."""

    def _limit(self) -> int | None:
        """How many rows a list holds; None for a feed whose rows are a state."""
        return None

    def _advance(self) -> FeedPosition:
        """One emission further: where it stands."""
        self._seq += 1
        self._fresh = False
        self._rows = None
        self._paid_until = max(self._clock.monotonic(), self._paid_until) + FRAME_INTERVAL_SECONDS
        return self._position()

    def _advance_to_snapshot(self) -> FeedSnapshot | None:
        """One emission further, to a snapshot for everybody."""
        self._advance()
        return self.snapshot()

    def _position(self) -> FeedPosition:
        return FeedPosition(self.feed.name, self._epoch, self._seq, *self._times)
