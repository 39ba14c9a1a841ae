"""A pace that holds on average: for work that follows the ticks of another process."""

from typing import Final

from marketdata.clock import Clock

EARLY_INTERVALS: Final = 2
"""So far ahead of its schedule it may happen. A feed that is opened may emit twice between two ticks."""
CATCHING_UP: Final = 0.98
"""Of its interval, what happening early costs. Otherwise something as fast as its ticks would never make up
for a delay, such as that after the extra emissions of a reconnection to the cache."""


class AveragePace:
    """Lets something happen at most once in `interval_seconds`, on average.

    It may be early by two intervals, and later ones wait longer for it. With a strict distance, one late tick
    would make all later ones as late. While it is early, its rate may be higher by 2 %.
    """

    def __init__(self, interval_seconds: float, clock: Clock) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._scheduled_until = 0.0

    def note(self) -> None:
        """Note that it happens now."""
        now = self._clock.monotonic()
        share = CATCHING_UP if now < self._scheduled_until else 1.0
        self._scheduled_until = max(now, self._scheduled_until) + share * self._interval_seconds

    def seconds_until_due(self) -> float:
        """How long it must wait until it may happen again; 0 if it need not."""
        earliest = self._scheduled_until - EARLY_INTERVALS * self._interval_seconds
        return max(0.0, earliest - self._clock.monotonic())
