"""When the recording of one trading day ends and the next begins.

Only the time zone matters here. Whether the exchange trades on a date does not: a day without frames makes no
file. So the exchange's calendar, which takes 60 MB of memory, is not loaded.
"""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from marketdata.trading_calendar import SessionBoundaries
from marketdata.units import MS_PER_SECOND, NS_PER_SECOND

_BOUNDARIES: Final = SessionBoundaries()
_ZONE: Final = ZoneInfo(_BOUNDARIES.time_zone)


def next_day_start_ns(received_ns: int) -> int:
    """The first 04:00 in New York after an instant (epoch nanoseconds)."""
    local = dt.datetime.fromtimestamp(received_ns / NS_PER_SECOND, tz=_ZONE)
    start = dt.datetime.combine(local.date(), _BOUNDARIES.day_start, tzinfo=_ZONE)
    if start <= local:
        start = dt.datetime.combine(local.date() + dt.timedelta(days=1), _BOUNDARIES.day_start, tzinfo=_ZONE)
    return int(start.timestamp()) * NS_PER_SECOND


def new_york_date(time_ms: int) -> dt.date:
    """The date in New York at an instant (epoch milliseconds)."""
    return dt.datetime.fromtimestamp(time_ms / MS_PER_SECOND, tz=_ZONE).date()


def new_york_instant_ms(date: dt.date, time_of_day: dt.time) -> int:
    """Epoch milliseconds of a time of day in New York."""
    return round(dt.datetime.combine(date, time_of_day, tzinfo=_ZONE).timestamp() * MS_PER_SECOND)


def new_york_time(time_ms: int) -> dt.datetime:
    """An instant (epoch milliseconds) on New York's wall clock."""
    return dt.datetime.fromtimestamp(time_ms / MS_PER_SECOND, tz=_ZONE)
