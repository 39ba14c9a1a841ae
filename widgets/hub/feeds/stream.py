"""The stream of one feed: the state that its subscribers have, and the emissions that update it."""

import abc
from typing import Final

from marketdata.clock import Clock
from widgets.hub.feeds.feed import Feed
from widgets.protocol import EmittedRows, FeedEmission, FeedPosition, FeedSnapshot

FRAME_INTERVAL_SECONDS: Final = 0.25
ROWS_HELD: Final = 200
"""How many of the newest rows a feed that is a list has."""


class FeedStream(abc.ABC):
    """The sequence of a feed's emissions within one epoch of the hub.

    `emit` moves on to the newest offered state, and returns one emission that leads to it. `snapshot` is the
    state after the last emission. So a snapshot is always exactly the sum of the emissions up to its `seq`,
    no matter which states were offered since, and the next emission always follows it.
    """

    def __init__(self, feed: Feed, epoch: str, clock: Clock) -> None:
        self.feed = feed
        self._epoch = epoch
        self._clock = clock
        self._seq = 0
        self._snapshot_due = False
        self._scheduled_until = 0.0
        self._rows: EmittedRows | None = None
        # Of the emitted state: when its newest data was received (ns, 0: none), and its market time (ms).
        self._times = (0, 0)

    @abc.abstractmethod
    def emit(self) -> FeedEmission | None:
        """Move on to the newest offered state. Returns None if nothing changed."""

    def snapshot(self) -> FeedSnapshot | None:
        """The state after the last emission; None before the first.

        Its rows are the same object, with their texts, until the next emission.
        """
        if self._seq == 0:
            return None
        if self._rows is None:
            self._rows = self._all_rows()
        return FeedSnapshot(self._position(), self._rows, self._limit())

    def refresh(self) -> None:
        """Make the next emission a snapshot for all subscribers: something may have been missed."""
        self._snapshot_due = True

    def seconds_until_due(self) -> float:
        """How long the next emission must wait so that there is at most one in `FRAME_INTERVAL_SECONDS`.

        That holds on average: an emission may be early by an interval, and the next one waits longer for it.
        With a strict distance, one late tick would make all later emissions as late.
        """
        return max(0.0, self._scheduled_until - FRAME_INTERVAL_SECONDS - self._clock.monotonic())

    # --- For the streams of a kind --------------------------------------------------------------------------

    @abc.abstractmethod
    def _all_rows(self) -> EmittedRows:
        """All rows of the state after the last emission."""

    def _limit(self) -> int | None:
        """How many rows a list has at most; None for a feed whose rows are a state."""
        return None

    def _advance(self) -> FeedPosition:
        """Count one more emission, and return its position."""
        self._seq += 1
        self._snapshot_due = False
        self._rows = None
        self._scheduled_until = max(self._clock.monotonic(), self._scheduled_until) + FRAME_INTERVAL_SECONDS
        return self._position()

    def _advance_to_snapshot(self) -> FeedSnapshot | None:
        """Count one more emission: a snapshot for all subscribers."""
        self._advance()
        return self.snapshot()

    def _position(self) -> FeedPosition:
        return FeedPosition(self.feed.name, self._epoch, self._seq, *self._times)
