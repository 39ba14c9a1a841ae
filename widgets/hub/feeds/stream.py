"""The stream of one feed: the state that its subscribers have, and the emissions that update it.

`RecentEmissions` keeps the newest ones for clients that resume.
"""

import abc
import functools
import math
import weakref
import zlib
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.runtime.average_pace import AveragePace
from marketdata.units import NS_PER_SECOND
from widgets.hub.feeds.feed import SYMBOL_TICK_HZ, Feed
from widgets.protocol import (
    NO_MARKS,
    ColumnMarks,
    EmissionFrames,
    EmittedRows,
    FeedEmission,
    FeedPosition,
    FeedSnapshot,
)

RESUME_SECONDS: Final = 30.0

MOST_KEPT_LONGER_OF_FEED: Final = round(RESUME_SECONDS * SYMBOL_TICK_HZ)
"""All emissions of a row at its fastest rate: 1.3 MiB. Each takes 3.3 to 4.5 KiB with 81 columns."""

MOST_KEPT_LONGER: Final = 16_384
"""Of all rows of a process: 54 to 72 MiB."""


class _Kept(msgspec.Struct, frozen=True):
    number: int
    position: FeedPosition
    frames: EmissionFrames
    value_count: int
    emitted_seconds: float


class RecentEmissions:
    """The emissions of the last `RESUME_SECONDS` that follow each other, oldest first.

    Together they have at most as many values as a snapshot: beyond that, a snapshot is the shorter answer.
    With `kept_longer` this is not so for those that it still names, so a client that resumes misses no
    change of a small feed. All who resume get the very frames that the others got.
    """

    def __init__(self, kept_longer: "KeptLonger | None" = None) -> None:
        self._kept: deque[_Kept] = deque()
        self._value_count = 0
        self._most_values = 0
        self._number = 0  # of the newest emission
        self._released = 0  # up to this number, only what fits into a snapshot is kept
        self._kept_longer = kept_longer

    def add(self, frames: EmissionFrames, *, now_seconds: float, most_values: int) -> None:
        """Keep a change. `most_values` is the number of values of a snapshot now."""
        emission = frames.emission
        self._number += 1
        self._kept.append(_Kept(self._number, emission.position, frames, emission.value_count, now_seconds))
        self._value_count += emission.value_count
        self._most_values = most_values
        if self._kept_longer is None:
            self._released = self._number
        else:
            self._released = max(self._released, self._number - MOST_KEPT_LONGER_OF_FEED)
            self._kept_longer.add(self, self._number)
        self._forget(now_seconds - RESUME_SECONDS)

    def release(self, number: int) -> None:
        """Keep the emissions up to this one no longer than a snapshot allows."""
        self._released = max(self._released, number)
        self._forget(-math.inf)

    def clear(self) -> None:
        """Forget all: a snapshot for all subscribers follows none of them."""
        self._kept.clear()
        self._value_count = 0

    def since(self, seq: int, now_seconds: float) -> Sequence[EmissionFrames] | None:
        """The emissions after the one with this `seq` of the present epoch; None if one is missing."""
        oldest_seconds = now_seconds - RESUME_SECONDS
        for index, kept in enumerate(self._kept):
            if kept.position.prev == seq and kept.emitted_seconds >= oldest_seconds:
                return [each.frames for each in list(self._kept)[index:]]
        return None

    def _forget(self, oldest_seconds: float) -> None:
        kept = self._kept
        while kept and (
            kept[0].emitted_seconds < oldest_seconds
            or (self._value_count > self._most_values and kept[0].number <= self._released)
        ):
            self._value_count -= kept.popleft().value_count


class KeptLonger:
    """The newest emissions of many small feeds, by number. When there are more than `most`, the oldest goes.

    So the memory for all feeds is bounded, however many there are, and busy feeds have the larger part of it.
    """

    def __init__(self, most: int = MOST_KEPT_LONGER) -> None:
        self._most = most
        # Weak: a feed that is closed frees its emissions at once.
        self._newest: deque[tuple[weakref.ref[RecentEmissions], int]] = deque()

    def add(self, recent: RecentEmissions, number: int) -> None:
        """Name the newest emission of a feed."""
        self._newest.append((weakref.ref(recent), number))
        if len(self._newest) > self._most:
            reference, oldest = self._newest.popleft()
            if (owner := reference()) is not None:
                owner.release(oldest)


ROWS_HELD: Final = 200
"""How many of the newest rows a feed that is a list has."""


@functools.lru_cache(maxsize=1_024)
def epoch_text(epoch: int, columns: tuple[str, ...]) -> str:
    """The epoch of a position: that of the producer, and a mark of the columns.

    With other columns, such as those of another release or choice, the same tick is another state.
    """
    return f"{epoch}.{zlib.crc32(','.join(columns).encode()):08x}"


EARLY_INTERVALS: Final = 2
"""So far ahead of its schedule an emission may be. A feed that is opened may emit twice between two ticks."""
CATCHING_UP: Final = 0.98
"""Of its interval, what an early emission costs. Otherwise ticks at the feed's rate would never make up for a
delay, such as that after the extra emissions of a reconnection to the cache."""


