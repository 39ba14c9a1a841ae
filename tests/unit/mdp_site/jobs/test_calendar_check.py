"""The trading calendar is checked, and says what comes next."""

import datetime as dt

import pytest

from marketdata.trading_calendar import SessionHours
from marketdata.trading_calendar.exchange import Holiday
from mdp_site.jobs.calendar_check import CalendarTooShort, calendar_text, check_calendar

FIRST = dt.date(2026, 11, 28)


def sessions(count: int) -> list[SessionHours]:
    return [SessionHours(FIRST + dt.timedelta(days=number), 1, 2) for number in range(count)]


def test_the_next_holidays_and_early_closes_are_named() -> None:
    holidays = [
        Holiday(date=dt.date(2026, 12, 24), name="Christmas Eve", open_ms=1, close_ms=2),
        Holiday(date=dt.date(2026, 12, 25), name="Christmas"),
    ]
    assert calendar_text(sessions(250), holidays) == (
        "250 sessions until 2027-08-04; next: 2026-12-24 Christmas Eve (early close), 2026-12-25 Christmas"
    )
    assert calendar_text(sessions(250), []).endswith("next: no holiday is known")


def test_a_calendar_that_ends_too_soon_fails_the_job() -> None:
    with pytest.raises(
        CalendarTooShort, match="has 100 sessions in the next 360 days; accepted: 180 or more"
    ):
        calendar_text(sessions(100), [])


def test_the_installed_calendar_is_read_by_a_process_of_its_own() -> None:
    assert " sessions until " in check_calendar()
