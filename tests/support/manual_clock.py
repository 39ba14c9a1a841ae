"""A clock that only moves when the test advances it."""

from marketdata.units import NS_PER_MS, NS_PER_SECOND


class ManualClock:
    """A `marketdata.clock.Clock`. Its wall clock and its monotonic clock move together."""

    def __init__(self, time_ms: int = 1_795_000_000_000) -> None:
        self._time_ns = time_ms * NS_PER_MS

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return self._time_ns

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return self._time_ns / NS_PER_SECOND

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._time_ns += round(seconds * NS_PER_SECOND)
