"""Keeps the simulated market on time, and reports when it cannot."""

from typing import Final

from marketdata.clock import Clock

SHORT_STEP_SECONDS: Final = 0.02
"""Of a market of moderate rate. A real feed sends all the time, and a step's events are sent at once. With a
step as long as the interval of ticks, the time from event to client would depend on the phase of the two."""

LONG_STEP_SECONDS: Final = 0.1
"""Of a market of high rate. A step costs some 2 ms besides its events, and draws up to 2,000 of a kind."""

HIGH_RATE: Final = 200_000
"""In events a second. From here on the steps are long: the load counts, not when an event comes."""

_MAX_LAG_SECONDS: Final = 1.0


def step_seconds_at(events_per_second: float) -> float:
    """How long the steps of a market with this rate are, in real time."""
    return LONG_STEP_SECONDS if events_per_second >= HIGH_RATE else SHORT_STEP_SECONDS


class Pacer:
    """Decides when a step of the market is due, by an injected clock.

    If the market is more than a second behind, its clock is set back by the whole lag, and the lag is
    reported. Market time is then late by that much. Catching up would send an unrealistic burst of events.
    `step_seconds` is how long the next step is: see `adapt`.
    """

    def __init__(self, clock: Clock, step_seconds: float = SHORT_STEP_SECONDS) -> None:
        self.step_seconds = step_seconds
        self._clock: Final = clock
        self._next_at = clock.monotonic() + step_seconds

    def adapt(self, events: int) -> None:
        """Choose the length of the next step by the number of events in the step before."""
        self.step_seconds = step_seconds_at(events / self.step_seconds)

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
        self._next_at += self.step_seconds
        return True

    def seconds_to_next(self) -> float:
        """Real time until the next step is due; 0 when one is due already."""
        return max(0.0, self._next_at - self._clock.monotonic())
