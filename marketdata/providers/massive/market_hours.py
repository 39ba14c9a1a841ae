"""Whether the market is open, by the provider's status or else by the calendar."""

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
"""How long a calendar is used before it is loaded again: its data may have changed."""
CLOSED_POLL_SECONDS: Final = 60.0
# The calendar says open and the provider says closed: either it is a little late, or the day is a holiday.
UNCONFIRMED_POLL_SECONDS: Final = 5.0

log = get_logger(__name__)


class ViewSource(enum.StrEnum):
    """Where a view comes from."""

    REST = "rest"
    CALENDAR = "calendar"
    ASSUMED = "assumed"


class MarketView(msgspec.Struct, frozen=True, gc=False):
    """The state of the market at an instant. A closed market is looked up again after `ask_again_seconds`.

    `opens_ms` is when a closed market opens by the calendar, in market time; 0 if unknown.
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
    """The view by the provider's status, or else by the calendar, which also gives the time of the next look.

    If both are missing, the market counts as open: a useless attempt costs less than a missed day.
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
    """When the next pre-market begins: today's before it has begun, else that of the next day.

    0 if unknown.
    """
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
    """Looks up the market's hours without blocking the event loop: `ask` and `load` run in threads.

    `ask` gives the provider's status (see `market_status`), `load` the calendar around an instant (epoch ns).
    The calendar is loaded at the first look, every day, and after its last date. If that fails, the old one
    is kept. The provider's clock may differ from ours, since a simulated market has its own day. So the
    calendar is used with the time that the feed declared last, or else with the time of the last status.

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
        """Note the time that the feed declared (epoch milliseconds).

        A view by another clock becomes invalid.
        """
        if self._feed_offset_ms is None:
            self._view = None
        self._feed_offset_ms = declared_ms - self._now_ms()

    def forget_feed_time(self) -> None:
        """Forget the declared time: from now on it is another feed, or one that declares no time."""
        if self._feed_offset_ms is not None:
            self._feed_offset_ms = self._view = None

    async def look(self, *, fresh_seconds: float = FRESH_SECONDS) -> MarketView:
        """The market now; an answer younger than `fresh_seconds` is used again."""
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
