"""Trading days and sessions, on a hand-written table of sessions around every awkward date."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError
from marketdata.trading_calendar import (
    CalendarRangeError,
    MarketSession,
    SessionBoundaries,
    SessionHours,
    TradingCalendar,
)

NEW_YORK = ZoneInfo("America/New_York")
HOLIDAYS_2026 = {
    dt.date(2026, 1, 1),
    dt.date(2026, 1, 19),
    dt.date(2026, 2, 16),
    dt.date(2026, 4, 3),
    dt.date(2026, 5, 25),
    dt.date(2026, 6, 19),
    dt.date(2026, 7, 3),
    dt.date(2026, 9, 7),
    dt.date(2026, 11, 26),
    dt.date(2026, 12, 25),
}
EARLY_CLOSES_2026 = {dt.date(2026, 11, 27), dt.date(2026, 12, 24)}


def instant(text: str) -> int:
    """Epoch milliseconds of a New York wall-clock time."""
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp() * 1000)


def hours(date: dt.date) -> SessionHours:
    closing = "13:00" if date in EARLY_CLOSES_2026 else "16:00"
    return SessionHours(date, instant(f"{date}T09:30"), instant(f"{date}T{closing}"))


def sessions_of_2026() -> list[SessionHours]:
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=offset) for offset in range(365)]
    return [hours(day) for day in days if day.weekday() < 5 and day not in HOLIDAYS_2026]


CALENDAR = TradingCalendar(sessions_of_2026())
FIRST_MS = CALENDAR.day(CALENDAR.dates[0]).day_start_ms
LAST_MS = CALENDAR.day(CALENDAR.dates[-1]).next_day_start_ms - 1


@pytest.mark.parametrize(
    ("time", "session"),
    [
        ("2026-11-20T03:59:59.999", MarketSession.CLOSED),
        ("2026-11-20T04:00", MarketSession.PRE_MARKET),
        ("2026-11-20T09:29:59.999", MarketSession.PRE_MARKET),
        ("2026-11-20T09:30", MarketSession.REGULAR),
        ("2026-11-20T15:59:59.999", MarketSession.REGULAR),
        ("2026-11-20T16:00", MarketSession.AFTER_HOURS),
        ("2026-11-20T19:59:59.999", MarketSession.AFTER_HOURS),
        ("2026-11-20T20:00", MarketSession.CLOSED),
        ("2026-11-21T12:00", MarketSession.CLOSED),
        ("2026-11-26T12:00", MarketSession.CLOSED),
        ("2026-11-27T12:59:59.999", MarketSession.REGULAR),
        ("2026-11-27T13:00", MarketSession.AFTER_HOURS),
        ("2026-11-27T16:59:59.999", MarketSession.AFTER_HOURS),
        ("2026-11-27T17:00", MarketSession.CLOSED),
    ],
)
def test_each_boundary_belongs_to_the_session_that_it_opens(time: str, session: MarketSession) -> None:
    assert CALENDAR.session_at(instant(time)) is session


@pytest.mark.parametrize(
    ("time", "date"),
    [
        ("2026-11-20T04:00", dt.date(2026, 11, 20)),
        ("2026-11-20T03:59:59.999", dt.date(2026, 11, 19)),
        ("2026-11-20T23:00", dt.date(2026, 11, 20)),
        ("2026-11-22T18:00", dt.date(2026, 11, 20)),
        ("2026-11-23T03:59:59.999", dt.date(2026, 11, 20)),
        ("2026-11-26T12:00", dt.date(2026, 11, 25)),
    ],
)
def test_an_instant_outside_all_sessions_belongs_to_the_session_before_it(time: str, date: dt.date) -> None:
    assert CALENDAR.trading_day(instant(time)).date == date


@pytest.mark.parametrize(
    ("before_change", "length_hours"),
    [(dt.date(2026, 3, 6), 71), (dt.date(2026, 10, 30), 73)],
)
def test_the_weekend_of_a_clock_change_is_an_hour_shorter_or_longer(
    before_change: dt.date, length_hours: int
) -> None:
    day = CALENDAR.day(before_change)
    assert day.next_day_start_ms - day.day_start_ms == length_hours * 3_600_000
    following = CALENDAR.trading_day(day.next_day_start_ms)
    assert CALENDAR.local_time(following.day_start_ms).hour == 4
    assert following.regular_open_ms - following.day_start_ms == 5.5 * 3_600_000


def test_a_half_day_keeps_a_full_after_hours_session_and_says_that_it_is_short() -> None:
    day = CALENDAR.day(dt.date(2026, 11, 27))
    assert day.is_early_close
    assert day.after_hours_end_ms == instant("2026-11-27T17:00")
    assert day.next_day_start_ms == instant("2026-11-30T04:00")
    assert not CALENDAR.day(dt.date(2026, 11, 25)).is_early_close


def test_previous_sessions_skip_holidays_and_weekends() -> None:
    assert CALENDAR.previous_sessions(dt.date(2026, 11, 30), 3) == (
        dt.date(2026, 11, 24),
        dt.date(2026, 11, 25),
        dt.date(2026, 11, 27),
    )
    assert CALENDAR.previous_sessions(dt.date(2026, 11, 26), 1) == (dt.date(2026, 11, 25),)
    assert CALENDAR.previous_sessions(dt.date(2026, 11, 26), 0) == ()


def test_the_next_day_of_a_holiday_is_the_session_after_it() -> None:
    assert CALENDAR.next_day(dt.date(2026, 11, 26)).date == dt.date(2026, 11, 27)
    assert CALENDAR.next_day(dt.date(2026, 11, 27)).date == dt.date(2026, 11, 30)


def test_outside_its_table_the_calendar_refuses_and_names_its_range() -> None:
    with pytest.raises(CalendarRangeError, match=r"2026-01-02 to 2026-12-30"):
        CALENDAR.trading_day(FIRST_MS - 1)
    with pytest.raises(CalendarRangeError, match="outside the calendar"):
        CALENDAR.trading_day(LAST_MS + 1)
    with pytest.raises(CalendarRangeError, match="is not a session date"):
        CALENDAR.day(dt.date(2026, 11, 26))
    with pytest.raises(CalendarRangeError, match="2 sessions before 2026-01-05 asked for, 1 held"):
        CALENDAR.previous_sessions(dt.date(2026, 1, 5), 2)
    with pytest.raises(CalendarRangeError, match="no session after"):
        CALENDAR.next_day(dt.date(2026, 12, 30))
    assert not CALENDAR.is_session(dt.date(2030, 1, 2))


def test_boundaries_are_configurable() -> None:
    boundaries = SessionBoundaries(day_start=dt.time(0, 0), after_hours_end=dt.time(22, 0))
    calendar = TradingCalendar(sessions_of_2026(), boundaries)
    day = calendar.day(dt.date(2026, 11, 20))
    assert day.day_start_ms == instant("2026-11-20T00:00")
    assert day.after_hours_end_ms == instant("2026-11-20T22:00")
    assert calendar.day(dt.date(2026, 11, 27)).after_hours_end_ms == instant("2026-11-27T19:00")


ROUND_THE_CLOCK = TradingCalendar(sessions_of_2026(), SessionBoundaries(day_start=dt.time(21, 0)))
"""As announced: from 21:00 of the evening before, with an hour's pause after 20:00."""


