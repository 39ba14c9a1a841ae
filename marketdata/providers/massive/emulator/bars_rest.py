"""Bars by REST: the whole market on a date, one ticker over a range, the previous day."""

import asyncio
import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.providers.massive.emulator.rest_answers import PagedRows, Query, RestError
from marketdata.synthetic_market.daily import round_price
from marketdata.synthetic_market.intraday import IntradayPath, RegularBars
from marketdata.synthetic_market.market import Market
from marketdata.synthetic_market.splits import SplitHistory
from marketdata.trading_calendar import CalendarRangeError
from marketdata.units import MS_PER_MINUTE

_DEFAULT_LIMIT: Final = 5_000
_MAX_LIMIT: Final = 50_000
_SHARES_PER_PRINT: Final = 100
_CACHED_BARS: Final = 64
_CACHED_PATHS: Final = 4
_TOO_EARLY: Final = (
    "Your plan doesn't include this data timeframe. Please upgrade your plan at https://massive.com/pricing"
)
_TODAY: Final = "Attempted to request today's data before end of day. Please upgrade your plan at https://massive.com/pricing"


class DayBars(msgspec.Struct, frozen=True):
    """The regular session's bars of one date, for all symbols."""

    date: dt.date
    close_ms: int
    start_ms: int
    bars: RegularBars
    average_trade_shares: Any

    def bar(self, row: int) -> dict[str, Any]:
        """The prices and the volume of one symbol."""
        bars = self.bars
        return {
            "o": float(bars.open[row]),
            "h": float(bars.high[row]),
            "l": float(bars.low[row]),
            "c": float(bars.close[row]),
            "v": int(bars.volume[row]),
            "vw": float(bars.vwap[row]),
        }

    def trades(self, row: int) -> int:
        """The number of trades that make up the volume."""
        return max(1, int(self.bars.volume[row] / self.average_trade_shares[row]))


class DailyBars:
    """Bars of past session dates, computed when first asked for and kept."""

    def __init__(self, market: Market) -> None:
        self._market: Final = market
        self.of_date = functools.lru_cache(maxsize=_CACHED_BARS)(self._of_date)
        self.path_of_date = functools.lru_cache(maxsize=_CACHED_PATHS)(self._path_of_date)

    def _of_date(self, date: dt.date) -> DayBars:
        path = self._path_of_date(date)
        day, shares = path.day, self._market.universe.average_trade_shares
        return DayBars(date, day.regular_close_ms, day.day_start_ms, RegularBars(path), shares)

    def _path_of_date(self, date: dt.date) -> IntradayPath:
        try:
            return self._market.path_of(date)
        except CalendarRangeError as error:
            raise RestError(403, {"status": "NOT_AUTHORIZED", "message": _TOO_EARLY}) from error


