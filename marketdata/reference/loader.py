"""Loads reference data for the whole market, part by part, and continues when parts are missing.

Requests of one load: one for the provider's own time, which gives the trading day; one for each of the last
30 sessions, with the bars of the whole market; pages of 5,000 floats and of 1,000 tickers; one for the
splits; two for the snapshot and the time after it; one for each symbol of the volume curve. These are 55
requests for a market of 11,000 symbols. The optional ones (volume curve, renamed symbols) keep within
`REQUEST_BUDGET`.

An answer that is empty, unreadable, refused or endless affects its part only, and becomes a named flaw.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ContentError, MarketDataError, ProviderRefused
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.reference.assembly import MarketFacts, assemble
from marketdata.reference.closures import confirmed_closures
from marketdata.reference.daily_metrics import SessionPanel, build_panel, most_traded, without_sessions
from marketdata.reference.facts import Float, ListedTicker, Snapshot, Split
from marketdata.reference.flaws import (
    FLOATS,
    MARKET_STATUS,
    SNAPSHOT,
    SPLITS,
    TICKERS,
    UNADJUSTED_BARS,
    VOLUME_CURVE,
    Flaw,
    FlawReason,
    flaw_of,
    named,
)
from marketdata.reference.parts import Parts, Progress
from marketdata.reference.renames import find_renames, renamed_panel, renamed_rows
from marketdata.reference.rows import newest_floats, newest_tickers, snapshots_of_day
from marketdata.reference.sessions import DAILY_BARS, SessionAnswer, Sessions, judge_sessions
from marketdata.reference.sources import ReferenceSource
from marketdata.reference.splits import AdjustedPanel, DaySplits, adjust_panel, newest_session, splits_of
from marketdata.reference.tickers import Ticker
from marketdata.reference.volume_curve import MinuteVolumes, VolumeCurve, learn_volume_curve
from marketdata.trading_calendar import TradingCalendar, TradingDay
from marketdata.units import NS_PER_MS

SESSIONS: Final = 30
CURVE_SESSIONS: Final = 20
CURVE_SYMBOLS: Final = 6
MAX_RENAMES: Final = 6
REQUEST_BUDGET: Final = 60
PREPARATION_MS: Final = 30 * 60_000
"""How early before a trading day its reference data can be loaded: the session before is complete by then."""

_STEPS_BESIDE_SESSIONS: Final = 6

T = TypeVar("T")

log = get_logger(__name__)


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The reference data of a trading day, whose previous session was on `previous_date`.

    `tickers`, `volume_curve`: None if they could not be loaded.
    `flaws`: missing or incomplete parts. `left_out`: counts of rows that are not used, by endpoint and
    reason.
    `closures`: dates of the calendar on which the exchange was closed.
    `doubtful_splits`: symbols whose split ratio of the day is unknown.
    """

    block: RowBlock
    tickers: Mapping[str, Ticker] | None
    volume_curve: VolumeCurve | None
    day: TradingDay
    previous_date: dt.date
    requests: int
    flaws: Sequence[Flaw]
    left_out: Mapping[str, int]
    closures: Sequence[dt.date]
    doubtful_splits: frozenset[str] = frozenset()

    @property
    def date(self) -> dt.date:
        """The date of the trading day."""
        return self.day.date

    @property
    def not_entitled(self) -> Sequence[str]:
        """Names of the parts that the provider's plan does not include."""
        return named(self.flaws, FlawReason.NOT_ENTITLED)


class _TakenSnapshot(msgspec.Struct, frozen=True):
    """Rows, and the provider's own time after its answer (epoch ms): no row can have changed later."""

    rows: Sequence[Snapshot] = ()
    answered_at_ms: int = 0


