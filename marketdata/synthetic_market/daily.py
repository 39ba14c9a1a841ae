"""One bar per symbol and date, derived from the seed and the date alone.

So the facts of a past day do not depend on the order in which days are requested. The logarithmic close of a
date is the base price plus the fading sum of the shocks of the last weekdays. The shocks of a date come from
a generator that is seeded with that date. Previous close, average volume and the running day agree because
they have the same source.
"""

import datetime as dt
import functools
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.synthetic_market.universe import Universe

Column = NDArray[np.float64]

# A shock fades by a tenth each weekday. After 40 weekdays the rest (1.5 %) is ignored.
_FADING: Final = 0.9
_MEMORY_WEEKDAYS: Final = 40
_GAP_UP_SHARE: Final = 0.004
_GAP_DOWN_SHARE: Final = 0.003
_RUNNER_SHARE: Final = 0.003
_LOWEST_PRICE: Final = 0.05
_CACHED_DATES: Final = 256


class DayFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a date for each symbol, as they are drawn before the day begins.

    `overnight_gap` and `day_return` are logarithmic; `volume` is the day's total in whole shares.
    """

    date: dt.date
    overnight_gap: Column
    day_return: Column
    volume: NDArray[np.int64]


class DailyPrices:
    """Closes and shocks of any date. They depend only on universe, seed and date; results are cached."""

    def __init__(self, universe: Universe, seed: int) -> None:
        self._universe: Final = universe
        self._seed: Final = seed
        self.facts = functools.lru_cache(maxsize=_CACHED_DATES)(self._facts)
        self.closes = functools.lru_cache(maxsize=_CACHED_DATES)(self._closes)

    def opens(self, date: dt.date, previous_date: dt.date) -> Column:
        """The official opening prices of a session date, given the session date before it."""
        return round_price(self.closes(previous_date) * np.exp(self.facts(date).overnight_gap))

    def _closes(self, date: dt.date) -> Column:
        level = np.log(self._universe.base_price)
        weight = 1.0
        day = date
        for _ in range(_MEMORY_WEEKDAYS):
            facts = self.facts(day)
            level = level + weight * (facts.overnight_gap + facts.day_return)
            weight *= _FADING
            day = _weekday_before(day)
        return round_price(np.exp(level))

    def _facts(self, date: dt.date) -> DayFacts:
        rng = np.random.default_rng([self._seed, 2, date.toordinal()])
        universe, count = self._universe, len(self._universe)
        gap = 0.4 * universe.daily_volatility * rng.standard_normal(count)
        day_return = 0.8 * universe.daily_volatility * rng.standard_normal(count)
        interest = rng.lognormal(0, 0.35, count)
        gap, interest = _add_gappers(rng, universe, gap, interest)
        day_return, interest = _add_runners(rng, universe, day_return, interest)
        moved = np.abs(gap + day_return) / universe.daily_volatility
        volume = universe.base_volume * interest * (0.7 + 0.3 * np.minimum(moved, 12))
        whole_shares = np.maximum(volume, 100).astype(np.int64)
        return DayFacts(date=date, overnight_gap=gap, day_return=day_return, volume=whole_shares)


def round_price(price: Column) -> Column:
    """Prices on the tick: cents from one dollar up, hundredths of a cent below (Regulation NMS, rule 612)."""
    bounded = np.maximum(price, _LOWEST_PRICE)
    return np.where(bounded >= 1, np.round(bounded, 2), np.round(bounded, 4))


def _weekday_before(date: dt.date) -> dt.date:
    return date - dt.timedelta(days=3 if date.weekday() == 0 else 2 if date.weekday() == 6 else 1)


def _movers(rng: np.random.Generator, universe: Universe, share: float) -> NDArray[np.int64]:
    """The symbols with news today: at least one, and more often cheap ones."""
    count = len(universe)
    appeal = 1 / (1 + universe.base_price)
    return rng.choice(count, size=max(1, round(share * count)), replace=False, p=appeal / appeal.sum())


def _add_gappers(
    rng: np.random.Generator, universe: Universe, gap: Column, interest: Column
) -> tuple[Column, Column]:
    """Overnight news: gaps of about +20 to +150 % and of -15 to -60 %, with many times the usual volume."""
    up, down = _movers(rng, universe, _GAP_UP_SHARE), _movers(rng, universe, _GAP_DOWN_SHARE)
    gap[down] = np.log1p(-rng.uniform(0.15, 0.60, len(down)))
    gap[up] = np.log1p(0.20 + 1.30 * rng.beta(1, 3, len(up)))
    interest[down] *= rng.uniform(4, 15, len(down))
    interest[up] *= rng.uniform(8, 60, len(up))
    return gap, interest


def _add_runners(
    rng: np.random.Generator, universe: Universe, day_return: Column, interest: Column
) -> tuple[Column, Column]:
    """Symbols that climb all day: +20 to +120 % from open to close."""
    runners = _movers(rng, universe, _RUNNER_SHARE)
    day_return[runners] = np.log1p(rng.uniform(0.20, 1.20, len(runners)))
    interest[runners] *= rng.uniform(5, 40, len(runners))
    return day_return, interest
