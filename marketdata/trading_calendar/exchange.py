"""Sessions and holidays of the New York Stock Exchange, read from `exchange_calendars` (calendar XNYS).

That package loads pandas, which costs more than a second and about 60 MB. So the functions import it, and a
process that never needs the exchange's calendar does not load it.
"""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from marketdata.errors import MarketDataError
from marketdata.trading_calendar.calendar import SessionBoundaries, SessionHours, TradingCalendar
from marketdata.units import NS_PER_MS

EXCHANGE: Final = "XNYS"
DAYS_BEFORE: Final = 400
DAYS_AFTER: Final = 360
_CHILD_SECONDS: Final = 120.0

ReadSessions: TypeAlias = Callable[[dt.date, dt.date], Sequence[SessionHours]]
"""Reads the sessions from one date to another, both included."""


class SessionsUnreadable(MarketDataError):
    """The exchange's sessions could not be read; the message says why. A later attempt may succeed."""


class Holiday(msgspec.Struct, frozen=True, kw_only=True):
    """A weekday without trading, or with an early close; then `open_ms` and `close_ms` are set (epoch ms)."""

    date: dt.date
    name: str
    open_ms: int | None = None
    close_ms: int | None = None


def exchange_sessions(first: dt.date, last: dt.date) -> Sequence[SessionHours]:
    """Every session from `first` to `last` with the instants of its regular open and close, ascending."""
    schedule = _exchange_calendar(first, last).schedule
    return tuple(
        SessionHours(session.date(), opening.value // NS_PER_MS, closing.value // NS_PER_MS)
        for session, opening, closing in zip(schedule.index, schedule["open"], schedule["close"], strict=True)
    )


def read_by_child(first: dt.date, last: dt.date) -> Sequence[SessionHours]:
    """Like `exchange_sessions`, but a child process reads them from the package that is installed now.

    For a long-running process, in which an older release of the package may be loaded. It takes seconds, so
    call it in a thread.

    Raises:
        SessionsUnreadable: the child failed, or took too long.
    """
    command = (sys.executable, "-m", __package__, first.isoformat(), last.isoformat())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        child = subprocess.run(  # noqa: S603 - our own module, with two dates
            command, env=environment, capture_output=True, timeout=_CHILD_SECONDS, check=True
        )
        return _decode_sessions(child.stdout)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").split("\n")
        raise SessionsUnreadable(f"{error}: {next(filter(None, reversed(lines)), '')}") from error
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        raise SessionsUnreadable(str(error)) from error


_decode_sessions: Final = msgspec.json.Decoder(tuple[SessionHours, ...]).decode


def sessions_around(
    time_ns: int, *, days_before: int = DAYS_BEFORE, read: ReadSessions = exchange_sessions
) -> Sequence[SessionHours]:
    """The sessions from `days_before` days before an instant to about a year after it."""
    today = dt.datetime.fromtimestamp(time_ns / 1e9, tz=dt.UTC).date()
    return read(today - dt.timedelta(days=days_before), today + dt.timedelta(days=DAYS_AFTER))


def exchange_calendar_around(
    time_ns: int,
    boundaries: SessionBoundaries | None = None,
    *,
    days_before: int = DAYS_BEFORE,
    read: ReadSessions = exchange_sessions,
) -> TradingCalendar:
    """The exchange's trading calendar with the sessions around an instant."""
    return TradingCalendar(sessions_around(time_ns, days_before=days_before, read=read), boundaries)


def exchange_holidays(first: dt.date, last: dt.date) -> Sequence[Holiday]:
    """Scheduled holidays and early closes from `first` to `last`, ascending by date."""
    calendar = _exchange_calendar(first, last)
    closed = calendar.regular_holidays.holidays(first, last, return_name=True)
    found = [Holiday(date=day.date(), name=name) for day, name in closed.items()]
    for _close, rules in calendar.special_closes:
        named = rules.holidays(first, last, return_name=True).items()
        found += [_early_close(calendar, day, name) for day, name in named if calendar.is_session(day)]
    return tuple(sorted(found, key=lambda holiday: holiday.date))


def _early_close(calendar: Any, day: Any, name: str) -> Holiday:
    hours = calendar.schedule.loc[day]
    return Holiday(
        date=day.date(),
        name=name,
        open_ms=hours["open"].value // NS_PER_MS,
        close_ms=hours["close"].value // NS_PER_MS,
    )


def _exchange_calendar(first: dt.date, last: dt.date) -> Any:
    import exchange_calendars  # noqa: PLC0415 - loads pandas, see the module's text

    return exchange_calendars.get_calendar(EXCHANGE, start=first.isoformat(), end=last.isoformat())
