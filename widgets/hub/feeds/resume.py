"""The newest emissions of a stream, for clients that come back after a lost connection."""

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from widgets.protocol import EmissionFrames, FeedPosition

RESUME_SECONDS: Final = 30.0


class _Kept(msgspec.Struct, frozen=True):
    position: FeedPosition
    frames: EmissionFrames
    value_count: int
    emitted_seconds: float


class RecentEmissions:
    """The emissions of the last `RESUME_SECONDS` that follow each other, oldest first.

    Together they have at most as many values as a snapshot: beyond that, a snapshot is the shorter answer.
    All who resume get the very frames that the others got.
    """

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque()
        self._value_count = 0

    def add(self, frames: EmissionFrames, *, now_seconds: float, most_values: int) -> None:
        """Keep a change. `most_values` is the number of values of a snapshot now."""
        emission = frames.emission
        self._kept.append(_Kept(emission.position, frames, emission.value_count, now_seconds))
        self._value_count += emission.value_count
        while self._kept and (
            self._value_count > most_values or self._kept[0].emitted_seconds < now_seconds - RESUME_SECONDS
        ):
            self._value_count -= self._kept.popleft().value_count

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