class BarsRest:
    """Answers from the bars of past days, which depend on the seed alone, and from the current day."""

    def __init__(self, market: Market, daily: DailyBars, splits: SplitHistory) -> None:
        self._market: Final = market
        self._daily: Final = daily
        self._splits: Final = splits

    async def grouped_daily(self, query: Query) -> Mapping[str, Any]:
        """Every ticker's bar of one date; no `results` on a day without trading."""
        date, adjusted = query.date("date"), _is_adjusted(query)
        body = {"status": "OK", "adjusted": adjusted}
        market = self._market
        if date == market.day.date and market.now_ms < market.day.after_hours_end_ms:
            raise RestError(403, {"status": "NOT_AUTHORIZED", "message": _TODAY})
        if date > market.day.date or not market.calendar.is_session(date):
            return {**body, "queryCount": 0, "resultsCount": 0}
        day = await asyncio.to_thread(self._daily.of_date, date)
        ratios = {} if adjusted else self._splits.ratios_since(date, market.day.date)
        results = [
            {
                "T": symbol,
                **_bar_before(day.bar(row), ratios.get(row)),
                "t": day.close_ms,
                "n": day.trades(row),
            }
            for row, symbol in enumerate(market.universe.symbols)
        ]
        counts = {"queryCount": len(results), "resultsCount": len(results), "count": len(results)}
        return {**body, **counts, "results": results}

    def previous_close(self, query: Query) -> Mapping[str, Any]:
        """One ticker's bar of the session before the running one; 404 when it is not listed."""
        ticker = query.text("ticker")
        row = self._market.universe.index.get(ticker)
        if row is None:
            raise RestError(404)
        day = self._daily.of_date(self._market.calendar.previous_sessions(self._market.day.date, 1)[0])
        bar = {"T": ticker, **day.bar(row), "t": day.close_ms, "n": day.trades(row)}
        counts = {"queryCount": 1, "resultsCount": 1, "count": 1}
        return {"status": "OK", "ticker": ticker, "adjusted": True, **counts, "results": [bar]}

    async def range(self, query: Query) -> PagedRows:
        """One ticker's day or minute bars over dates or instants; empty for an unknown ticker."""
        ticker = query.text("ticker")
        row = self._market.universe.index.get(ticker)
        window_ms = _window_ms(query)
        start_ms = self._instant(query, "from", end_of_day=False)
        end_ms = self._instant(query, "to", end_of_day=True)
        bars: list[dict[str, Any]] = []
        if row is not None and window_ms is None:
            bars = await self._day_bars(row, self._dates(start_ms, end_ms))
        elif row is not None and window_ms is not None:
            now_ms, dates = self._market.now_ms, self._dates(start_ms, end_ms)
            # Past prices are pure functions: a thread computes them while the market goes on.
            bars = await asyncio.to_thread(
                self._minute_bars,
                row,
                dates,
                window_ms=window_ms,
                start_ms=start_ms,
                end_ms=min(end_ms, now_ms - 1),
            )
        if query.text("sort", "asc") == "desc":
            bars.reverse()
        adjusted = _is_adjusted(query)
        if row is not None and not adjusted:
            bars = [self._unadjusted(row, bar) for bar in bars]
        counts = {"queryCount": len(bars), "resultsCount": len(bars)}
        return PagedRows(
            rows=bars,
            render=lambda bar: bar,
            default_limit=_DEFAULT_LIMIT,
            max_limit=_MAX_LIMIT,
            extra={"ticker": ticker, "adjusted": adjusted, **counts},
            omit_empty=True,
        )

    def _unadjusted(self, row: int, bar: dict[str, Any]) -> dict[str, Any]:
        """A bar in the shares of its own date."""
        date, today = self._market.calendar.local_time(bar["t"]).date(), self._market.day.date
        return {**bar, **_bar_before(bar, self._splits.ratio_since(row, date, today))}

    async def _day_bars(self, row: int, dates: Sequence[dt.date]) -> list[dict[str, Any]]:
        today = self._market.day.date
        past = await asyncio.to_thread(lambda: [self._daily.of_date(date) for date in dates if date < today])
        bars = [{**day.bar(row), "t": self._midnight_ms(day.date), "n": day.trades(row)} for day in past]
        return [*bars, *(self._running_day(row) if today in dates else ())]

    def _running_day(self, row: int) -> Iterator[dict[str, Any]]:
        """Today's bar so far, once the ticker has traded in the regular session."""
        state = self._market.state
        if np.isnan(state.last[row]):
            return
        prices = {"o": state.open, "h": state.high, "l": state.low, "c": state.last, "vw": state.day_vwap()}
        volume = int(state.accumulated_volume[row])
        bar = {name: float(column[row]) for name, column in prices.items()}
        trades = max(1, int(volume / self._market.universe.average_trade_shares[row]))
        yield {**bar, "v": volume, "t": self._midnight_ms(self._market.day.date), "n": trades}

    def _minute_bars(
        self, row: int, dates: Sequence[dt.date], *, window_ms: int, start_ms: int, end_ms: int
    ) -> list[dict[str, Any]]:
        bars: list[dict[str, Any]] = []
        for date in dates:
            is_running = date == self._market.day.date
            path = self._market.path if is_running else self._daily.path_of_date(date)
            last_ms = min(end_ms + 1, path.day.after_hours_end_ms)
            first_ms = max(path.day.day_start_ms, -(-start_ms // window_ms) * window_ms)
            bars += _minute_bars(path, row, range(first_ms, last_ms - window_ms + 1, window_ms))
        return bars

    def _dates(self, start_ms: int, end_ms: int) -> list[dt.date]:
        calendar, today = self._market.calendar, self._market.day.date
        first, last = calendar.local_time(start_ms).date(), min(today, calendar.local_time(end_ms).date())
        return [date for date in calendar.dates if first <= date <= last]

    def _midnight_ms(self, date: dt.date) -> int:
        return self._market.calendar.instant_ms(date, dt.time())

    def _instant(self, query: Query, name: str, *, end_of_day: bool) -> int:
        """The instant of a date or of epoch milliseconds. With `end_of_day` a date means its last one."""
        text = query.text(name)
        if text.isascii() and text.isdigit():
            return query.integer(name, 0, 0, 10**14)
        date = query.date(name)
        return self._midnight_ms(date + dt.timedelta(days=1)) - 1 if end_of_day else self._midnight_ms(date)


def _window_ms(query: Query) -> int | None:
    """The width of minute bars; None for day bars.

    Raises:
        RestError: 400, another timespan or multiplier than those served.
    """
    timespan = query.text("timespan")
    if timespan == "day":
        query.integer("multiplier", 1, 1, 1)
        return None
    if timespan == "minute":
        return query.integer("multiplier", 1, 1, 60) * MS_PER_MINUTE
    raise RestError.bad_request("timespan", f"must be day or minute, got {timespan!r}")


def _is_adjusted(query: Query) -> bool:
    return query.text("adjusted", "true") != "false"


def _bar_before(bar: dict[str, Any], ratio: float | None) -> dict[str, Any]:
    """The bar in older shares: one of them became `ratio` of the shares in which `bar` is given."""
    if ratio is None or ratio == 1:
        return bar
    prices = {name: round(bar[name] * ratio, 4) for name in ("o", "h", "l", "c", "vw")}
    return {**prices, "v": round(bar["v"] / ratio)}


def _minute_bars(path: IntradayPath, row: int, starts: range) -> Iterator[dict[str, Any]]:
    """The bars of windows that follow each other, each from three points of the path; none without volume."""
    if not starts:
        return
    begin = np.array(starts)
    points = np.stack([path.prices_of(row, begin + offset) for offset in _offsets(starts.step)])
    prices = round_price(points)
    shares = path.accumulated_shares_over(row, np.append(begin, begin[-1] + starts.step))
    low, high = prices.min(axis=0), prices.max(axis=0)
    columns = (
        begin,
        np.diff(shares),
        prices[0],
        high,
        low,
        prices[-1],
        np.clip(np.round(points.mean(axis=0), 4), low, high),
    )
    for start_ms, volume, *values in zip(*(column.tolist() for column in columns), strict=True):
        if volume:
            named = dict(zip(("o", "h", "l", "c", "vw"), values, strict=True))
            yield {**named, "v": volume, "t": start_ms, "n": max(1, volume // _SHARES_PER_PRINT)}


def _offsets(window_ms: int) -> tuple[int, ...]:
    return 0, window_ms // 2, window_ms - 1
