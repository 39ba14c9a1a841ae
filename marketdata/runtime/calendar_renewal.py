"""Keeps the sessions of a trading calendar up to date while its process runs."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import MarketDataError
from marketdata.observability.logs import get_logger
from marketdata.trading_calendar import SessionHours, TradingCalendar

RENEWAL_SECONDS: Final = 24 * 3_600.0
RETRY_SECONDS: Final = 3_600.0

log = get_logger(__name__)


async def keep_renewed(
    calendar: TradingCalendar,
    read: Callable[[int], Sequence[SessionHours]],
    clock: Clock,
    *,
    renewal_seconds: float = RENEWAL_SECONDS,
    retry_seconds: float = RETRY_SECONDS,
) -> None:
    """Renew the calendar's sessions at an interval until cancelled. If that fails, the old sessions stay.

    `read` returns the sessions around an instant (epoch nanoseconds). It runs in a thread.
    """
    wait_seconds = renewal_seconds
    while True:
        await asyncio.sleep(wait_seconds)
        try:
            calendar.renew(await asyncio.to_thread(read, clock.time_ns()))
        except MarketDataError as error:
            log.warning("trading calendar not renewed", error=str(error), again_in_seconds=retry_seconds)
            wait_seconds = retry_seconds
        else:
            log.info("trading calendar renewed", last_session=calendar.dates[-1].isoformat())
            wait_seconds = renewal_seconds
