"""The pace of a stream: when its next emission may be sent."""

from typing import Final

from marketdata.clock import Clock
from marketdata.units import NS_PER_SECOND
from widgets.hub.feeds.feed import FASTEST_HZ

EARLY_INTERVALS: Final = 2
"""So far ahead of its schedule an emission may be. A feed that is opened may emit twice between two ticks."""
CATCHING_UP: Final = 0.98
"""Of its interval, what an early emission costs. Otherwise ticks at the fastest rate would never make up for
a delay, such as that after the extra emissions of a reconnection to the cache."""


class FeedPace:
    """Lets a stream emit at most `hz` times a second, on average.

    At the fastest rate emissions may be early by two intervals, and later ones wait longer for it. With a
    strict distance, one late tick would make all later emissions as late. While emissions are early, their
    rate may be higher by 2 %.

    A slower stream emits the first tick in each interval of the wall clock. So all web processes choose the
    same ticks, and a client finds its position again on another process.
    """

    def __init__(self, hz: float, clock: Clock) -> None:
        self._clock = clock
        self._interval_ns: Final = round(NS_PER_SECOND / hz)
        self._follows_ticks = hz == FASTEST_HZ
        self._scheduled_until = 0.0
        self._interval = -1

    def note_emission(self) -> None:
        """Note that the stream emits now."""
        if self._follows_ticks:
            now, interval = self._clock.monotonic(), self._interval_ns / NS_PER_SECOND
            is_early = now < self._scheduled_until
            cost = interval * CATCHING_UP if is_early else interval
            self._scheduled_until = max(now, self._scheduled_until) + cost
        else:
            self._interval = self._clock.time_ns() // self._interval_ns

    def seconds_until_due(self) -> float:
        """How long the next emission must wait."""
        if self._follows_ticks:
            early_seconds = EARLY_INTERVALS * self._interval_ns / NS_PER_SECOND
            return max(0.0, self._scheduled_until - early_seconds - self._clock.monotonic())
        interval, elapsed_ns = divmod(self._clock.time_ns(), self._interval_ns)
        return 0.0 if interval != self._interval else (self._interval_ns - elapsed_ns) / NS_PER_SECOND
