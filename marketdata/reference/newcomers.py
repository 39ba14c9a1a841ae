"""Looks up symbols that trade but have no reference data, and adds them to the reference block."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec
import numpy as np

from marketdata.errors import ContentError, ProviderRefused, ProviderUnavailable
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.reference.assembly import MarketFacts, assemble
from marketdata.reference.cache import Ask, CacheKind, ReferenceCache
from marketdata.reference.daily_metrics import SessionBars, build_panel
from marketdata.reference.facts import DailyBar, Float, ListedTicker, Listing, Split, TimedBar
from marketdata.reference.loader import SESSIONS
from marketdata.reference.rows import bars_of_session
from marketdata.reference.splits import AdjustedPanel, DaySplits, adjust_panel, splits_of
from marketdata.reference.tickers import Ticker
from marketdata.trading_calendar import TradingCalendar

_HOUR_SECONDS: Final = 3_600
_ABSENT_SECONDS: Final = 600
_UNKNOWN: Final = frozenset({"bad_request", "not_found"})
"""Refusals that mean that the provider does not know a symbol."""

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
SPLITS: Final[CacheKind[tuple[Split, ...]]] = CacheKind(
    name="splits",
    type=tuple[Split, ...],
    ttl_seconds=_HOUR_SECONDS,
    absent_ttl_seconds=_ABSENT_SECONDS,
)

log = get_logger(__name__)


class SymbolSource(Protocol):
    """The provider's answers about one symbol. See `marketdata.reference.sources` for the errors."""

    @property
    def requests(self) -> int:
        """Requests sent so far."""

    def leave_out(self, part: str, counts: Mapping[str, int]) -> None:
        """Count rows that are not used, by reason."""

    async def day_bars(
        self, symbol: str, first: dt.date, last: dt.date, *, adjusted: bool = True
    ) -> Sequence[TimedBar]:
        """One symbol's daily bars over some dates, both included, adjusted for splits or not."""

    async def ticker(self, symbol: str) -> ListedTicker | None:
        """One ticker's name, type and exchange; None when it is not known."""

    async def free_float(self, symbol: str, today: dt.date) -> Float | None:
        """One symbol's free float, the newest up to a date; None when there is none."""

    async def splits(self, date: dt.date) -> Listing[Split]:
        """Splits that execute on a date, as listed."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a search: a block with rows for the known symbols, and their tickers.

    `unknown` counts symbols without any fact, and `failed` those with an answer that was not understood.
    `left` counts those left for later because of the request limit, or of `failure` at the provider.
    """

    block: RowBlock
    tickers: Mapping[str, Ticker]
    unknown: int
    failed: int
    left: int
    not_entitled: Sequence[str]
    failure: str = ""


class _Facts(msgspec.Struct, frozen=True):
    """The facts about one symbol. `unadjusted`: bars of the previous session without today's split."""

    bars: Sequence[TimedBar]
    listed: ListedTicker | None
    free_float: Float | None
    unadjusted: Sequence[TimedBar] = ()

    @property
    def is_known(self) -> bool:
        return bool(self.bars) or self.listed is not None or self.free_float is not None


