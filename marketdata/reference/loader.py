"""What to ask the provider for, and what may be missing.

One request tells the provider's own time, and with it the trading day; one for each of the last 30
sessions brings the whole market's bars of that day; floats come in pages of 5,000, tickers in pages of 1,000;
splits and snapshot are one request each, and the volume curve one for each of its symbols. 54 requests
for a market of 11,000 symbols, and never more than `REQUEST_BUDGET` because of the curve.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ContentError, ProviderRefused, ProviderUnavailable
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.reference.assembly import MarketFacts, assemble, snapshot_of_day
from marketdata.reference.daily_metrics import SessionBars, SessionPanel, build_panel, most_traded
from marketdata.reference.splits import adjust_panel, split_ratios
from marketdata.reference.tickers import Ticker
from marketdata.reference.volume_curve import MinuteVolumes, VolumeCurve, learn_volume_curve
from marketdata.reference.wire import DailyBar, Float, ListedTicker, Snapshot, Split
from marketdata.trading_calendar import TradingCalendar, TradingDay

SESSIONS: Final = 30
CURVE_SESSIONS: Final = 20
CURVE_SYMBOLS: Final = 6
REQUEST_BUDGET: Final = 60
PREPARATION_MS: Final = 30 * 60_000
"""So long before a trading day starts, its reference data can be had: the session before is complete."""

NANOSECONDS_PER_MS: Final = 1_000_000
_STEPS_BESIDE_SESSIONS: Final = 6

T = TypeVar("T")

log = get_logger(__name__)


class ReferenceSource(Protocol):
    """Where the facts come from; see `marketdata.reference.rest.RestSource` for what the methods raise."""

    @property
    def requests(self) -> int:
        """Requests sent so far."""

    async def market_time_ms(self) -> int:
        """The provider's own time, epoch milliseconds."""

    async def daily_bars(self, date: dt.date, *, adjusted: bool = True) -> Sequence[DailyBar]:
        """Every symbol's bar of one session, adjusted for splits or not."""

    async def floats(self) -> Sequence[Float]:
        """The free float of every symbol that has one."""

    async def tickers(self) -> Sequence[ListedTicker]:
        """Every active ticker of the stock market."""

    async def splits(self, date: dt.date) -> Sequence[Split]:
        """Splits that execute on a date."""

    async def snapshot(self) -> Sequence[Snapshot]:
        """The running and the previous day of every symbol."""

    async def minute_volumes(self, symbol: str, first: dt.date, last: dt.date) -> MinuteVolumes:
        """One symbol's minute bars over some dates, both included."""


class Progress(msgspec.Struct, frozen=True):
    """How far a load has come: steps done, steps in all, and the step just done."""

    done: int
    total: int
    step: str


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The reference data of a trading day.

    `tickers` is None, and so is `volume_curve`, when there are none to be had. `not_entitled` names what the
    provider's plan does not include, `unreadable` what it answered in a form that is not understood, and
    `unavailable` what it did not answer: another load may bring that.
    """

    block: RowBlock
    tickers: Mapping[str, Ticker] | None
    volume_curve: VolumeCurve | None
    date: dt.date
    requests: int
    not_entitled: Sequence[str]
    unreadable: Sequence[str]
    unavailable: Sequence[str]


class _Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What does not depend on other answers; None where it could not be had."""

    sessions: Sequence[SessionBars]
    floats: Sequence[Float] | None
    tickers: Sequence[ListedTicker] | None
    splits: Sequence[Split] | None
    snapshot: Sequence[Snapshot] | None


