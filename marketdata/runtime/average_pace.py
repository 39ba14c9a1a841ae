"""A pace that holds on average: for work that follows the ticks of another process."""

from marketdata.clock import Clock


class AveragePace:
    """Lets something happen at most once in `interval_seconds`, on average.

    It may happen early by an interval, and then waits longer the next time. With a strict distance, one late
    tick would make all later ones as late.
    """

    def __init__(self, interval_seconds: float, clock: Clock) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._due_at = -interval_seconds

    def note(self) -> None:
        """Note that it happens now."""
        self._due_at = max(self._clock.monotonic(), self._due_at + self._interval_seconds)

    def seconds_until_due(self) -> float:
        """How long it must wait until it may happen again; 0 if it need not."""
        return max(0.0, self._due_at - self._clock.monotonic())