class FeedPace:
    """Lets the stream of a feed emit at most `hz` times a second, on average.

    A feed with the rate of its ticks follows them. A slower one emits the first tick in each interval of the
    wall clock. So all web processes choose the same ticks, and a client finds its position again on another
    process.
    """

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._clock = clock
        self._interval_ns: Final = round(NS_PER_SECOND / feed.hz)
        self._ticks = None
        if feed.hz >= feed.tick_hz:
            self._ticks = AveragePace(
                1 / feed.hz, clock, early_intervals=EARLY_INTERVALS, early_cost=CATCHING_UP
            )
        self._interval = -1

    def note_emission(self) -> None:
        """Note that the stream emits now."""
        if self._ticks is not None:
            self._ticks.note()
        else:
            self._interval = self._clock.time_ns() // self._interval_ns

    def seconds_until_due(self) -> float:
        """How long the next emission must wait."""
        if self._ticks is not None:
            return self._ticks.seconds_until_due()
        interval, elapsed_ns = divmod(self._clock.time_ns(), self._interval_ns)
        return 0.0 if interval != self._interval else (self._interval_ns - elapsed_ns) / NS_PER_SECOND


class FeedStream(abc.ABC):
    """The sequence of a feed's emissions, for one choice of columns and rate.

    `emit` moves on to the newest offered state, and returns one emission that leads to it. `snapshot` is the
    state after the last emission. So a snapshot is always exactly the sum of the emissions up to its `seq`,
    no matter which states were offered since, and the next emission always follows it.

    The position of a state is that of its producer (`_move_to`). A stream whose data have none counts its
    emissions within an `epoch` of its own (`_advance`). `kept_longer`: see `RecentEmissions`.
    """

    def __init__(self, feed: Feed, epoch: int, clock: Clock, kept_longer: KeptLonger | None = None) -> None:
        self.feed = feed
        self._clock = clock
        self._epoch = epoch_text(epoch, feed.columns)
        self._seq = 0
        self._was_emitted = False
        self._snapshot_due = False
        self._pace = FeedPace(feed, clock)
        self._recent = RecentEmissions(kept_longer)
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
        if not self._was_emitted:
            return None
        return FeedSnapshot(
            self._position(None),
            self._all_emitted(),
            self.feed.hz,
            self._limit(),
            self.feed.symbol,
            self._marks(),
        )

    @property
    def limit(self) -> int | None:
        """How many rows a list has at most; None for a feed whose rows are a state."""
        return self._limit()

    def refresh(self) -> None:
        """Make the next emission a snapshot for all subscribers: something may have been missed."""
        self._snapshot_due = True

    def seconds_until_due(self) -> float:
        """How long the next emission must wait, so that the stream keeps to the rate of its feed."""
        return self._pace.seconds_until_due()

    # --- Resume ---------------------------------------------------------------------------------------------

    def keep(self, frames: EmissionFrames) -> None:
        """Keep an emission that is no snapshot for clients that resume."""
        self._recent.add(
            frames, now_seconds=self._clock.monotonic(), most_values=self._all_emitted().value_count
        )

    def since(self, epoch: str, seq: int) -> Sequence[EmissionFrames] | None:
        """The emissions that lead from a client's position to the present; None if it needs a snapshot."""
        if not self._was_emitted or epoch != self._epoch:
            return None
        return () if seq == self._seq else self._recent.since(seq, self._clock.monotonic())

    # --- For the streams of a kind --------------------------------------------------------------------------

    @abc.abstractmethod
    def _all_rows(self) -> EmittedRows:
        """All rows of the state after the last emission."""

    def _marks(self) -> ColumnMarks:
        """The marks of the columns in the state after the last emission."""
        return NO_MARKS

    def _limit(self) -> int | None:
        """How many rows a list has at most; None for a feed whose rows are a state."""
        return None

    def _advance(self) -> FeedPosition:
        """Count one more emission, and return its position."""
        return self._move_to(self._epoch, self._seq + 1)

    def _move_to(self, epoch: str, seq: int) -> FeedPosition:
        """Note an emission at a position of its producer, and return that."""
        prev, self._epoch, self._seq = self._seq, epoch, seq
        self._was_emitted = True
        self._snapshot_due = False
        self._rows = None
        self._pace.note_emission()
        return self._position(prev)

    def _advance_to_snapshot(self) -> FeedSnapshot | None:
        """Count one more emission: a snapshot for all subscribers."""
        self._advance()
        return self._as_snapshot()

    def _as_snapshot(self) -> FeedSnapshot | None:
        """Make the emission that was just noted a snapshot for all subscribers."""
        self._recent.clear()
        return self.snapshot()

    def _all_emitted(self) -> EmittedRows:
        if self._rows is None:
            self._rows = self._all_rows()
        return self._rows

    def _position(self, prev: int | None) -> FeedPosition:
        return FeedPosition(self.feed.name, self._epoch, self._seq, *self._times, prev)
