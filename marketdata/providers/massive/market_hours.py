"""Whether the market is open, to decide about the connection: as the provider says, else the calendar."""

import asyncio
import enum
from collections.abc import Callable
from typing import Final

import msgspec

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ContentError, MarketDataError, ProviderUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.providers.massive.rest.market_status import MarketStatus
from marketdata.trading_calendar import CalendarRangeError, MarketSession, TradingCalendar
from marketdata.units import MS_PER_SECOND, NS_PER_MS

FRESH_SECONDS: Final = 60.0
CALENDAR_SECONDS: Final = 24 * 3_600.0
"""How long a calendar is used before it is loaded again: its table may have changed."""
CLOSED_POLL_SECONDS: Final = 60.0
# The calendar says open and the provider does not (yet): either it is late by a little, or the day is off.
UNCONFIRMED_POLL_SECONDS: Final = 5.0

log = get_logger(__name__)


class ViewSource(enum.StrEnum):
    """Where a view comes from."""

    REST = "rest"
    CALENDAR = "calendar"
    ASSUMED = "assumed"


class MarketView(msgspec.Struct, frozen=True, gc=False):
    """The market at an instant. `ask_again_seconds` is how long a closed market is worth no other look.

    `opens_ms` is when a closed one opens by the calendar, in the market's own time; 0 where unknown.
    """

    session: MarketSession
    source: ViewSource
    ask_again_seconds: float = CLOSED_POLL_SECONDS
    opens_ms: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether no event is to be expected."""
        return self.session is MarketSession.CLOSED


def view_of(calendar: TradingCalendar | None, market_time_ms: int, status: MarketStatus | None) -> MarketView:
    """The provider's status decides, else the calendar, which also says when to look again.

    Where neither knows, the market is taken to be open: a needless attempt costs less than a missed day.
    """
    planned = _planned_session(calendar, market_time_ms)
    if status is None:
        session, source = (
            (planned, ViewSource.CALENDAR) if planned else (MarketSession.REGULAR, ViewSource.ASSUMED)
        )
    else:
        session, source = status.session, ViewSource.REST
    if session is not MarketSession.CLOSED:
        return MarketView(session, source)
    if planned and planned is not MarketSession.CLOSED:
        return MarketView(session, source, UNCONFIRMED_POLL_SECONDS)
    opens_ms = _opens_ms(calendar, market_time_ms)
    until_open = (opens_ms - market_time_ms) / MS_PER_SECOND if opens_ms else CLOSED_POLL_SECONDS
    return MarketView(session, source, min(CLOSED_POLL_SECONDS, until_open), opens_ms)


def _planned_session(calendar: TradingCalendar | None, market_time_ms: int) -> MarketSession | None:
    if calendar is None:
        return None
    try:
        return calendar.session_at(market_time_ms)
    except CalendarRangeError:
        return None


def _opens_ms(calendar: TradingCalendar | None, market_time_ms: int) -> int:
    """When the next pre-market begins: of this trading day while it is night, else of the next; 0 unknown."""
    if calendar is None:
        return 0
    try:
        day = calendar.trading_day(market_time_ms)
        if market_time_ms >= day.pre_market_start_ms:
            day = calendar.next_day(day.date)
    except CalendarRangeError:
        return 0
    return day.pre_market_start_ms


class MarketHours:
    """Knows the market's hours without ever holding up the event loop: `ask` and `load` run in threads.

    `ask` gives the provider's status (see `market_status`), `load` the calendar around an instant (epoch ns).
    The calendar is loaded at the first look, every day, and when it has run out. If that fails, the one
    before is kept. The provider's clock need not be ours, since a simulated market has a day of its own. So
    the calendar is asked about the market's time that the feed declared last, else that of the last status.

    Concurrency: one event loop; a look during another look waits for its answer.
    """

    def __init__(
        self,
        ask: Callable[[], MarketStatus],
        load: Callable[[int], TradingCalendar],
        *,
        clock: Clock | None = None,
    ) -> None:
        self._ask = ask
        self._load = load
        self._clock = clock or SystemClock()
        self._calendar: TradingCalendar | None = None
        self._calendar_is_due_at = 0.0
        self._offset_ms = 0
        self._feed_offset_ms: int | None = None
        self._view: MarketView | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()
        self._log = RateLimitedLog(log)

    @property
    def view(self) -> MarketView | None:
        """The result of the last look; None before the first."""
        return self._view

    def set_feed_time(self, declared_ms: int) -> None:
        """The feed declared its time (epoch milliseconds). A view by another clock is no longer valid."""
        if self._feed_offset_ms is None:
            self._view = None
        self._feed_offset_ms = declared_ms - self._now_ms()

    def forget_feed_time(self) -> None:
        """It is another feed from now on, or one that declares no time any more."""
        if self._feed_offset_ms is not None:
            self._feed_offset_ms = self._view = None

    async def look(self, *, fresh_seconds: float = FRESH_SECONDS) -> MarketView:
        """The market now; an answer younger than `fresh_seconds` is given again."""
        async with self._looking:
            now = self._clock.monotonic()
            if self._view is None or now - self._looked_at >= fresh_seconds:
                self._view = await self._look_anew()
                self._looked_at = now
            return self._view

    async def _look_anew(self) -> MarketView:
        status = await self._provider_status()
        if status is not None:
            self._offset_ms = status.market_time_ms - self._now_ms()
        offset_ms = self._offset_ms if self._feed_offset_ms is None else self._feed_offset_ms
        market_time_ms = self._now_ms() + offset_ms
        now = self._clock.monotonic()
        if _planned_session(self._calendar, market_time_ms) is None or now >= self._calendar_is_due_at:
            await self._load_calendar(market_time_ms)
        return view_of(self._calendar, market_time_ms, status)

    async def _load_calendar(self, market_time_ms: int) -> None:
        try:
            self._calendar = await asyncio.to_thread(self._load, market_time_ms * NS_PER_MS)
        except MarketDataError as error:
            self._log.warning("trading calendar not loaded", reason="calendar", error=str(error))
        else:
            self._calendar_is_due_at = self._clock.monotonic() + CALENDAR_SECONDS

    async def _provider_status(self) -> MarketStatus | None:
        try:
            return await asyncio.to_thread(self._ask)
        except (ProviderUnavailable, ContentError) as error:
            self._log.warning(
                "market status unknown", reason="rest_failed", error=str(error), instead="calendar"
            )
            return None

    def _now_ms(self) -> int:
        return self._clock.time_ns() // NS_PER_MS
