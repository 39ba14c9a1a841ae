"""Which rate to try next on the way to the highest one that holds. Pure: `system` runs the trials."""

import math
from typing import Final

SMALLEST_STEP: Final = 1.06
LARGEST_STEP: Final = 2.5
BACK_OFF: Final = 0.7


class RateSearch:
    """Climbs while rates hold and processor time is left, then halves the gap below the lowest that failed.

    Rates are events per second. `best` is the highest that held, 0 when none did.
    """

    def __init__(self, first: int) -> None:
        self.best = 0
        self._lowest_failed = math.inf
        self._next: float | None = first

    def next_rate(self) -> int | None:
        """The rate to try now; None when another trial would tell nothing new."""
        return None if self._next is None else int(self._next)

    def note_held(self, rate: int, headroom: float) -> None:
        """The rate held. `headroom`: what multiple of it the processor time that was left would bear."""
        self.best = max(self.best, rate)
        if headroom < SMALLEST_STEP:
            self._next = None
        else:
            self._next = self._below_failed(rate * min(headroom, LARGEST_STEP))

    def note_failed(self, rate: int) -> None:
        """At this rate something was lost or left behind."""
        self._lowest_failed = min(self._lowest_failed, rate)
        self._next = self._below_failed(rate) if self.best else rate * BACK_OFF

    def _below_failed(self, wanted: float) -> float | None:
        if wanted < self._lowest_failed:
            return wanted
        if self._lowest_failed < self.best * SMALLEST_STEP:
            return None
        return (self.best + self._lowest_failed) / 2
