"""The day's trading so far, for every symbol: the source of aggregates and of snapshots."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.synthetic_market.daily import Column, round_price
from marketdata.synthetic_market.intraday import IntradayPath, grid, volume_share
from marketdata.units import MS_PER_MINUTE

_GRID_POINTS: Final = 64


class Bars(msgspec.Struct, frozen=True):
    """Aggregates of some symbols (`rows`) over one window, and the day so far at its end."""

    rows: NDArray[np.int64]
    open: Column
    high: Column
    low: Column
    close: Column
    vwap: Column
    volume: NDArray[np.int64]
    accumulated_volume: NDArray[np.int64]
    day_vwap: Column
    trades: NDArray[np.int64]


class MarketState:
    """Running columns of one trading day, one row per symbol; NaN for a symbol without trades.

    `open`, `high`, `low` and `last` of the day are those of the regular session, so NaN before it.
    `last_price`, `accumulated_volume` and `notional` count from the day's start. Other modules only read
    the columns.
    """

    def __init__(self, path: IntradayPath, time_ms: int) -> None:
        """The state that trading along the path would have left at an instant."""
        self.time_ms = time_ms
        self.last_price: Final = np.full_like(path.previous_close, np.nan)
        self.accumulated_volume: Final = path.accumulated_volume_at(time_ms)
        self.notional: Final = self.accumulated_volume * _mean_price(path, time_ms)
        self.open: Final = np.full_like(self.last_price, np.nan)
        self.high: Final = np.full_like(self.last_price, np.nan)
        self.low: Final = np.full_like(self.last_price, np.nan)
        self.last: Final = np.full_like(self.last_price, np.nan)
        self.last_minute: Bars | None = None
        self.last_minute_ms = 0
        self._minute: Final = _MinuteColumns(len(self.last_price))
        traded = self.accumulated_volume > 0
        self.last_price[traded] = round_price(path.prices_at(time_ms))[traded]
        if time_ms > path.day.regular_open_ms:
            self._catch_up_regular(path, time_ms, traded)

    def day_vwap(self, rows: NDArray[np.int64] | slice = slice(None)) -> Column:
        """Volume-weighted price since the day's start; NaN without trades."""
        volume = self.accumulated_volume[rows]
        with np.errstate(invalid="ignore"):
            vwap: Column = np.round(self.notional[rows] / np.where(volume > 0, volume, np.nan), 4)
        return vwap

    def fold(self, bars: Bars, time_ms: int, *, regular_open: Column | None) -> None:
        """Add one second's bars to the day and to the running minute.

        `regular_open` are the official opening prices of the bars' symbols in the regular session, else None.
        """
        rows = bars.rows
        self.time_ms = time_ms
        self.accumulated_volume[rows] = bars.accumulated_volume
        self.notional[rows] += bars.volume * bars.vwap
        self.last_price[rows] = bars.close
        self._minute.fold(bars)
        if regular_open is not None:
            self.open[rows] = regular_open
            self.high[rows] = np.fmax(self.high[rows], np.maximum(bars.high, regular_open))
            self.low[rows] = np.fmin(self.low[rows], np.minimum(bars.low, regular_open))
            self.last[rows] = bars.close

    def end_minute(self, time_ms: int) -> Bars:
        """The bars of the minute that ends now, of the symbols that traded in it; begins the next minute."""
        minute = self._minute
        rows = np.flatnonzero(minute.volume)
        volume = minute.volume[rows]
        bars = Bars(
            rows=rows,
            open=minute.open[rows],
            high=minute.high[rows],
            low=minute.low[rows],
            close=self.last_price[rows],
            vwap=np.clip(np.round(minute.notional[rows] / volume, 4), minute.low[rows], minute.high[rows]),
            volume=volume,
            accumulated_volume=self.accumulated_volume[rows],
            day_vwap=self.day_vwap(rows),
            trades=minute.trades[rows],
        )
        self.last_minute, self.last_minute_ms = bars, time_ms - MS_PER_MINUTE
        minute.clear()
        return bars

    def _catch_up_regular(self, path: IntradayPath, time_ms: int, traded: NDArray[np.bool_]) -> None:
        end_ms = min(time_ms, path.day.regular_close_ms)
        high, low = path.official_open.copy(), path.official_open.copy()
        for instant in grid(path.day.regular_open_ms, end_ms, _GRID_POINTS):
            price = path.prices_at(instant)
            np.maximum(high, price, out=high)
            np.minimum(low, price, out=low)
        self.open[traded] = path.official_open[traded]
        self.high[traded] = round_price(high)[traded]
        self.low[traded] = round_price(low)[traded]
        self.last[traded] = round_price(path.prices_at(end_ms))[traded]


class _MinuteColumns:
    """The running minute: rows without volume are undefined."""

    def __init__(self, count: int) -> None:
        self.open: Final = np.zeros(count)
        self.high: Final = np.full(count, -np.inf)
        self.low: Final = np.full(count, np.inf)
        self.notional: Final = np.zeros(count)
        self.volume: Final = np.zeros(count, dtype=np.int64)
        self.trades: Final = np.zeros(count, dtype=np.int64)

    def fold(self, bars: Bars) -> None:
        rows = bars.rows
        self.open[rows] = np.where(self.volume[rows] == 0, bars.open, self.open[rows])
        self.high[rows] = np.maximum(self.high[rows], bars.high)
        self.low[rows] = np.minimum(self.low[rows], bars.low)
        self.notional[rows] += bars.volume * bars.vwap
        self.volume[rows] += bars.volume
        self.trades[rows] += bars.trades

    def clear(self) -> None:
        self.high.fill(-np.inf)
        self.low.fill(np.inf)
        self.notional.fill(0)
        self.volume.fill(0)
        self.trades.fill(0)


def _mean_price(path: IntradayPath, time_ms: int) -> Column:
    """Prices from the day's start to an instant, weighted by the volume profile."""
    before = volume_share(path.day, path.day.day_start_ms)
    # The first price has almost no weight, but at the day's start it is the only one.
    weighted, total = path.prices_at(path.day.day_start_ms) * 1e-12, 1e-12
    for instant in grid(path.day.day_start_ms, time_ms, _GRID_POINTS):
        share = volume_share(path.day, instant)
        weighted = weighted + path.prices_at(instant) * (share - before)
        total += share - before
        before = share
    mean: Column = weighted / total
    return mean