class ReferenceLoader:
    """Loads reference data for the whole market. For one load.

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
        self._progress = progress or _say_nothing
        self._done = 0
        self._total = SESSIONS + _STEPS_BESIDE_SESSIONS
        self._not_entitled: list[str] = []
        self._unreadable: list[str] = []
        self._unavailable: list[str] = []

    async def is_current(self, stored: RowBlock | None) -> bool:
        """Whether the stored block is of the trading day that data is wanted for, by the provider's clock."""
        if stored is None:
            return False
        market_time_ms = await self._source.market_time_ms()
        _, day = await asyncio.to_thread(self._wanted_day, market_time_ms)
        return day.contains(stored.market_time_ms)

    async def load(self) -> Loaded:
        """Ask for everything and assemble it; what the plan does not include is left absent.

        Daily bars are essential; what else is not answered is left absent, too.

        The data is of the running trading day, or in the last half hour before its start of the day to come.
        The block's market time lies in that day: it is its start where the day has not begun.

        Raises:
            ProviderUnavailable: the provider stayed away; nothing is lost, try later.
            ProviderRefused: the key is wrong.
            ContentError: with reason `no_reference_data` when not a single symbol is known.
        """
        market_time_ms = await self._source.market_time_ms()
        calendar, day = await asyncio.to_thread(self._wanted_day, market_time_ms)
        dates = calendar.previous_sessions(day.date, SESSIONS)
        answers = await self._ask_for_all(day, dates, has_started=market_time_ms >= day.day_start_ms)
        ratios = split_ratios(answers.splits or (), day.date)
        panel = await self._adjusted_panel(answers.sessions, dates, ratios)
        curve = await self._volume_curve(panel, [calendar.day(date) for date in dates])
        tickers = {row.symbol: row.facts() for row in answers.tickers or ()}
        facts = MarketFacts(
            day=day,
            panel=panel,
            floats=answers.floats or (),
            tickers=tickers,
            split_ratios=ratios,
            snapshot=snapshot_of_day(answers.snapshot or (), day),
        )
        return Loaded(
            block=await self._assemble(facts, max(market_time_ms, day.day_start_ms)),
            tickers=tickers or None,
            volume_curve=curve,
            date=day.date,
            requests=self._source.requests,
            not_entitled=tuple(self._not_entitled),
            unreadable=tuple(self._unreadable),
            unavailable=tuple(self._unavailable),
        )

    async def _ask_for_all(self, day: TradingDay, dates: Sequence[dt.date], *, has_started: bool) -> _Answers:
        source = self._source
        try:
            async with asyncio.TaskGroup() as tasks:
                sessions = [
                    tasks.create_task(
                        self._step(source.daily_bars(date), f"daily bars of {date}", essential=True)
                    )
                    for date in dates
                ]
                floats = tasks.create_task(self._step(source.floats(), "floats"))
                tickers = tasks.create_task(self._step(source.tickers(), "tickers"))
                splits = tasks.create_task(self._step(source.splits(day.date), "splits"))
                # Before the day starts, a snapshot has nothing of it.
                taken = source.snapshot() if has_started else _nothing()
                snapshot = tasks.create_task(self._step(taken, "snapshot"))
        except* Exception as errors:
            raise _first(errors) from errors
        return _Answers(
            sessions=[task.result() for task in sessions],
            floats=floats.result(),
            tickers=tickers.result(),
            splits=splits.result(),
            snapshot=snapshot.result(),
        )

    async def _adjusted_panel(
        self, sessions: Sequence[SessionBars], dates: Sequence[dt.date], ratios: Mapping[str, float]
    ) -> SessionPanel:
        """The sessions in today's shares. On a day with splits one more request shows what is left to do."""
        panel = await asyncio.to_thread(build_panel, sessions)
        newest = next((date for date, bars in _newest_first(dates, sessions) if bars is None or bars), None)
        unadjusted = (
            self._source.daily_bars(newest, adjusted=False) if ratios and newest is not None else _nothing()
        )
        bars = await self._step(unadjusted, "unadjusted daily bars")
        return await asyncio.to_thread(adjust_panel, panel, bars or (), ratios)

    async def _volume_curve(self, panel: SessionPanel, days: Sequence[TradingDay]) -> VolumeCurve | None:
        full_days = [day for day in days if not day.is_early_close][-CURVE_SESSIONS:]
        affordable = max(0, min(CURVE_SYMBOLS, REQUEST_BUDGET - self._source.requests))
        symbols = await asyncio.to_thread(most_traded, panel, affordable)
        volumes = await self._step(self._minute_volumes(symbols, full_days), "volume curve")
        return await asyncio.to_thread(learn_volume_curve, volumes, full_days) if volumes else None

    async def _minute_volumes(
        self, symbols: Sequence[str], days: Sequence[TradingDay]
    ) -> Mapping[str, MinuteVolumes]:
        first, last = days[0].date, days[-1].date
        try:
            async with asyncio.TaskGroup() as tasks:
                asked = {
                    symbol: tasks.create_task(_awaited(self._source.minute_volumes(symbol, first, last)))
                    for symbol in symbols
                }
        except* Exception as errors:
            raise _first(errors) from errors
        return {symbol: task.result() for symbol, task in asked.items()}

    async def _step(self, request: Awaitable[T], step: str, *, essential: bool = False) -> T | None:
        """The answer, or None where the plan does not include it, it is not understood, or none came."""
        answer: T | None = None
        try:
            answer = await request
        except ProviderUnavailable as error:
            if essential:
                raise
            self._unavailable.append(step)
            log.warning("reference data not available", what=step, detail=str(error))
        except ProviderRefused as refusal:
            if refusal.reason != "not_entitled":
                raise
            self._not_entitled.append(step)
            log.warning("reference data not included in the plan", what=step, detail=str(refusal))
        except ContentError as error:
            self._unreadable.append(step)
            log.warning("reference data not understood", what=step, detail=str(error))
        self._done += 1
        self._progress(Progress(self._done, self._total, step))
        return answer

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
        calendar = self._calendar_around(market_time_ms * NANOSECONDS_PER_MS)
        return calendar, calendar.trading_day(market_time_ms + PREPARATION_MS)


def _newest_first(
    dates: Sequence[dt.date], sessions: Sequence[SessionBars]
) -> Sequence[tuple[dt.date, SessionBars]]:
    return list(zip(dates, sessions, strict=True))[::-1]


async def _nothing() -> Sequence[T]:
    """In place of a request that is not needed."""
    return ()


async def _awaited(request: Awaitable[T]) -> T:
    return await request


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    """Of several requests that failed together, the first tells enough."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


def _say_nothing(_progress: Progress) -> None:
    return
