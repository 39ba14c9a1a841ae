"""Trading pauses and price bands of the limit-up/limit-down plan, drawn for a day.

A pause begins with a notice with both bands 0. It ends five minutes later with a notice with new bands. As on
the real channel, only Nasdaq-listed symbols (tape 3) have notices. Other symbols are just silent.
"""

import enum
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.synthetic_market.daily import Column, round_price
from marketdata.synthetic_market.intraday import IntradayPath
from marketdata.synthetic_market.universe import Universe

NASDAQ_TAPE: Final = 3
PAUSE_MS: Final = 300_000
_HALT_SHARE: Final = 0.0015
_FIRST_AFTER_OPEN_MS: Final = 150_000
_LAST_BEFORE_CLOSE_MS: Final = 900_000


class BandNotice(enum.IntEnum):
    """The reason of a notice of price bands."""

    INTRADAY_UPDATE = 0
    RESTATED = 1
    HALTED = 2
    REOPENED = 3
    REPUBLISHED = 4


class Halt(msgspec.Struct, frozen=True, order=True):
    """One trading pause: silent from `start_ms` until `end_ms` (epoch milliseconds)."""

    start_ms: int
    end_ms: int
    symbol_index: int


def draw_halts(universe: Universe, path: IntradayPath, seed: int) -> Sequence[Halt]:
    """The pauses of a day in order of time: of the strongest movers, most of them in the first hour."""
    day = path.day
    rng = np.random.default_rng([seed, 4, day.date.toordinal()])
    moved = np.abs(np.log(path.official_close / path.official_open))
    weight = moved**2 * np.where(universe.tape == NASDAQ_TAPE, 4.0, 1.0) + 1e-12
    count = max(1, round(_HALT_SHARE * len(universe)))
    chosen = rng.choice(len(universe), size=count, replace=False, p=weight / weight.sum())
    first = day.regular_open_ms + _FIRST_AFTER_OPEN_MS
    span = day.regular_close_ms - _LAST_BEFORE_CLOSE_MS - first
    starts = first + (np.sort(rng.beta(0.5, 2.5, count)) * span).astype(np.int64)
    starts[0] = first
    # The first pause of the day is of a symbol with notices.
    nasdaq_first = sorted(chosen.tolist(), key=lambda index: universe.tape[index] != NASDAQ_TAPE)
    order = [nasdaq_first[0], *rng.permutation(nasdaq_first[1:]).tolist()]
    return tuple(
        sorted(
            Halt(start, start + PAUSE_MS, index) for start, index in zip(starts.tolist(), order, strict=True)
        )
    )


def band_percentage(previous_close: Column, tier: NDArray[np.int64]) -> Column:
    """The width of the price bands as a fraction of the reference price, outside the doubling periods.

    It depends on previous close and tier: over 3 dollars 5 % (tier 1) or 10 %; from 0.75 to 3 dollars 20 %;
    below, the lesser of 0.15 dollars and 75 % (LULD plan, section V and appendix A).
    """
    over_three = np.where(tier == 1, 0.05, 0.10)
    below = np.minimum(0.75, 0.15 / previous_close)
    return np.where(previous_close > 3, over_three, np.where(previous_close >= 0.75, 0.20, below))


def price_bands(reference: Column, percentage: Column) -> tuple[Column, Column]:
    """Upper and lower band of reference prices, on the tick."""
    return round_price(reference * (1 + percentage)), round_price(reference * (1 - percentage))
