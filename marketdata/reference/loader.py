"""What to ask the provider for, and what may be missing.

One request tells the provider's own time, and with it the trading day; one for each of the last 30
sessions brings the whole market's bars of that day; floats come in pages of 5,000. About 35 requests,
however many symbols there are.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ContentError, ProviderRefused
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.reference.assembly import SessionBars, assemble
from marketdata.reference.wire import DailyBar, Float
from marketdata.trading_calendar import TradingCalendar, TradingDay

SESSIONS: Final = 30
NANOSECONDS_PER_MS: Final = 1_000_000

T = TypeVar("T")

log = get_logger(__name__)


class ReferenceSource(Protocol):
    """Where the facts come from; see `marketdata.reference.rest.RestSource` for what the methods raise."""

    @property
    def requests(self) -> int:
        """Requests sent so far."""

    async def market_time_ms(self) -> int:
        """The provider's own time, epoch milliseconds."""

    async def daily_bars(self, date: dt.date) -> Sequence[DailyBar]:
        """Every symbol's bar of one session."""

    async def floats(self) -> Sequence[Float]:
        """The free float of every symbol that has one."""


class Progress(msgspec.Struct, frozen=True):
    """How far a load has come: steps done, steps in all, and the step just done."""

    done: int
    total: int
    step: str


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The reference data of a trading day. `not_entitled` names what the provider's plan does not include."""

    block: RowBlock
    date: dt.date
    requests: int
    not_entitled: Sequence[str]


class ReferenceLoader:
    """Loads reference data for the whole market.

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
        self._total = SESSIONS + 1
        self._not_entitled: list[str] = []

    async def is_current(self, stored: RowBlock | None) -> bool:
        """Whether the stored block was made on the trading day that it is now, by the provider's clock."""
        if stored is None:
            return False
        market_time_ms = await self._source.market_time_ms()
        _, today = await asyncio.to_thread(self._trading_day, market_time_ms)
        return today.contains(stored.market_time_ms)

    async def load(self) -> Loaded:
        """Ask for everything and assemble it; what the plan does not include is left absent.

        Raises:
            ProviderUnavailable: the provider stayed away; nothing is lost, try later.
            ProviderRefused: the key is wrong.
            ContentError: with reason `no_reference_data` when not a single symbol is known.
        """
        market_time_ms = await self._source.market_time_ms()
        calendar, today = await asyncio.to_thread(self._trading_day, market_time_ms)
        sessions, floats = await self._fetch(calendar.previous_sessions(today.date, SESSIONS))
        now_ns = self._clock.time_ns()
        block = await asyncio.to_thread(
            assemble, sessions, floats, epoch=now_ns, published_ns=now_ns, market_time_ms=market_time_ms
        )
        if not block.symbols:
            raise ContentError(
                "no_reference_data", f"not a symbol in {SESSIONS} sessions before {today.date}"
            )
        return Loaded(
            block=block,
            date=today.date,
            requests=self._source.requests,
            not_entitled=tuple(self._not_entitled),
        )

    async def _fetch(self, dates: Sequence[dt.date]) -> tuple[Sequence[SessionBars], Sequence[Float]]:
        try:
            async with asyncio.TaskGroup() as tasks:
                daily = [tasks.create_task(self._daily_bars(date)) for date in dates]
                floats = tasks.create_task(self._floats())
        except* Exception as errors:
            raise _first(errors) from errors
        return [task.result() for task in daily], floats.result()

    async def _daily_bars(self, date: dt.date) -> SessionBars:
        return await self._if_entitled(self._source.daily_bars(date), f"daily bars of {date}")

    async def _floats(self) -> Sequence[Float]:
        return await self._if_entitled(self._source.floats(), "floats") or ()

    async def _if_entitled(self, request: Awaitable[Sequence[T]], step: str) -> Sequence[T] | None:
        """The answer, or None where the provider's plan does not include it."""
        answer: Sequence[T] | None = None
        try:
            answer = await request
        except ProviderRefused as refusal:
            if refusal.reason != "not_entitled":
                raise
            self._not_entitled.append(step)
            log.warning("reference data not included in the plan", what=step, detail=str(refusal))
        self._done += 1
        self._progress(Progress(self._done, self._total, step))
        return answer

    def _trading_day(self, market_time_ms: int) -> tuple[TradingCalendar, TradingDay]:
        calendar = self._calendar_around(market_time_ms * NANOSECONDS_PER_MS)
        return calendar, calendar.trading_day(market_time_ms)


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    """Of several requests that failed together, the first tells enough."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


def _say_nothing(_progress: Progress) -> None:
    return
