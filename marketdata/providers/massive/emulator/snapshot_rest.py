"""Snapshots by REST: the whole market, one ticker, and the day's movers."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from marketdata.providers.massive.emulator.bars_rest import DailyBars
from marketdata.providers.massive.emulator.rest_answers import Query, RestError
from marketdata.synthetic_market.daily import Column, round_price
from marketdata.synthetic_market.market import Market, quote_prices
from marketdata.units import NS_PER_MS

_MOVERS: Final = 20
_MOVERS_MIN_VOLUME: Final = 10_000
_SHARES_PER_LOT: Final = 100
# Some 30 ms of work, after which the feed gets its turn.
_ROWS_AT_ONCE: Final = 1_000


class SnapshotRest:
    """Answers from the market's running state. Prices are dollars; `updated` and trade times nanoseconds."""

    def __init__(self, market: Market, daily: DailyBars) -> None:
        self._market: Final = market
        self._daily: Final = daily

    async def all_tickers(self, query: Query) -> Mapping[str, Any]:
        """Every ticker, or those of the `tickers` list, in one answer without pages.

        The market continues meanwhile: each ticker is consistent, but tickers may be of different instants.
        """
        wanted = query.names("tickers")
        rows = np.arange(len(self._market.universe))
        if wanted is not None:
            index = self._market.universe.index
            rows = np.array(sorted(index[ticker] for ticker in wanted if ticker in index), dtype=np.int64)
        tickers: list[dict[str, Any]] = []
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            tickers += self._snapshots(rows[start : start + _ROWS_AT_ONCE])
            await asyncio.sleep(0)
        return {"status": "OK", "count": len(tickers), "tickers": tickers}

    def one_ticker(self, query: Query) -> Mapping[str, Any]:
        """One ticker; 404 when it is not listed."""
        row = self._market.universe.index.get(query.text("ticker"))
        if row is None:
            raise RestError(404)
        return {"status": "OK", "ticker": next(self._snapshots(np.array([row])))}

    def movers(self, query: Query) -> Mapping[str, Any]:
        """The 20 strongest gainers or losers against the previous close, among liquid tickers."""
        change = self._change_percent()
        change = np.where(self._market.state.accumulated_volume >= _MOVERS_MIN_VOLUME, change, np.nan)
        sign = -1 if query.text("direction") == "gainers" else 1
        order = np.argsort(sign * change)  # NaN sorts last
        rows = order[: min(_MOVERS, np.count_nonzero(np.isfinite(change)))]
        return {"status": "OK", "tickers": list(self._snapshots(rows))}

    def _change_percent(self) -> Column:
        previous = self._market.path.previous_close
        return 100 * (self._market.state.last_price - previous) / previous

    def _snapshots(self, rows: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
        market = self._market
        previous = self._daily.of_date(market.calendar.previous_sessions(market.day.date, 1)[0])
        time_ns = market.now_ms * NS_PER_MS
        last = market.state.last_price
        change_percent = np.nan_to_num(np.round(self._change_percent(), 3))
        change = np.nan_to_num(np.round(last - market.path.previous_close, 4))
        bid, ask = quote_prices(
            np.where(np.isnan(last), market.path.previous_close, last), np.full_like(last, 1.5)
        )
        minutes = self._minutes()
        for row in rows.tolist():
            snapshot: dict[str, Any] = {
                "ticker": market.universe.symbols[row],
                "todaysChange": float(change[row]),
                "todaysChangePerc": float(change_percent[row]),
                "updated": time_ns,
                "day": self._day(row),
                "min": self._minute(row, minutes),
                "prevDay": previous.bar(row),
                "lastQuote": {
                    "P": float(ask[row]),
                    "S": 1 + row % 9,
                    "p": float(bid[row]),
                    "s": 1 + row % 7,
                    "t": time_ns,
                },
            }
            if np.isfinite(last[row]):
                snapshot["lastTrade"] = self._last_trade(row, time_ns)
            yield snapshot

    def _day(self, row: int) -> dict[str, Any]:
        """The day's bar: all zero until the ticker's first trade in the regular session."""
        state = self._market.state
        if np.isnan(state.last[row]):
            return {"o": 0, "h": 0, "l": 0, "c": 0, "v": 0, "vw": 0, "dv": "0"}
        volume = int(state.accumulated_volume[row])
        return {
            "o": float(state.open[row]),
            "h": float(state.high[row]),
            "l": float(state.low[row]),
            "c": float(state.last[row]),
            "v": volume,
            "vw": round(float(state.notional[row]) / max(1, volume), 4),
            "dv": f"{volume}.0",
        }

    def _minutes(self) -> Mapping[int, int]:
        """The position of each row in the bars of the last whole minute."""
        bars = self._market.state.last_minute
        return {} if bars is None else {row: place for place, row in enumerate(bars.rows.tolist())}

    def _minute(self, row: int, minutes: Mapping[int, int]) -> dict[str, Any]:
        state = self._market.state
        volume = int(state.accumulated_volume[row])
        accumulated = {"av": volume, "dav": f"{volume}.0"}
        bars, place = state.last_minute, minutes.get(row)
        if bars is None or place is None:
            return {**accumulated, **self._flat_minute(row)}
        return {
            **accumulated,
            "t": state.last_minute_ms,
            "n": int(bars.trades[place]),
            "o": float(bars.open[place]),
            "h": float(bars.high[place]),
            "l": float(bars.low[place]),
            "c": float(bars.close[place]),
            "v": int(bars.volume[place]),
            "dv": f"{bars.volume[place]}.0",
            "vw": float(bars.vwap[place]),
        }

    def _flat_minute(self, row: int) -> dict[str, Any]:
        """The minute of a ticker without trades in the last one: its last price, or zeros."""
        last = self._market.state.last_price[row]
        price = 0.0 if np.isnan(last) else float(last)
        time_ms = self._market.now_ms // 60_000 * 60_000 if price else 0
        bar = dict.fromkeys(("o", "h", "l", "c", "vw"), price)
        return {"t": time_ms, "n": 0, "v": 0, "dv": "0", **bar}

    def _last_trade(self, row: int, time_ns: int) -> dict[str, Any]:
        price = float(round_price(self._market.state.last_price[row : row + 1])[0])
        size = _SHARES_PER_LOT
        return {"c": None, "i": str(row), "p": price, "s": size, "ds": f"{size}.0", "t": time_ns, "x": 4}
