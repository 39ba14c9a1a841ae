"""Price and volume of every symbol at any instant of a trading day, in closed form.

The price of a symbol is the exponential of a sum: a few fixed functions of time, each with a coefficient of
the symbol. Pre-market leads from the previous close to the official open, the regular session from the open
to the day's close, and after-hours stays near the close. So the prices of the whole market at an instant are
one small matrix product, and do not depend on earlier steps: a simulator can start at noon.
"""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.synthetic_market.daily import Column, DailyPrices, round_price
from marketdata.synthetic_market.price_moves import PriceMove, extra_shares, price_factors
from marketdata.synthetic_market.universe import Universe
from marketdata.trading_calendar import MarketSession, TradingDay

_WAVES: Final = 6
_BUMP_STARTS: Final = (0.02, 0.10, 0.25, 0.55)
_BUMP_RISE: Final = 0.03
_BUMP_FADE: Final = 0.20
_SPIKING_SHARE: Final = 0.012
_PRE_MARKET_VOLUME_SHARE: Final = 0.04
_AFTER_HOURS_VOLUME_SHARE: Final = 0.03
# The U shape: (weight, width) of the busy times after the open and before the close, as session fractions.
_OPENING_RUSH: Final = (0.22, 0.06)
_CLOSING_RUSH: Final = (0.16, 0.05)


def volume_share(day: TradingDay, time_ms: int) -> float:
    """The part of a day's volume that is traded before an instant: 0 at the day's start, 1 at its end.

    Never decreasing; 4 % before the open, then the U shape of the regular session, 3 % after the close.
    """
    if time_ms < day.regular_open_ms:
        part = _fraction(time_ms, day.day_start_ms, day.regular_open_ms)
        return _PRE_MARKET_VOLUME_SHARE * part**2
    regular = 1 - _PRE_MARKET_VOLUME_SHARE - _AFTER_HOURS_VOLUME_SHARE
    if time_ms < day.regular_close_ms:
        part = _fraction(time_ms, day.regular_open_ms, day.regular_close_ms)
        return _PRE_MARKET_VOLUME_SHARE + regular * _regular_share(part)
    part = _fraction(time_ms, day.regular_close_ms, day.after_hours_end_ms)
    return 1 - _AFTER_HOURS_VOLUME_SHARE * (1 - part) ** 2


def activity_at(day: TradingDay, time_ms: int) -> float:
    """How busy the market is at an instant, as a multiple of the mean of the regular session."""
    session = day.session_at(time_ms)
    if session is MarketSession.CLOSED:
        return 0.0
    if session is MarketSession.REGULAR:
        part = _fraction(time_ms, day.regular_open_ms, day.regular_close_ms)
        (opening, opening_width), (closing, closing_width) = _OPENING_RUSH, _CLOSING_RUSH
        rush = opening / opening_width * math.exp(-part / opening_width)
        rush += closing / closing_width * math.exp(-(1 - part) / closing_width)
        return (1 - opening - closing) + 0.4 * rush
    return 0.2


