"""When a recorded frame is due."""

from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError
from marketdata.units import NS_PER_SECOND

MIN_SPEED: Final = 0.1
MAX_SPEED: Final = 1_000.0


class Pacing:
    """Keeps the gaps between received times, divided by `speed`; with None every frame is due at once.

    Raises:
        ConfigurationError: the speed is out of range.
    """

    def __init__(self, clock: Clock, speed: float | None) -> None:
        if speed is not None and not MIN_SPEED <= speed <= MAX_SPEED:
            raise ConfigurationError(f"speed must be max or {MIN_SPEED:g} to {MAX_SPEED:g}, got {speed:g}")
        self._clock = clock
        self._speed = speed
        self._origin: tuple[int, float] | None = None

    def restart(self) -> None:
        """Make the next frame due at once. Later frames are timed from it."""
        self._origin = None

    def seconds_until(self, received_ns: int) -> float:
        """Seconds until a frame is due; 0 if it is due."""
        if self._speed is None:
            return 0.0
        now = self._clock.monotonic()
        if self._origin is None:
            self._origin = (received_ns, now)
        first_ns, started = self._origin
        due = started + (received_ns - first_ns) / NS_PER_SECOND / self._speed
        return max(0.0, due - now)
