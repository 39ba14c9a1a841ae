"""The newest emissions of a feed, kept for clients that resume."""

import math
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from widgets.hub.feeds.feed import SYMBOL_TICK_HZ
from widgets.protocol import EmissionFrames, FeedPosition

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