class IntradayPath:
    """The prices and volumes of one trading day for all symbols.

    `previous_close`, `official_open`, `official_close` are rounded; `day_volume` is in whole shares.
    """

    def __init__(
        self, universe: Universe, prices: DailyPrices, day: TradingDay, previous_date: dt.date, seed: int
    ) -> None:
        self.day: Final = day
        self.moves: Sequence[PriceMove] = ()  # the moves that a scenario adds to the day
        self.previous_close: Final = prices.closes(previous_date)
        self.official_open: Final = prices.opens(day.date, previous_date)
        self.official_close: Final = prices.closes(day.date)
        self.day_volume: Final = prices.facts(day.date).volume
        rng = np.random.default_rng([seed, 3, day.date.toordinal()])
        count = len(universe)
        fall_off = 1 / np.arange(1, _WAVES + 1)
        scale = 0.45 * universe.daily_volatility[:, None]
        self._waves: Final = scale * rng.standard_normal((count, _WAVES)) * fall_off
        self._quiet_waves: Final = 0.35 * scale * rng.standard_normal((count, _WAVES)) * fall_off
        self._bumps: Final = _draw_bumps(rng, count)
        self._log_previous: Final = np.log(self.previous_close)
        self._log_open: Final = np.log(self.official_open)
        self._log_close: Final = np.log(self.official_close)

    def prices_at(self, time_ms: int, rows: slice = slice(None)) -> Column:
        """Fair prices at an instant, of all symbols or some, not yet rounded."""
        prices = self._ordinary_prices_at(time_ms, rows)
        if self.moves:
            prices *= price_factors(self.moves, time_ms, len(self.day_volume))[rows]
        return prices

    def accumulated_volume_at(self, time_ms: int) -> NDArray[np.int64]:
        """Shares traded since the day's start, whole shares."""
        shares = (self.day_volume * volume_share(self.day, time_ms)).astype(np.int64)
        return shares + extra_shares(self.moves, time_ms, len(shares)) if self.moves else shares

    def prices_of(self, row: int, times_ms: NDArray[np.int64]) -> Column:
        """Fair prices of one symbol at many instants, not yet rounded."""
        day = self.day
        before, after = times_ms < day.regular_open_ms, times_ms > day.regular_close_ms
        prices = np.empty(len(times_ms))
        for chosen, course, start_ms, end_ms in (
            (before, self._pre_market, day.day_start_ms, day.regular_open_ms),
            (~(before | after), self._regular, day.regular_open_ms, day.regular_close_ms),
            (after, self._after_hours, day.regular_close_ms, day.after_hours_end_ms),
        ):
            parts = np.clip((times_ms[chosen] - start_ms) / (end_ms - start_ms), 0, 1)
            prices[chosen] = course(parts, row)
        for move in self.moves:
            if move.row in {None, row}:
                prices *= [move.price_factor(time_ms) for time_ms in times_ms.tolist()]
        return prices

    def accumulated_shares_over(self, row: int, times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shares of one symbol traded since the day's start, at many instants."""
        moves = [move for move in self.moves if move.row == row]
        shares = [
            int(self.day_volume[row] * volume_share(self.day, time_ms))
            + sum(move.extra_shares(time_ms) for move in moves)
            for time_ms in times_ms.tolist()
        ]
        return np.array(shares, dtype=np.int64)

    def _ordinary_prices_at(self, time_ms: int, rows: slice) -> Column:
        day = self.day
        if time_ms < day.regular_open_ms:
            return self._pre_market(_fraction(time_ms, day.day_start_ms, day.regular_open_ms), rows)
        if time_ms <= day.regular_close_ms:
            return self._regular(_fraction(time_ms, day.regular_open_ms, day.regular_close_ms), rows)
        return self._after_hours(_fraction(time_ms, day.regular_close_ms, day.after_hours_end_ms), rows)

    # Below, either `part` is one instant and `rows` are many symbols, or `part` many instants of one symbol.

    def _pre_market(self, part: float | Column, rows: slice | int) -> Column:
        # The first trades contain most of the overnight news; the rest follows until the open.
        arrived = 0.7 + 0.3 * part
        previous = self._log_previous[rows]
        level = previous + (self._log_open[rows] - previous) * arrived
        prices: Column = np.exp(level + self._quiet_waves[rows] @ _wave_shapes(part))
        return prices

    def _regular(self, part: float | Column, rows: slice | int) -> Column:
        opening = self._log_open[rows]
        level = opening + (self._log_close[rows] - opening) * part
        moves = self._waves[rows] @ _wave_shapes(part) + self._bumps[rows] @ _bump_shapes(part)
        prices: Column = np.exp(level + moves)
        return prices

    def _after_hours(self, part: float | Column, rows: slice | int) -> Column:
        prices: Column = np.exp(self._log_close[rows] + self._quiet_waves[rows] @ _wave_shapes(part))
        return prices


class RegularBars:
    """Open, high, low, close and volume-weighted price of one regular session, for all symbols."""

    _POINTS: Final = 79

    def __init__(self, path: IntradayPath) -> None:
        self.open: Final = path.official_open
        self.close: Final = path.official_close
        self.volume: Final = path.day_volume
        high, low = np.maximum(self.open, self.close), np.minimum(self.open, self.close)
        before_open = previous_share = volume_share(path.day, path.day.regular_open_ms)
        weighted = np.zeros_like(high)
        for time_ms in grid(path.day.regular_open_ms, path.day.regular_close_ms, self._POINTS):
            price = path.prices_at(time_ms)
            np.maximum(high, price, out=high)
            np.minimum(low, price, out=low)
            share = volume_share(path.day, time_ms)
            weighted += price * (share - previous_share)
            previous_share = share
        self.high: Final = np.maximum(round_price(high), np.maximum(self.open, self.close))
        self.low: Final = np.minimum(round_price(low), np.minimum(self.open, self.close))
        self.vwap: Final = np.clip(
            np.round(weighted / (previous_share - before_open), 4), self.low, self.high
        )


def grid(start_ms: int, end_ms: int, points: int) -> list[int]:
    """Evenly spaced instants from start to end, both included."""
    return [start_ms + (end_ms - start_ms) * step // (points - 1) for step in range(points)]


def _fraction(time_ms: int, start_ms: int, end_ms: int) -> float:
    return min(1.0, max(0.0, (time_ms - start_ms) / (end_ms - start_ms)))


def _regular_share(part: float) -> float:
    """The integral of the U shape over the regular session."""
    (opening, opening_width), (closing, closing_width) = _OPENING_RUSH, _CLOSING_RUSH
    after_open = (1 - math.exp(-part / opening_width)) / (1 - math.exp(-1 / opening_width))
    before_close = (math.exp(-(1 - part) / closing_width) - math.exp(-1 / closing_width)) / (
        1 - math.exp(-1 / closing_width)
    )
    return opening * after_open + closing * before_close + (1 - opening - closing) * part


def _draw_bumps(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Spikes that rise within minutes and fade: rare, and mostly upwards."""
    bumps = np.zeros((count, len(_BUMP_STARTS)))
    spiking = rng.choice(count, size=max(1, round(_SPIKING_SHARE * count)), replace=False)
    column = rng.integers(0, len(_BUMP_STARTS), len(spiking))
    direction = np.where(rng.random(len(spiking)) < 0.8, 1, -0.7)
    bumps[spiking, column] = rng.uniform(0.06, 0.35, len(spiking)) * direction
    return bumps


def _wave_shapes(part: float | Column) -> NDArray[np.float64]:
    """Half waves that are zero at both ends, so that a session keeps its first and last price."""
    shapes: NDArray[np.float64] = np.sin(np.multiply.outer(np.arange(1, _WAVES + 1), math.pi * part))
    return shapes


def _bump_shapes(part: float | Column) -> NDArray[np.float64]:
    """For each start: zero before it, up within `_BUMP_RISE`, then fading; zero at the session's end."""
    since = -np.subtract.outer(np.array(_BUMP_STARTS), part)
    rise = np.clip(since / _BUMP_RISE, 0, 1)
    fade = np.exp(-np.maximum(since - _BUMP_RISE, 0) / _BUMP_FADE)
    shapes: NDArray[np.float64] = rise * fade * np.minimum(1.0, (1 - part) / 0.05)
    return shapes
