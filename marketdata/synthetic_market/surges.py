"""The rates of a scenario: a factor over market time, in place of the usual course over the session."""

import math
from typing import Protocol

import msgspec

from marketdata.trading_calendar import TradingDay
from marketdata.units import MS_PER_SECOND


class RateCourse(Protocol):
    """A multiple of the configured rates at an instant."""

    def factor_at(self, time_ms: int, start_ms: int, day: TradingDay) -> float:
        """The multiple at an instant of a market that began at `start_ms` (epoch milliseconds)."""
        ...


class Steady(msgspec.Struct, frozen=True):
    """The same multiple at any time."""

    factor: float

    def factor_at(self, time_ms: int, start_ms: int, day: TradingDay) -> float:
        """See `RateCourse`."""
        return self.factor


class OpeningSurge(msgspec.Struct, frozen=True):
    """Jumps at the regular open, holds, then falls back to 1 exponentially."""

    factor: float
    hold_seconds: float
    decay_seconds: float

    def factor_at(self, time_ms: int, start_ms: int, day: TradingDay) -> float:
        """See `RateCourse`."""
        since = (time_ms - day.regular_open_ms) / MS_PER_SECOND
        if since < 0:
            return 1.0
        fading = max(0.0, since - self.hold_seconds) / self.decay_seconds
        return 1 + (self.factor - 1) * math.exp(-fading)


class RepeatedSurge(msgspec.Struct, frozen=True):
    """Jumps repeatedly for a few seconds; in between the multiple is 1."""

    factor: float
    first_after_seconds: float
    every_seconds: float
    hold_seconds: float

    def factor_at(self, time_ms: int, start_ms: int, day: TradingDay) -> float:
        """See `RateCourse`."""
        since = (time_ms - start_ms) / MS_PER_SECOND - self.first_after_seconds
        return self.factor if since >= 0 and since % self.every_seconds < self.hold_seconds else 1.0
