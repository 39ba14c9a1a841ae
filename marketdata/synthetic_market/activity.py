"""How many events the market sends, and of which symbols."""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.errors import ConfigurationError

MAX_RATE: Final = 5_000_000
_BISECTION_STEPS: Final = 40


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Events per second of real time, over the whole market.

    Minute aggregates have no rate: there is one per minute for each symbol that traded in it. With
    `follows_session` the figures are means of the regular session, and the time of the day scales them (more
    at the open, a fifth before it). Without it they hold at any time, for load tests.
    """

    aggregates_per_second: float
    trades_per_second: float
    quotes_per_second: float
    price_bands_per_second: float = 4.0
    follows_session: bool = True

    def __post_init__(self) -> None:
        """Refuse negative rates."""
        for name in (
            "aggregates_per_second",
            "trades_per_second",
            "quotes_per_second",
            "price_bands_per_second",
        ):
            if not 0 <= getattr(self, name) <= MAX_RATE:
                raise ConfigurationError(f"{name} must be 0 to {MAX_RATE:,}, got {getattr(self, name)}")


DEFAULT_PROFILE: Final = "demo"
# Rates of the real feed, from public figures. `demo` is small enough for the whole platform on one machine.
PROFILES: Final[Mapping[str, Rates]] = {
    "demo": Rates(aggregates_per_second=4_000, trades_per_second=4_000, quotes_per_second=7_000),
    "quiet": Rates(aggregates_per_second=1_000, trades_per_second=2_000, quotes_per_second=8_000),
    "busy": Rates(aggregates_per_second=4_000, trades_per_second=10_000, quotes_per_second=40_000),
    "open": Rates(aggregates_per_second=10_000, trades_per_second=50_000, quotes_per_second=200_000),
}
DEFAULT_MIX: Final = "A:4,T:10,Q:40"


def rates_of_total(events_per_second: float, mix: str, symbol_count: int) -> Rates:
    """Constant rates that add up to a total, divided by a mix such as `A:4,T:10,Q:40`.

    A symbol has at most one second aggregate a second. The rest of the share of A goes to the other types.

    Raises:
        ConfigurationError: the mix is not understood, or the total is out of range.
    """
    if not 0 < events_per_second <= MAX_RATE:
        raise ConfigurationError(f"rate must be above 0 and at most {MAX_RATE:,}, got {events_per_second}")
    shares = parse_mix(mix)
    total = sum(shares.values())
    aggregates = events_per_second * shares["A"] / total
    others = shares["T"] + shares["Q"]
    if others:
        aggregates = min(aggregates, 0.95 * symbol_count)
    rest = events_per_second - aggregates
    return Rates(
        aggregates_per_second=aggregates,
        trades_per_second=rest * shares["T"] / others if others else 0,
        quotes_per_second=rest * shares["Q"] / others if others else 0,
        follows_session=False,
    )


def surge_factor(rates: Rates, events_per_second: float, symbol_count: int) -> float:
    """The factor by which a surge must multiply the rates of trades and quotes to reach a total.

    The rate of second aggregates is multiplied, too, but stays at most one for each symbol.
    """
    prints = rates.trades_per_second + rates.quotes_per_second
    factor = events_per_second / (rates.aggregates_per_second + prints)
    if factor * rates.aggregates_per_second <= symbol_count or not prints:
        return factor
    return (events_per_second - symbol_count) / prints


def parse_mix(mix: str) -> dict[str, float]:
    """The share of each type in a text such as `A:4,T:10,Q:40` (aggregates, trades, quotes); 0 if not named.

    Raises:
        ConfigurationError: an unknown type, a share that is not a number from 0, or no share above 0.
    """
    shares = dict.fromkeys("ATQ", 0.0)
    for part in mix.split(","):
        name, _, text = part.strip().partition(":")
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if name not in shares or not 0 <= share < float("inf"):
            raise ConfigurationError(
                f"mix {mix!r}: {part!r} is not TYPE:SHARE with type A, T or Q; e.g. {DEFAULT_MIX}"
            )
        shares[name] = share
    if not any(shares.values()):
        raise ConfigurationError(f"mix {mix!r} has no share above 0; e.g. {DEFAULT_MIX}")
    return shares


class Activity:
    """Draws the symbols of events. A symbol that trades more in a day is drawn more often."""

    def __init__(self, trades_of_day: NDArray[np.float64], rng: np.random.Generator) -> None:
        self._trades_of_day: Final = trades_of_day
        self._rng: Final = rng
        self._weights = trades_of_day
        self._cumulative = np.cumsum(trades_of_day)
        self._chances = np.zeros(len(trades_of_day))
        self._chances_hold_for: float | None = None

    def silence(self, halted: NDArray[np.int64]) -> None:
        """Stop the events of these symbols, and only of these."""
        self._weights = self._trades_of_day.copy()
        self._weights[halted] = 0
        self._cumulative = np.cumsum(self._weights)
        self._chances_hold_for = None

    def traders(self, expected: float) -> NDArray[np.int64]:
        """The symbols that trade in one second, ascending and unique; on average `expected` symbols."""
        if expected != self._chances_hold_for:
            self._chances = trading_chances(self._weights, expected)
            self._chances_hold_for = expected
        return np.flatnonzero(self._rng.random(len(self._chances)) < self._chances)

    def prints(self, count: int) -> NDArray[np.int64]:
        """The symbols of `count` single events, in random order."""
        draws = self._rng.random(count) * self._cumulative[-1]
        found: NDArray[np.int64] = np.searchsorted(self._cumulative, draws, side="right")
        return np.minimum(found, len(self._cumulative) - 1)


def trading_chances(weights: NDArray[np.float64], expected: float) -> NDArray[np.float64]:
    """The probability of each symbol to trade within a second. Their sum is `expected`.

    Trades arrive independently (Poisson), so the chance is 1 - exp(-weight * x); x is found by bisection.
    """
    possible = float(np.count_nonzero(weights))
    if expected <= 0 or possible == 0:
        return np.zeros_like(weights)
    if expected >= 0.99 * possible:
        return (weights > 0).astype(np.float64)
    low, high = -60.0, 60.0
    for _ in range(_BISECTION_STEPS):
        middle = (low + high) / 2
        if -np.expm1(-weights * np.exp(middle)).sum() < expected:
            low = middle
        else:
            high = middle
    chances: NDArray[np.float64] = -np.expm1(-weights * np.exp(high))
    return chances
