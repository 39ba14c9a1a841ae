"""One feed on its way out: what its subscribers hold, and the frame that brings them to the newest state."""

import abc
import enum
from typing import Any, Final, TypeAlias

import msgspec

from marketdata.clock import Clock
from widgets.catalog import Feed
from widgets.hub.rows import Changes, FeedRows, compare, decimals_of
from widgets.outbox import Outbox
from widgets.protocol import Delta, Snapshot, encode_frame, encode_rows

FRAME_INTERVAL_SECONDS: Final = 0.25
_NANOSECONDS_PER_MS: Final = 1_000_000


class Fresh(enum.Enum):
    """In place of a delta: every subscriber needs a snapshot."""

    SNAPSHOT = enum.auto()


Emission: TypeAlias = str | Fresh | None


class Outgoing(abc.ABC):
    """The sequence of a feed's frames within one epoch of the hub.

    Whatever is offered, `emit` moves on to it and gives the one frame that says so, and `snapshot` is what
    was emitted last. A snapshot is therefore always exactly the sum of the frames up to its `seq`, however
    much was offered since, and the next frame always follows it.
    """

    def __init__(self, feed: Feed, epoch: str, clock: Clock) -> None:
        self.feed = feed
        self.subscribers: set[Outbox] = set()
        self._epoch = epoch
        self._clock = clock
        self._seq = 0
        self._fresh = False
        self._paid_until = 0.0

    @abc.abstractmethod
    def emit(self) -> Emission:
        """Move on to what was offered: a frame's text, `Fresh.SNAPSHOT`, or None when nothing changed."""

    @abc.abstractmethod
    def snapshot(self) -> str | None:
        """The text of what was emitted so far; None before the first emission."""

    @abc.abstractmethod
    def age_ms(self) -> int | None:
        """Age of the newest data in what was emitted last; None when there is none."""

    def refresh(self) -> None:
        """Make the next emission a snapshot for everyone: something may have been missed."""
        self._fresh = True

    def seconds_until_due(self) -> float:
        """How long the next frame must wait so that a client gets at most one per `FRAME_INTERVAL_SECONDS`.

        On average, that is: one frame may come early and the next one pays for it. With a strict
        distance, a single late tick would make every later one as late.
        """
        return max(0.0, self._paid_until - FRAME_INTERVAL_SECONDS - self._clock.monotonic())

    def _advance(self) -> None:
        self._seq += 1
        self._paid_until = max(self._clock.monotonic(), self._paid_until) + FRAME_INTERVAL_SECONDS

    def _position(self, market_time_ms: int) -> dict[str, Any]:
        """Where the frame of the last emission stands, as fields of a `FeedPosition`."""
        return {
            "feed": self.feed.name,
            "epoch": self._epoch,
            "seq": self._seq,
            "age_ms": self.age_ms(),
            "market_time_ms": market_time_ms,
        }


class FeedStream(Outgoing):
    """A feed whose rows are a state: of what was offered, only the newest counts."""

    def __init__(self, feed: Feed, epoch: str, clock: Clock) -> None:
        super().__init__(feed, epoch, clock)
        self._held: FeedRows | None = None
        self._offered: FeedRows | None = None
        self._rows_text: msgspec.Raw | None = None

    @property
    def newest(self) -> FeedRows | None:
        """The newest state that was offered."""
        return self._offered or self._held

    def offer(self, rows: FeedRows) -> bool:
        """Take over a newer state; False when it is none.

        Ticks order the states of one epoch. Another epoch is another process of the producer, so it counts
        as newer: comparing clocks of two machines would be worse.
        """
        newest = self.newest
        if newest is not None and rows.epoch == newest.epoch and rows.tick <= newest.tick:
            return False
        self._offered = rows
        return True

    def emit(self) -> Emission:
        """Move on to the newest state: a delta's text, `Fresh.SNAPSHOT`, or None when nothing changed."""
        before, after = self._held, self.newest
        if after is None:
            return None
        self._held, self._offered = after, None
        if self._fresh or before is None or before.columns != after.columns:
            self._fresh = False
            self._advance()
            return Fresh.SNAPSHOT
        changes = compare(before, after)
        if not changes:
            return None
        self._advance()
        return self._delta(after, changes)

    def snapshot(self) -> str | None:
        """The text of what was emitted so far; None before the first emission. Its rows are encoded once."""
        held = self._held
        if held is None:
            return None
        if self._rows_text is None:
            self._rows_text = encode_rows(held.symbols, held.values, decimals_of(held.columns))
        return encode_frame(
            Snapshot(**self._position(held.market_time_ms), columns=held.columns, rows=self._rows_text)
        )

    def age_ms(self) -> int | None:
        """Age of the newest data in what was emitted last; None when there is none."""
        return age_ms(self._held.received_ns, self._clock) if self._held is not None else None

    def _advance(self) -> None:
        super()._advance()
        self._rows_text = None

    def _delta(self, after: FeedRows, changes: Changes) -> str:
        symbols = [after.symbols[position] for position in changes.changed.tolist()]
        rows = encode_rows(symbols, after.values[changes.changed], decimals_of(after.columns))
        return encode_frame(
            Delta(
                **self._position(after.market_time_ms),
                rows=rows,
                removed=changes.removed,
                order=after.symbols if changes.reordered else None,
            )
        )


def age_ms(received_ns: int, clock: Clock) -> int | None:
    """Milliseconds since data was received; None when there was none. Never negative: clocks differ."""
    if received_ns <= 0:
        return None
    return max(0, (clock.time_ns() - received_ns) // _NANOSECONDS_PER_MS)
