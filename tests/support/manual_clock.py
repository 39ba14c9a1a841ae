"""A clock that stands still until the test moves it."""

from tests.support.builders import NANOSECONDS_PER_MS


class ManualClock:
    """See `marketdata.clock.Clock`: both clocks move together."""

    def __init__(self, time_ms: int = 1_795_000_000_000) -> None:
        self._time_ns = time_ms * NANOSECONDS_PER_MS

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return self._time_ns

    def monotonic(self) -> float:
        """Seconds; begins anywhere."""
        return self._time_ns / 1e9

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._time_ns += round(seconds * 1e9)
