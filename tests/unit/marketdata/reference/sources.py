"""A provider with given answers, and daily bars with sensible defaults."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from marketdata.errors import MarketDataError
from marketdata.reference.facts import DailyBar, Float, ListedTicker, Listing, Snapshot, Split
from marketdata.reference.volume_curve import MinuteVolumes
from tests.support.simulator import trading_calendar

CALENDAR = trading_calendar()
MONDAY = dt.date(2026, 11, 16)
FRIDAY = dt.date(2026, 11, 13)
MONDAY_10_00_MS = CALENDAR.instant_ms(MONDAY, dt.time(10, 0))
MINUTE_MS = 60_000


def bar(
    symbol: str,
    close: float = 10.0,
    volume: float = 100.0,
    *,
    high: float | None = None,
    low: float | None = None,
) -> DailyBar:
    highest = max(11.0, close) if high is None else high
    return DailyBar(symbol, 9.0, highest, min(8.0, close) if low is None else low, close, volume, 10.5)


class FakeSource:
    """A provider with the given answers; counts the requests. `refused` is by step, or by date of bars.

    `broken` is what a listing ends with. The exchange is closed on dates of `closed`, for minute bars, too.
    """

    def __init__(self, market_time_ms: int = MONDAY_10_00_MS) -> None:
        self.now_ms = market_time_ms
        self.bars: dict[dt.date, Sequence[DailyBar]] = {}
        self.unadjusted: Sequence[DailyBar] = ()
        self.default: Sequence[DailyBar] = (bar("IBM"),)
        self.all_floats: Sequence[Float] = (Float("IBM", 5_000.0),)
        self.all_tickers: Sequence[ListedTicker] = (
            ListedTicker("IBM", "International Business Machines", "CS", "XNYS"),
        )
        self.all_splits: Sequence[Split] = ()
        self.all_snapshots: Sequence[Snapshot] = (Snapshot("IBM"),)
        self.refused: dict[str, Exception] = {}
        self.broken: dict[str, MarketDataError] = {}
        self.closed: set[dt.date] = set()
        self.was_listed: dict[str, ListedTicker] = {}
        self.has_own_clock = True
        self.left_out: Counter[str] = Counter()
        self.requests = 0
        self.asked: list[dt.date] = []
        self.asked_steps: list[str] = []
        self.curve_symbols: list[str] = []

    def leave_out(self, part: str, counts: Mapping[str, int]) -> None:
        for reason, rows in counts.items():
            if rows:
                self.left_out[f"{part}: {reason}"] += rows

    async def market_time_ms(self) -> int:
        await self._answer("market status")
        return self.now_ms

    async def daily_bars(self, date: dt.date, *, adjusted: bool = True) -> Sequence[DailyBar]:
        await self._answer(date.isoformat() if adjusted else "unadjusted", "bars")
        if not adjusted:
            return self.unadjusted
        self.asked.append(date)
        return self.bars.get(date, self.default)

    async def floats(self) -> Listing[Float]:
        await self._answer("floats")
        return Listing(self.all_floats, self.broken.get("floats"))

    async def tickers(self) -> Listing[ListedTicker]:
        await self._answer("tickers")
        return Listing(self.all_tickers, self.broken.get("tickers"))

    async def splits(self, date: dt.date) -> Listing[Split]:
        await self._answer("splits")
        found = [split for split in self.all_splits if split.execution_date == date]
        return Listing(found, self.broken.get("splits"))

    async def ticker(self, symbol: str, date: dt.date | None = None) -> ListedTicker | None:
        await self._answer("ticker")
        assert date is not None
        return self.was_listed.get(symbol)

    async def snapshot(self) -> Sequence[Snapshot]:
        await self._answer("snapshot")
        return self.all_snapshots

    async def minute_volumes(self, symbol: str, first: dt.date, last: dt.date) -> MinuteVolumes:
        await self._answer("minute bars", f"minute bars of {symbol}")
        self.curve_symbols.append(symbol)
        dates = [date for date in CALENDAR.dates if first <= date <= last and date not in self.closed]
        starts = [CALENDAR.day(date).regular_open_ms for date in dates]
        # All of a day's volume in its first regular minute but one share in the one after.
        times = [start + minute * MINUTE_MS for start in starts for minute in (0, 1)]
        return MinuteVolumes(np.array(times), np.array([99.0, 1.0] * len(starts)))

    async def _answer(self, *steps: str) -> None:
        self.requests += 1
        self.asked_steps += steps
        await asyncio.sleep(0)
        for step in steps:
            if step in self.refused:
                raise self.refused[step]
