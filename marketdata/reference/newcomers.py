"""Symbols that trade but have no reference data: looked up one by one, and added to the reference block."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec
import numpy as np

from marketdata.errors import ProviderRefused
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.reference.assembly import MarketFacts, assemble
from marketdata.reference.cache import Ask, CacheKind, ReferenceCache
from marketdata.reference.daily_metrics import build_panel
from marketdata.reference.loader import SESSIONS
from marketdata.reference.tickers import Ticker
from marketdata.reference.wire import DailyBar, Float, ListedTicker, TimedBar
from marketdata.trading_calendar import TradingCalendar

_HOUR_SECONDS: Final = 3_600
_ABSENT_SECONDS: Final = 600

T = TypeVar("T")

DAY_BARS: Final[CacheKind[tuple[TimedBar, ...]]] = CacheKind(
    name="day_bars",
    type=tuple[TimedBar, ...],
    ttl_seconds=24 * _HOUR_SECONDS,
    absent_ttl_seconds=_ABSENT_SECONDS,
)
TICKER: Final[CacheKind[ListedTicker]] = CacheKind(
    name="ticker",
    type=ListedTicker,
    ttl_seconds=24 * _HOUR_SECONDS,
    absent_ttl_seconds=_ABSENT_SECONDS,
)
FREE_FLOAT: Final[CacheKind[Float]] = CacheKind(
    name="free_float",
    type=Float,
    ttl_seconds=12 * _HOUR_SECONDS,
    absent_ttl_seconds=_HOUR_SECONDS,
)

log = get_logger(__name__)


class SymbolSource(Protocol):
    """Where facts about one symbol come from; see `marketdata.reference.rest.RestSource`."""

    @property
    def requests(self) -> int:
        """Requests sent so far."""

    async def day_bars(self, symbol: str, first: dt.date, last: dt.date) -> Sequence[TimedBar]:
        """One symbol's daily bars over some dates, both included, adjusted for splits."""

    async def ticker(self, symbol: str) -> ListedTicker | None:
        """One ticker's name, type and exchange; None when it is not known."""

    async def free_float(self, symbol: str) -> Float | None:
        """One symbol's free float; None when there is none."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search came to: a block of rows for the symbols that are known, and their tickers.

    `unknown` counts symbols of which nothing is known, `left` those that the bound left for later.
    """

    block: RowBlock
    tickers: Mapping[str, Ticker]
    unknown: int
    left: int
    not_entitled: Sequence[str]


class NewcomerSearch:
    """Looks symbols up through the cache, with about `max_requests` requests to the provider at most.

    `stored` is the reference block that lacks the symbols: what is found is of its trading day.
    """

    def __init__(
        self,
        source: SymbolSource,
        cache: ReferenceCache,
        calendar: TradingCalendar,
        stored: RowBlock,
        *,
        max_requests: int,
    ) -> None:
        self._source = source
        self._cache = cache
        self._calendar = calendar
        self._stored = stored
        self._day = calendar.trading_day(stored.market_time_ms)
        self._dates = calendar.previous_sessions(self._day.date, SESSIONS)
        self._max_requests = max_requests
        self._refused: set[str] = set()

    async def look_up(self, symbols: Sequence[str], *, published_ns: int) -> Found:
        """The rows of those symbols that the provider knows anything about.

        Raises:
            ProviderUnavailable, ProviderRefused, ContentError: see `RestSource`.
            StoreUnavailable: the cache is away.
        """
        bars: dict[str, Sequence[TimedBar]] = {}
        tickers: dict[str, Ticker] = {}
        floats: list[Float] = []
        looked_up = 0
        for symbol in symbols:
            if self._source.requests >= self._max_requests:
                break
            history, listed, free_float = await self._facts(symbol)
            looked_up += 1
            if history:
                bars[symbol] = history
            if listed is not None:
                tickers[symbol] = listed.facts()
            if free_float is not None:
                floats.append(free_float)
        known = {*bars, *tickers, *(row.symbol for row in floats)}
        facts = MarketFacts(
            day=self._day,
            panel=build_panel(self._sessions(bars), drop_empty=False),
            floats=floats,
            tickers=tickers,
        )
        return Found(
            block=assemble(
                facts,
                epoch=self._stored.epoch,
                published_ns=published_ns,
                market_time_ms=self._stored.market_time_ms,
            ),
            tickers=tickers,
            unknown=looked_up - len(known),
            left=len(symbols) - looked_up,
            not_entitled=tuple(sorted(self._refused)),
        )

    async def _facts(
        self, symbol: str
    ) -> tuple[Sequence[TimedBar] | None, ListedTicker | None, Float | None]:
        """One after the other: a symbol that trades for the first time is no reason to hurry."""
        # The date belongs to the name: what is remembered of one day is not the history of the next.
        dated = f"{self._dates[-1].isoformat()}:{symbol}"
        return (
            await self._get(DAY_BARS, dated, lambda: self._day_bars(symbol)),
            await self._get(TICKER, symbol, lambda: self._source.ticker(symbol)),
            await self._get(FREE_FLOAT, symbol, lambda: self._source.free_float(symbol)),
        )

    async def _day_bars(self, symbol: str) -> tuple[TimedBar, ...] | None:
        return tuple(await self._source.day_bars(symbol, self._dates[0], self._dates[-1])) or None

    async def _get(self, kind: CacheKind[T], name: str, ask: Ask[T]) -> T | None:
        """The fact, or None where there is none, or where the plan does not include it; that is said once."""
        if kind.name in self._refused:
            return None
        try:
            return await self._cache.get(kind, name, ask)
        except ProviderRefused as refusal:
            if refusal.reason != "not_entitled":
                raise
            self._refused.add(kind.name)
            log.warning("single symbols not included in the plan", what=kind.name, detail=str(refusal))
            return None

    def _sessions(self, bars: Mapping[str, Sequence[TimedBar]]) -> Sequence[Sequence[DailyBar]]:
        """The bars by session date, as the bulk load has them."""
        by_date: dict[dt.date, list[DailyBar]] = {date: [] for date in self._dates}
        for symbol, history in bars.items():
            for bar in history:
                date = self._calendar.local_time(bar.start_ms).date()
                if date in by_date:
                    named = DailyBar(symbol, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap)
                    by_date[date].append(named)
        return list(by_date.values())


def merge(stored: RowBlock, added: RowBlock) -> RowBlock:
    """The stored block with further rows, by symbol, as its next publication; it keeps its columns."""
    symbols = (*stored.symbols, *added.symbols)
    order = np.array(sorted(range(len(symbols)), key=symbols.__getitem__), dtype=np.intp)
    absent = np.full(len(added), np.nan)
    return msgspec.structs.replace(
        stored,
        tick=stored.tick + 1,
        published_ns=added.published_ns,
        symbols=tuple(symbols[index] for index in order),
        columns={
            name: np.concatenate((column, added.columns.get(name, absent)))[order]
            for name, column in stored.columns.items()
        },
    )