@pytest.mark.parametrize(
    ("time", "date", "session"),
    [
        ("2026-11-18T20:59:59.999", dt.date(2026, 11, 18), MarketSession.CLOSED),
        ("2026-11-18T21:00", dt.date(2026, 11, 19), MarketSession.CLOSED),
        ("2026-11-19T03:59:59.999", dt.date(2026, 11, 19), MarketSession.CLOSED),
        ("2026-11-19T04:00", dt.date(2026, 11, 19), MarketSession.PRE_MARKET),
        ("2026-11-19T19:59:59.999", dt.date(2026, 11, 19), MarketSession.AFTER_HOURS),
        ("2026-11-20T20:59:59.999", dt.date(2026, 11, 20), MarketSession.CLOSED),
        ("2026-11-20T21:00", dt.date(2026, 11, 20), MarketSession.CLOSED),  # Friday: the week is over
        ("2026-11-22T20:59:59.999", dt.date(2026, 11, 20), MarketSession.CLOSED),
        ("2026-11-22T21:00", dt.date(2026, 11, 23), MarketSession.CLOSED),  # Sunday
        ("2026-11-25T21:00", dt.date(2026, 11, 25), MarketSession.CLOSED),  # the eve of Thanksgiving
        ("2026-11-26T21:00", dt.date(2026, 11, 27), MarketSession.CLOSED),
        ("2026-11-27T16:59:59.999", dt.date(2026, 11, 27), MarketSession.AFTER_HOURS),
        ("2026-03-08T21:00", dt.date(2026, 3, 9), MarketSession.CLOSED),
        ("2026-11-01T20:59:59.999", dt.date(2026, 10, 30), MarketSession.CLOSED),
    ],
)
def test_a_day_may_start_on_the_evening_before_its_session(
    time: str, date: dt.date, session: MarketSession
) -> None:
    day = ROUND_THE_CLOCK.trading_day(instant(time))
    assert (day.date, day.session_at(instant(time))) == (date, session)


