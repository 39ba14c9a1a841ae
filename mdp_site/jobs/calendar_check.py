"""The job that reads the exchange's calendar as it is installed now, and says what it brings next.

Each process renews its own sessions once a day (`marketdata.runtime.calendar_renewal`). This job reads the
same source in the same way, so that a calendar that cannot be read, or ends too soon, is seen by operators
before a session depends on it. Idempotent: it changes nothing.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from django.utils import timezone

from marketdata.errors import MarketDataError
from marketdata.scheduled_jobs import DAY_MINUTES, ScheduledJob
from marketdata.trading_calendar import SessionHours
from marketdata.trading_calendar.exchange import DAYS_AFTER, Holiday, exchange_holidays, read_by_child

FEWEST_SESSIONS: Final = 180
"""Of the 360 days ahead. A usual year has 250."""

SHOWN_HOLIDAYS: Final = 3


class CalendarTooShort(MarketDataError):
    """The calendar has too few sessions ahead."""


def check_calendar() -> str:
    """Say until when sessions are known, and the next holidays and early closes.

    Raises:
        SessionsUnreadable: the calendar cannot be read.
        CalendarTooShort: it has too few sessions ahead.
    """
    today = timezone.now().date()
    last = today + dt.timedelta(days=DAYS_AFTER)
    return calendar_text(read_by_child(today, last), exchange_holidays(today, last))


def calendar_text(sessions: Sequence[SessionHours], holidays: Sequence[Holiday]) -> str:
    """What the calendar brings. Raises `CalendarTooShort`."""
    if len(sessions) < FEWEST_SESSIONS:
        raise CalendarTooShort(
            f"the calendar has {len(sessions)} sessions in the next {DAYS_AFTER} days; accepted: "
            f"{FEWEST_SESSIONS} or more. Install a newer exchange_calendars"
        )
    following = ", ".join(
        f"{day.date} {day.name}{'' if day.close_ms is None else ' (early close)'}"
        for day in holidays[:SHOWN_HOLIDAYS]
    )
    return f"{len(sessions)} sessions until {sessions[-1].date}; next: {following or 'no holiday is known'}"


CALENDAR: Final = ScheduledJob(
    function=check_calendar,
    title="check the trading calendar",
    minutes=DAY_MINUTES,
    shortest_minutes=60,
)
