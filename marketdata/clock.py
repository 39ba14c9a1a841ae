"""Time as a parameter.

Event time drives the market; received time drives freshness. Decoding, analyzers and the calendar do not read
the system's time. A class that needs the current time takes a `Clock` in its constructor, so that tests can
advance it.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """The source of the current time."""

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
