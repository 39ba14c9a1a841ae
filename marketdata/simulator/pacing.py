"""Keeps the simulated market on time, and reports when it cannot."""

from typing import Final

from marketdata.clock import Clock

_MAX_LAG_SECONDS: Final = 1.0


class Pacer:
    """Decides when a step of the market is due, by an injected clock.

    If the market is more than a second behind, its clock is set back by the whole lag, and the lag is
    reported. Market time is then late by that much. Catching up would send an unrealistic burst of events.
    """

    def __init__(self, clock: Clock, step_seconds: float) -> None:
        self._clock: Final = clock
        self._step_seconds: Final = step_seconds
        self._next_at = clock.monotonic() + step_seconds

    def take_slip(self) -> float:
        """Seconds of real time by which the clock was set back just now; 0 while the market keeps up."""
        lag = self._clock.monotonic() - self._next_at
        if lag <= _MAX_LAG_SECONDS:
            return 0.0
        self._next_at += lag
        return lag

    def take_step(self) -> bool:
        """Whether a step is due; counts it as done."""
        if self._clock.monotonic() < self._next_at:
            return False
        self._next_at += self._step_seconds
        return True

    def seconds_to_next(self) -> float:
        """Real time until the next step is due; 0 when one is due already."""
        return max(0.0, self._next_at - self._clock.monotonic())
