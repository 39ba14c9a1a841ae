"""Moves that change a day's prices and volumes, as functions of market time.

All instants are epoch milliseconds. A factor is 1 before its move begins, so the day is unchanged until then.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.units import MS_PER_SECOND


class PriceMove(Protocol):
    """A change of one symbol (`row`), or of the whole market (None)."""

    @property
    def row(self) -> int | None:
        """The symbol's position in the universe."""
        ...

    def price_factor(self, time_ms: int) -> float:
        """The factor on the price without the move."""
        ...

    def extra_shares(self, time_ms: int) -> int:
        """Additional shares traded until then because of the move; never decreasing."""
        ...


class MarketDip(msgspec.Struct, frozen=True):
    """The whole market falls by a fraction and recovers, repeatedly."""

    depth: float
    first_ms: int
    every_seconds: float
    fall_seconds: float
    recovery_seconds: float
    row: int | None = None

    def price_factor(self, time_ms: int) -> float:
        """See `PriceMove`."""
        since = (time_ms - self.first_ms) / MS_PER_SECOND
        if since < 0:
            return 1.0
        since %= self.every_seconds
        falling = min(1.0, since / self.fall_seconds)
        recovered = min(1.0, max(0.0, since - self.fall_seconds) / self.recovery_seconds)
        return 1 - self.depth * (falling - recovered)

    def extra_shares(self, time_ms: int) -> int:
        """See `PriceMove`."""
        return 0


class Climb(msgspec.Struct, frozen=True):
    """One symbol climbs to a multiple of its price on rising volume, and stays there."""

    row: int
    begin_ms: int
    end_ms: int
    multiple: float
    shares: int

    def price_factor(self, time_ms: int) -> float:
        """See `PriceMove`."""
        part = min(1.0, max(0.0, self._part(time_ms)))
        return float(self.multiple**part)

    def extra_shares(self, time_ms: int) -> int:
        """See `PriceMove`; the shares per second rise until the end, and are half of that from then on."""
        part = self._part(time_ms)
        if part <= 0:
            return 0
        return int(self.shares * (part**2 if part <= 1 else part))

    def _part(self, time_ms: int) -> float:
        return (time_ms - self.begin_ms) / (self.end_ms - self.begin_ms)


class Multiple(msgspec.Struct, frozen=True):
    """One symbol trades at a multiple of its price all day."""

    row: int
    multiple: float

    def price_factor(self, _time_ms: int) -> float:
        """See `PriceMove`."""
        return self.multiple

    def extra_shares(self, _time_ms: int) -> int:
        """See `PriceMove`."""
        return 0


class BandPressure(msgspec.Struct, frozen=True):
    """One symbol runs into a price band and is held there: a limit state, until trading pauses.

    `change` is the distance to the band as a signed fraction. After the pause the price drifts back.
    """

    row: int
    begin_ms: int
    limit_state_ms: int
    reopening_ms: int
    change: float
    drift_seconds: float = 600.0

    def price_factor(self, time_ms: int) -> float:
        """See `PriceMove`."""
        arrived = (time_ms - self.begin_ms) / (self.limit_state_ms - self.begin_ms)
        since = max(0.0, (time_ms - self.reopening_ms) / MS_PER_SECOND)
        return 1 + self.change * min(1.0, max(0.0, arrived)) * math.exp(-since / self.drift_seconds)

    def extra_shares(self, time_ms: int) -> int:
        """See `PriceMove`."""
        return 0


def price_factors(moves: Sequence[PriceMove], time_ms: int, count: int) -> NDArray[np.float64]:
    """For every symbol, the factor on its price without the moves, at an instant."""
    factors = np.ones(count)
    for move in moves:
        factors[slice(None) if move.row is None else move.row] *= move.price_factor(time_ms)
    return factors


def extra_shares(moves: Sequence[PriceMove], time_ms: int, count: int) -> NDArray[np.int64]:
    """For every symbol, the additional shares until an instant because of the moves."""
    shares = np.zeros(count, dtype=np.int64)
    for move in moves:
        if move.row is not None:
            shares[move.row] += move.extra_shares(time_ms)
    return shares
