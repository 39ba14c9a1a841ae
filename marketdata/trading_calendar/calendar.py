"""Determines the trading day and the session of an instant.

Instants are epoch milliseconds, UTC; dates are the exchange's local dates. Boundaries are local times of
day. The tz database converts them to instants for each date, so a day with a daylight saving change has 23 or
25 hours.
"""

import bisect
import datetime as dt
import enum
import itertools
from collections.abc import Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from marketdata.errors import ConfigurationError, MarketDataError


class CalendarRangeError(MarketDataError):
    """An instant or a date that the table of sessions does not cover. The message names the range."""


class MarketSession(enum.StrEnum):
    """The session of the market at an instant."""

    CLOSED = "closed"
    PRE_MARKET = "pre-market"
    REGULAR = "regular"
    AFTER_HOURS = "after-hours"


class SessionBoundaries(msgspec.Struct, frozen=True, kw_only=True):
    """The local times of day that divide a trading day. The defaults are those of US equities.

    If `day_start` is not before `after_hours_end`, it is a time on the evening before the session date. This
    describes a market that trades almost round the clock. From `day_start` to `pre_market_start` it is night.

    The open and close of the regular session come from the table of sessions. `regular_close` is the close of
    a full day. On a day with an early close, the after-hours session keeps its length: with the defaults it
    ends at 17:00 after a close at 13:00.

    Raises:
        ConfigurationError: the zone is unknown, or the times are not in ascending order.
    """

    time_zone: str = "America/New_York"
    day_start: dt.time = dt.time(4, 0)
    pre_market_start: dt.time = dt.time(4, 0)
    regular_close: dt.time = dt.time(16, 0)
    after_hours_end: dt.time = dt.time(20, 0)

    def __post_init__(self) -> None:
        """Refuse boundaries that do not divide a day."""
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            message = (
                f"time_zone {self.time_zone!r} is not in the tz database; use a name like America/New_York"
            )
            raise ConfigurationError(message) from error
        first = self.pre_market_start if self.starts_the_evening_before else self.day_start
        if not first <= self.pre_market_start < self.regular_close <= self.after_hours_end:
            message = (
                f"session boundaries must ascend: day_start {self.day_start} (of the evening before if it "
                f"is not before after_hours_end), pre_market_start {self.pre_market_start}, "
                f"regular_close {self.regular_close}, after_hours_end {self.after_hours_end}"
            )
            raise ConfigurationError(message)

    @property
    def starts_the_evening_before(self) -> bool:
        """Whether a trading day starts on the date before that of its session."""
        return self.day_start >= self.after_hours_end

    @property
    def after_hours_length_ms(self) -> int:
        """How long the after-hours session lasts, on full and on shortened days alike."""
        return _time_of_day_ms(self.after_hours_end) - _time_of_day_ms(self.regular_close)


class SessionHours(msgspec.Struct, frozen=True, order=True):
    """One row of the table of sessions: a date and the instants of its regular open and close."""

    date: dt.date
    regular_open_ms: int
    regular_close_ms: int


class TradingDay(msgspec.Struct, frozen=True, kw_only=True):
    """One trading day: from 04:00 of its session date to 04:00 of the next one, weekends included.

    From `day_start_ms` to `pre_market_start_ms` it is night; with the usual boundaries the two are equal.
    All instants are epoch milliseconds. Every interval includes its start and excludes its end.
    """

    date: dt.date
    day_start_ms: int
    pre_market_start_ms: int
    regular_open_ms: int
    regular_close_ms: int
    after_hours_end_ms: int
    next_day_start_ms: int
    is_early_close: bool

    def contains(self, event_time_ms: int) -> bool:
        """Whether the instant belongs to this trading day."""
        return self.day_start_ms <= event_time_ms < self.next_day_start_ms

    def session_at(self, event_time_ms: int) -> MarketSession:
        """The session at an instant; `CLOSED` for every instant outside this day's trading hours."""
        if self.regular_open_ms <= event_time_ms < self.regular_close_ms:
            return MarketSession.REGULAR
        if self.pre_market_start_ms <= event_time_ms < self.regular_open_ms:
            return MarketSession.PRE_MARKET
        if self.regular_close_ms <= event_time_ms < self.after_hours_end_ms:
            return MarketSession.AFTER_HOURS
        return MarketSession.CLOSED