class NewcomerSearch:
    """Looks symbols up through the cache, with at most about `max_requests` requests to the provider.

    `stored` is the reference block that lacks the symbols. The new rows are of its trading day, and computed
    in the same way. `closures` are the dates on which the load of the whole market found the exchange closed.
    """

    def __init__(
        self,
        source: SymbolSource,
        cache: ReferenceCache,
        calendar: TradingCalendar,
        stored: RowBlock,
        *,
        max_requests: int,
        closures: Collection[dt.date] = (),
    ) -> None:
        self._source = source
        self._cache = cache
        self._calendar = calendar
        self._stored = stored
        self._day = calendar.trading_day(stored.market_time_ms)
        dates = calendar.previous_sessions(self._day.date, SESSIONS)
        self._dates = [date for date in dates if date not in closures]
        self._today = calendar.local_time(stored.market_time_ms).date()
        self._max_requests = max_requests
        self._refused: set[str] = set()

    async def look_up(self, symbols: Sequence[str], *, published_ns: int) -> Found:
        """The rows of the symbols about which the provider has any fact. Symbols are looked up in their
        order.

        If an answer about a symbol is not understood, the symbol gets no row, since a symbol with a row is
        not looked up again. `waiting.lookup_order` prevents such symbols from using up every search.

        Raises:
            ProviderUnavailable, ProviderRefused: see `ReferenceSource`. If some symbols were found before
                the error, they are returned, with the error as `failure`.
            StoreUnavailable: the cache is away.
        """
        splits = DaySplits()
        found: dict[str, _Facts] = {}
        looked_up = failed = 0
        failure = ""
        try:
            splits = await self._splits()
            before = self._source.requests
            for symbol in symbols:
                if self._source.requests - before >= self._max_requests:
                    break
                try:
                    found[symbol] = await self._facts(symbol, splits=symbol in splits.symbols)
                except ContentError as error:
                    failed += 1
                    log.warning("symbol not looked up", symbol=symbol, detail=str(error))
                looked_up += 1
        except (ProviderUnavailable, ProviderRefused) as error:
            if not any(facts.is_known for facts in found.values()):
                raise
            failure = str(error)
            log.warning("search for symbols cut short", detail=failure)
        known = {symbol: facts for symbol, facts in found.items() if facts.is_known}
        tickers = {
            symbol: facts.listed.facts() for symbol, facts in known.items() if facts.listed is not None
        }
        return Found(
            block=self._assembled(known, tickers, splits, published_ns),
            tickers=tickers,
            unknown=len(found) - len(known),
            failed=failed,
            left=len(symbols) - looked_up,
            not_entitled=tuple(sorted(self._refused)),
            failure=failure,
        )

    async def _facts(self, symbol: str, *, splits: bool) -> _Facts:
        """Request the facts one after the other, since a new symbol is not urgent."""
        # The cached bars are those of one day, so the day is a part of their name.
        dated = f"{self._dates[-1].isoformat()}:{symbol}"
        last = self._dates[-1]
        return _Facts(
            bars=await self._get(DAY_BARS, dated, lambda: self._day_bars(symbol)) or (),
            listed=await self._get(TICKER, symbol, lambda: self._source.ticker(symbol)),
            free_float=await self._get(
                FREE_FLOAT, symbol, lambda: self._source.free_float(symbol, self._today)
            ),
            unadjusted=await self._source.day_bars(symbol, last, last, adjusted=False) if splits else (),
        )

    async def _day_bars(self, symbol: str) -> tuple[TimedBar, ...] | None:
        return tuple(await self._source.day_bars(symbol, self._dates[0], self._dates[-1])) or None

    async def _splits(self) -> DaySplits:
        """The splits of the day. Without them the search goes on, except for floats of before today."""
        date = self._day.date

        async def ask() -> tuple[Split, ...]:
            listing = await self._source.splits(date)
            if listing.failure is not None:
                raise listing.failure
            return tuple(listing.rows)

        try:
            found = await self._get(SPLITS, date.isoformat(), ask)
        except (ContentError, ProviderUnavailable) as error:
            log.warning("symbols are looked up without the splits of the day", detail=str(error))
            found = None
        return DaySplits(is_known=False) if found is None else splits_of(found, date)

    async def _get(self, kind: CacheKind[T], name: str, ask: Ask[T]) -> T | None:
        """The fact. None if there is none, or if the plan does not include it, which is logged once."""
        if kind.name in self._refused:
            return None

        async def asked() -> T | None:
            try:
                return await ask()
            except ProviderRefused as refusal:
                if refusal.reason not in _UNKNOWN:
                    raise
                log.info("symbol refused", what=kind.name, name=name, detail=str(refusal))
                return None

        try:
            return await self._cache.get(kind, name, asked)
        except ProviderRefused as refusal:
            if refusal.reason != "not_entitled":
                raise
            self._refused.add(kind.name)
            log.warning("single symbols not included in the plan", what=kind.name, detail=str(refusal))
            return None

    def _assembled(
        self,
        known: Mapping[str, _Facts],
        tickers: Mapping[str, Ticker],
        splits: DaySplits,
        published_ns: int,
    ) -> RowBlock:
        adjusted = self._adjusted(known, splits)
        doubtful = frozenset(splits.doubtful).intersection(known).difference(adjusted.ratios)
        if doubtful:
            self._source.leave_out(SPLITS.name, {"contradictory": len(doubtful)})
        if unknown := adjusted.unknown.intersection(known):
            log.warning("bars of split symbols are in unknown shares", symbols=sorted(unknown))
        facts = MarketFacts(
            day=self._day,
            panel=adjusted.panel,
            floats=[facts.free_float for facts in known.values() if facts.free_float is not None],
            tickers=tickers,
            split_ratios=adjusted.ratios,
            doubtful_splits=doubtful,
            knows_splits=splits.is_known,
        )
        return assemble(
            facts,
            epoch=self._stored.epoch,
            published_ns=published_ns,
            market_time_ms=self._stored.market_time_ms,
        )

    def _adjusted(self, known: Mapping[str, _Facts], splits: DaySplits) -> AdjustedPanel:
        sessions = self._by_session({symbol: facts.bars for symbol, facts in known.items()})
        unadjusted = self._by_session({symbol: facts.unadjusted for symbol, facts in known.items()})
        return adjust_panel(build_panel(sessions), unadjusted[-1], splits)

    def _by_session(self, bars: Mapping[str, Sequence[TimedBar]]) -> Sequence[SessionBars]:
        """The bars by session date, as in a load of the whole market."""
        by_date: dict[dt.date, list[DailyBar]] = {date: [] for date in self._dates}
        for symbol, history in bars.items():
            for bar in history:
                date = self._calendar.local_time(bar.start_ms).date()
                if date in by_date:
                    named = DailyBar(symbol, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap)
                    by_date[date].append(named)
        chosen = [bars_of_session(found, date) for date, found in by_date.items()]
        for one in chosen:
            self._source.leave_out("day_bars", one.left_out)
        return [one.rows for one in chosen]


def merge(stored: RowBlock, added: RowBlock) -> RowBlock:
    """The stored block with the added rows, sorted by symbol, as its next tick. Its columns stay the same."""
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
