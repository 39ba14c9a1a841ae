"""Time as a parameter.

Event time drives the market, received time drives freshness, and neither is read
from the system inside decoding, analyzers or the calendar: whoever needs the
present takes a `Clock` through its constructor, so that tests advance it by hand.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from."""

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, UTC: for received and published times."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back: for intervals and deadlines."""


class SystemClock:
    """The machine's own clocks."""

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds since an arbitrary instant, never going back."""
        return time.monotonic()