class TradingCalendar:
    """Sessions and trading days over the range of a table of sessions. For use by one thread.

    The last row of the table only ends the trading day before it. An instant at or after its day start is out
    of range, since the end of that day is unknown.

    Raises:
        ConfigurationError: fewer than two sessions, or sessions that do not fit the boundaries.
    """

    def __init__(self, sessions: Iterable[SessionHours], boundaries: SessionBoundaries | None = None) -> None:
        self.boundaries: Final = boundaries or SessionBoundaries()
        self.time_zone: Final = ZoneInfo(self.boundaries.time_zone)
        self.renew(sessions)

    def renew(self, sessions: Iterable[SessionHours]) -> None:
        """Replace the table of sessions, since a process may run longer than the table reaches.

        Raises:
            ConfigurationError: see the class; the table stays as it is.
        """
        table = sorted(sessions)
        if len(table) < 2:
            raise ConfigurationError(f"a trading calendar needs at least 2 sessions, got {len(table)}")
        days = tuple(self._build_day(hours, following) for hours, following in itertools.pairwise(table))
        self._days: Sequence[TradingDay] = days
        self._starts = [day.day_start_ms for day in days]
        self._dates = [day.date for day in days]

    @property
    def dates(self) -> Sequence[dt.date]:
        """Every session date that the calendar covers, ascending."""
        return tuple(self._dates)

    def trading_day(self, event_time_ms: int) -> TradingDay:
        """The trading day of an event: the session whose [04:00, next session's 04:00) contains it.

        So a print on Saturday, or in the night, belongs to the session before it.

        Raises:
            CalendarRangeError: the instant lies outside the calendar.
        """
        index = bisect.bisect_right(self._starts, event_time_ms) - 1
        if index < 0 or not self._days[index].contains(event_time_ms):
            raise CalendarRangeError(f"epoch ms {event_time_ms} is outside the calendar: {self._range()}")
        return self._days[index]

    def session_at(self, event_time_ms: int) -> MarketSession:
        """The session at an instant.

        Raises:
            CalendarRangeError: the instant lies outside the calendar.
        """
        return self.trading_day(event_time_ms).session_at(event_time_ms)

    def is_session(self, date: dt.date) -> bool:
        """Whether the exchange trades on a date; False outside the calendar's range."""
        index = bisect.bisect_left(self._dates, date)
        return index < len(self._dates) and self._dates[index] == date

    def day(self, date: dt.date) -> TradingDay:
        """The trading day of a session date.

        Raises:
            CalendarRangeError: the exchange does not trade on that date, or the calendar does not cover it.
        """
        if not self.is_session(date):
            raise CalendarRangeError(f"{date} is not a session date of the calendar: {self._range()}")
        return self._days[bisect.bisect_left(self._dates, date)]

    def next_day(self, date: dt.date) -> TradingDay:
        """The first trading day after a date, which need not be a session.

        Raises:
            CalendarRangeError: the calendar ends before it.
        """
        index = bisect.bisect_right(self._dates, date)
        if index == len(self._days):
            raise CalendarRangeError(f"no session after {date} in the calendar: {self._range()}")
        return self._days[index]

    def previous_sessions(self, date: dt.date, count: int) -> Sequence[dt.date]:
        """The `count` session dates before a date (which need not be a session), ascending.

        Raises:
            CalendarRangeError: the calendar has fewer of them.
        """
        end = bisect.bisect_left(self._dates, date)
        if count > end:
            raise CalendarRangeError(f"{count} sessions before {date} asked for, {end} held: {self._range()}")
        return tuple(self._dates[end - count : end])

    def instant_ms(self, date: dt.date, time_of_day: dt.time) -> int:
        """Epoch milliseconds of a local time of day on a date.

        A time that daylight saving skips gives the instant after the gap. One that occurs twice gives the
        first.
        """
        local = dt.datetime.combine(date, time_of_day, tzinfo=self.time_zone)
        return _epoch_ms(local)

    def local_time(self, event_time_ms: int) -> dt.datetime:
        """An instant on the exchange's wall clock."""
        return dt.datetime.fromtimestamp(event_time_ms / 1000, tz=self.time_zone)

    def _build_day(self, hours: SessionHours, following: SessionHours) -> TradingDay:
        start, next_start = self._day_start_ms(hours.date), self._day_start_ms(following.date)
        pre_market_start = self.instant_ms(hours.date, self.boundaries.pre_market_start)
        after_hours_end = hours.regular_close_ms + self.boundaries.after_hours_length_ms
        morning = start <= pre_market_start <= hours.regular_open_ms
        if not (morning and hours.regular_open_ms < hours.regular_close_ms <= after_hours_end <= next_start):
            raise ConfigurationError(f"session {hours} does not fit between {start} and {next_start}")
        return TradingDay(
            date=hours.date,
            day_start_ms=start,
            pre_market_start_ms=pre_market_start,
            regular_open_ms=hours.regular_open_ms,
            regular_close_ms=hours.regular_close_ms,
            after_hours_end_ms=after_hours_end,
            next_day_start_ms=next_start,
            is_early_close=hours.regular_close_ms
            < self.instant_ms(hours.date, self.boundaries.regular_close),
        )

    def _day_start_ms(self, date: dt.date) -> int:
        evening_before = dt.timedelta(days=self.boundaries.starts_the_evening_before)
        return self.instant_ms(date - evening_before, self.boundaries.day_start)

    def _range(self) -> str:
        return f"it covers the sessions {self._dates[0]} to {self._dates[-1]}"


def _epoch_ms(instant: dt.datetime) -> int:
    return round(instant.timestamp() * 1000)


def _time_of_day_ms(time_of_day: dt.time) -> int:
    midnight = dt.datetime.combine(dt.date.min, dt.time())
    return (dt.datetime.combine(dt.date.min, time_of_day) - midnight) // dt.timedelta(milliseconds=1)