class _Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to requests that do not depend on other answers. Empty if a part could not be loaded."""

    sessions: Sessions
    floats: Sequence[Float]
    tickers: Sequence[ListedTicker]
    splits: Sequence[Split]
    snapshot: _TakenSnapshot


class ReferenceLoader:
    """Loads reference data for the whole market once.

    `calendar_around` gives the trading calendar that covers an instant (epoch nanoseconds).
    """

    def __init__(
        self,
        source: ReferenceSource,
        calendar_around: Callable[[int], TradingCalendar],
        *,
        clock: Clock | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._source = source
        self._calendar_around = calendar_around
        self._clock = clock or SystemClock()
        self._parts = Parts(source, SESSIONS + _STEPS_BESIDE_SESSIONS, progress)

    async def is_current(self, stored: RowBlock | None) -> bool:
        """Whether the stored block is of the trading day to load now, by the provider's clock."""
        if stored is None:
            return False
        market_time_ms = await self._market_time_ms()
        _, day = await asyncio.to_thread(self._wanted_day, market_time_ms)
        return day.contains(stored.market_time_ms)

    async def load(self) -> Loaded:
        """Load all parts and assemble them. A part that could not be loaded is absent, and named by a flaw.

        The data is of the running trading day; in the last half hour before a day starts, it is of that day.
        The block's market time lies in the day: if the day has not started, it is the start of the day.

        Raises:
            ProviderUnavailable, ProviderRefused, ContentError: the time is unknown, or not one session could
                be loaded although the plan includes them. Nothing is lost; try later.
            ContentError: reason `no_reference_data`; not one symbol is known.
        """
        market_time_ms = await self._market_time_ms()
        calendar, day = await asyncio.to_thread(self._wanted_day, market_time_ms)
        has_started = market_time_ms >= day.day_start_ms
        dates = calendar.previous_sessions(day.date, SESSIONS)
        answers = await self._ask_for_all(day, dates, market_time_ms)
        panel = await asyncio.to_thread(build_panel, list(answers.sessions.bars.values()))
        renames = await self._renames(panel, dates, answers.tickers)
        splits = splits_of(renamed_rows(answers.splits, renames), day.date)
        adjusted = await self._adjusted(renamed_panel(panel, renames), dates, splits, renames)
        days = [calendar.day(date) for date in dates]
        volumes = await self._minute_volumes(adjusted.panel, days, day if has_started else days[-1])
        closures = confirmed_closures(answers.sessions.empty, volumes.values(), calendar)
        self._report_closures(answers.sessions, closures)
        today = calendar.local_time(market_time_ms).date()
        if answers.floats and self._parts.lacks(SPLITS) and not self._parts.lacks(FLOATS):
            self._parts.add_flaws(Flaw(part=FLOATS, reason=FlawReason.UNKNOWN_SHARES))
        facts = MarketFacts(
            day=day,
            panel=without_sessions(adjusted.panel, map(dates.index, closures)),
            floats=self._parts.used(FLOATS, newest_floats(renamed_rows(answers.floats, renames), today)),
            tickers={row.symbol: row.facts() for row in answers.tickers},
            split_ratios=adjusted.ratios,
            doubtful_splits=frozenset(splits.doubtful).difference(adjusted.ratios),
            knows_splits=not self._parts.lacks(SPLITS),
            snapshot=self._parts.used(
                SNAPSHOT,
                snapshots_of_day(
                    renamed_rows(answers.snapshot.rows, renames), day, answers.snapshot.answered_at_ms
                ),
            ),
        )
        return Loaded(
            block=await self._assemble(facts, max(market_time_ms, day.day_start_ms)),
            tickers=facts.tickers or None,
            volume_curve=await self._volume_curve(volumes, days),
            day=day,
            previous_date=max(set(dates) - closures),
            requests=self._source.requests,
            flaws=self._parts.flaws,
            left_out=self._source.left_out,
            closures=tuple(sorted(closures)),
            doubtful_splits=facts.doubtful_splits,
        )

    async def _market_time_ms(self) -> int:
        """The provider's own time; if that fails, this machine's, unless the provider has its own clock."""
        try:
            return await self._source.market_time_ms()
        except MarketDataError as error:
            wrong_key = isinstance(error, ProviderRefused) and error.reason == "auth_failed"
            if wrong_key or self._source.has_own_clock:
                raise
            self._parts.add_flaws(flaw_of(MARKET_STATUS, error))
            return self._clock.time_ns() // NS_PER_MS

    async def _ask_for_all(self, day: TradingDay, dates: Sequence[dt.date], market_time_ms: int) -> _Answers:
        source, parts = self._source, self._parts
        async with asyncio.TaskGroup() as tasks:
            sessions = {date: tasks.create_task(self._session(date)) for date in dates}
            floats = tasks.create_task(parts.listing(source.floats(), FLOATS))
            tickers = tasks.create_task(parts.listing(source.tickers(), TICKERS))
            splits = tasks.create_task(parts.listing(source.splits(day.date), SPLITS, may_be_empty=True))
            # Before the day starts, a snapshot has no data of it.
            has_started = market_time_ms >= day.day_start_ms
            taken = self._snapshot(market_time_ms) if has_started else _no_snapshot()
            snapshot = tasks.create_task(parts.step(taken, SNAPSHOT))
        found = judge_sessions({date: task.result() for date, task in sessions.items()})
        parts.add_flaws(*found.flaws)
        return _Answers(
            sessions=found,
            floats=floats.result(),
            tickers=parts.used(TICKERS, newest_tickers(tickers.result(), day.date)),
            splits=splits.result(),
            snapshot=snapshot.result() or _TakenSnapshot(),
        )

    async def _session(self, date: dt.date) -> SessionAnswer:
        """The bars of a session, or the error, which `judge_sessions` compares with the other answers."""
        answer: SessionAnswer
        try:
            answer = await self._source.daily_bars(date)
        except MarketDataError as error:
            answer = error
        self._parts.complete_step(f"{DAILY_BARS} of {date}")
        return answer

    async def _snapshot(self, market_time_ms: int) -> _TakenSnapshot:
        """The snapshot, and the provider's time after it. If that fails, estimate it by our own clock."""
        started_ns = self._clock.time_ns()
        rows = await self._source.snapshot()
        if not rows:
            raise ContentError(FlawReason.EMPTY)
        try:
            answered_at_ms = await self._source.market_time_ms()
        except MarketDataError as error:
            log.warning("the time of the snapshot is estimated", detail=str(error))
            answered_at_ms = market_time_ms + (self._clock.time_ns() - started_ns) // NS_PER_MS
        return _TakenSnapshot(rows, answered_at_ms)

    async def _renames(
        self, panel: SessionPanel, dates: Sequence[dt.date], listed: Sequence[ListedTicker]
    ) -> Mapping[str, str]:
        """New names by old ones. Needs the complete list of tickers, which shows who has left it."""
        session = newest_session(panel)
        if session is None or self._parts.lacks(TICKERS):
            return {}
        affordable = min(MAX_RENAMES, REQUEST_BUDGET - CURVE_SYMBOLS - 1 - self._source.requests)
        return await find_renames(
            panel,
            session,
            listed,
            lambda symbol: self._source.ticker(symbol, dates[session]),
            max_requests=max(0, affordable),
        )

    async def _adjusted(
        self, panel: SessionPanel, dates: Sequence[dt.date], splits: DaySplits, renames: Mapping[str, str]
    ) -> AdjustedPanel:
        """The sessions in today's shares. With splits, one more request shows which bars are unadjusted."""
        newest = newest_session(panel)
        needed = newest is not None and bool(splits.symbols)
        asked = self._source.daily_bars(dates[newest or 0], adjusted=False) if needed else _nothing()
        bars = await self._parts.step(asked, UNADJUSTED_BARS)
        if needed and bars is not None and not bars:
            self._parts.add_flaws(Flaw(part=UNADJUSTED_BARS, reason=FlawReason.EMPTY))
        adjusted = await asyncio.to_thread(adjust_panel, panel, renamed_rows(bars or (), renames), splits)
        self._source.leave_out(SPLITS, {"contradictory": len(set(splits.doubtful) - set(adjusted.ratios))})
        if adjusted.unknown:
            log.warning("bars of split symbols are in unknown shares", symbols=sorted(adjusted.unknown))
        return adjusted

    async def _minute_volumes(
        self, panel: SessionPanel, days: Sequence[TradingDay], last: TradingDay
    ) -> Mapping[str, MinuteVolumes]:
        """Minute bars of the most traded symbols, of all sessions and of the running day."""
        affordable = max(0, min(CURVE_SYMBOLS, REQUEST_BUDGET - self._source.requests))
        symbols = await asyncio.to_thread(most_traded, panel, affordable)
        asked = [self._source.minute_volumes(symbol, days[0].date, last.date) for symbol in symbols]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        volumes: dict[str, MinuteVolumes] = {}
        failure: MarketDataError | None = None
        for symbol, answer in zip(symbols, answers, strict=True):
            if isinstance(answer, MinuteVolumes):
                volumes[symbol] = answer
            elif isinstance(answer, MarketDataError):
                failure = failure or answer
                log.warning("minute bars left out of the volume curve", symbol=symbol, detail=str(answer))
            else:
                raise answer
        if panel.symbols and not volumes:
            why = failure or ContentError(FlawReason.EMPTY, "other requests have used up the budget")
            self._parts.add_flaws(flaw_of(VOLUME_CURVE, why))
        self._parts.complete_step(VOLUME_CURVE)
        return volumes

    async def _volume_curve(
        self, volumes: Mapping[str, MinuteVolumes], days: Sequence[TradingDay]
    ) -> VolumeCurve | None:
        full_days = [day for day in days if not day.is_early_close][-CURVE_SESSIONS:]
        curve = await asyncio.to_thread(learn_volume_curve, volumes, full_days)
        if volumes and curve is None:
            self._parts.add_flaws(Flaw(part=VOLUME_CURVE, reason=FlawReason.EMPTY))
        return curve

    def _report_closures(self, sessions: Sessions, closures: frozenset[dt.date]) -> None:
        """Log closures, and remove their flaws: the bars of a closed day are not missing."""
        if closures:
            log.info("the exchange was closed on sessions of the calendar", dates=sorted(map(str, closures)))
        self._parts.remove_flaws([flaw for flaw in sessions.flaws if flaw.date in closures])

    async def _assemble(self, facts: MarketFacts, market_time_ms: int) -> RowBlock:
        now_ns = self._clock.time_ns()
        block = await asyncio.to_thread(
            assemble, facts, epoch=now_ns, published_ns=now_ns, market_time_ms=market_time_ms
        )
        if not block.symbols:
            raise ContentError(
                "no_reference_data", f"not a symbol in {SESSIONS} sessions before {facts.day.date}"
            )
        return block

    def _wanted_day(self, market_time_ms: int) -> tuple[TradingCalendar, TradingDay]:
        calendar = self._calendar_around(market_time_ms * NS_PER_MS)
        return calendar, calendar.trading_day(market_time_ms + PREPARATION_MS)


async def _no_snapshot() -> _TakenSnapshot:
    """Replaces the request for a snapshot that has no data yet."""
    return _TakenSnapshot()


async def _nothing() -> Sequence[T]:
    """Replaces a request that is not needed."""
    return ()