def test_no_night_of_a_trading_day_is_longer_when_the_clocks_change() -> None:
    """That happens at 02:00 of a Sunday, before Monday's night has begun."""
    nights = {
        date: ROUND_THE_CLOCK.day(date).pre_market_start_ms - ROUND_THE_CLOCK.day(date).day_start_ms
        for date in ROUND_THE_CLOCK.dates
    }
    assert {length / 3_600_000 for length in nights.values()} == {7.0}


def test_impossible_boundaries_and_tables_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Mars/Olympus"):
        SessionBoundaries(time_zone="Mars/Olympus")
    with pytest.raises(ConfigurationError, match="must ascend"):
        SessionBoundaries(day_start=dt.time(17, 0))
    with pytest.raises(ConfigurationError, match="at least 2 sessions, got 1"):
        TradingCalendar(sessions_of_2026()[:1])
    late = SessionBoundaries(day_start=dt.time(10, 0), pre_market_start=dt.time(10, 0))
    with pytest.raises(ConfigurationError, match="does not fit"):
        TradingCalendar(sessions_of_2026(), late)
    with pytest.raises(ConfigurationError, match=r"day_start 07:00:00 .* pre_market_start 04:00:00"):
        SessionBoundaries(day_start=dt.time(7, 0))


@given(st.integers(FIRST_MS, LAST_MS))
def test_every_covered_instant_belongs_to_exactly_one_trading_day(event_time_ms: int) -> None:
    day = CALENDAR.trading_day(event_time_ms)
    assert day.contains(event_time_ms)
    assert [other for other in CALENDAR.dates if CALENDAR.day(other).contains(event_time_ms)] == [day.date]
    assert CALENDAR.local_time(day.day_start_ms).time() == dt.time(4, 0)


@given(st.integers(FIRST_MS, LAST_MS))
def test_the_market_is_open_only_on_the_date_of_its_trading_day(event_time_ms: int) -> None:
    if CALENDAR.session_at(event_time_ms) is not MarketSession.CLOSED:
        local = CALENDAR.local_time(event_time_ms)
        assert local.date() == CALENDAR.trading_day(event_time_ms).date
        assert dt.time(4, 0) <= local.time() < dt.time(20, 0)


@given(st.integers(FIRST_MS, LAST_MS - 1), st.integers(1, 10**9))
def test_trading_days_never_go_back(event_time_ms: int, step_ms: int) -> None:
    later_ms = min(event_time_ms + step_ms, LAST_MS)
    assert CALENDAR.trading_day(event_time_ms).date <= CALENDAR.trading_day(later_ms).date
