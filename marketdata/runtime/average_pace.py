"""A pace that holds on average: for work that follows the ticks of another process."""

from marketdata.clock import Clock


class AveragePace:
    """Lets something happen at most once in `interval_seconds`, on average. The interval may be changed.

    It may be early by `early_intervals`, and later ones wait longer for it. With a strict distance, one late
    tick would make all later ones as late. What happens early costs `early_cost` of an interval. A cost below
    1 lets a delay by extra work drain away, although ticks come as fast as the pace.
    """

    def __init__(
        self, interval_seconds: float, clock: Clock, *, early_intervals: int = 1, early_cost: float = 1.0
    ) -> None:
        self.interval_seconds = interval_seconds
        self._clock = clock
        self._early_intervals = early_intervals
        self._early_cost = early_cost
        self._scheduled_until = 0.0

    def note(self) -> None:
        """Note that it happens now."""
        now = self._clock.monotonic()
        cost = self._early_cost if now < self._scheduled_until else 1.0
        self._scheduled_until = max(now, self._scheduled_until) + cost * self.interval_seconds

    def seconds_until_due(self) -> float:
        """How long it must wait until it may happen again; 0 if it need not."""
        early_seconds = self._early_intervals * self.interval_seconds
        return max(0.0, self._scheduled_until - early_seconds - self._clock.monotonic())
