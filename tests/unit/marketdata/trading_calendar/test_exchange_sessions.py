"""The table that comes from the exchange's calendar, against the published dates of 2026 and 2027."""

import datetime as dt
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from marketdata.trading_calendar import SessionHours, TradingCalendar
from marketdata.trading_calendar.exchange import (
    SessionsUnreadable,
    exchange_calendar_around,
    exchange_holidays,
    exchange_sessions,
    read_by_child,
    sessions_around,
)


def test_holidays_and_early_closes_are_those_that_the_exchange_published() -> None:
    holidays = exchange_holidays(dt.date(2026, 11, 1), dt.date(2027, 1, 31))
    assert [(day.date, day.close_ms is not None) for day in holidays] == [
        (dt.date(2026, 11, 26), False),
        (dt.date(2026, 11, 27), True),
        (dt.date(2026, 12, 24), True),
        (dt.date(2026, 12, 25), False),
        (dt.date(2027, 1, 1), False),
        (dt.date(2027, 1, 18), False),
    ]
    assert holidays[0].name == "Thanksgiving"


def test_the_calendar_knows_half_days_and_summer_time() -> None:
    calendar = TradingCalendar(exchange_sessions(dt.date(2026, 3, 2), dt.date(2026, 12, 31)))
    half_day = calendar.day(dt.date(2026, 11, 27))
    assert half_day.is_early_close
    assert calendar.local_time(half_day.regular_close_ms).time() == dt.time(13, 0)
    assert calendar.local_time(half_day.after_hours_end_ms).time() == dt.time(17, 0)
    opens = {calendar.local_time(calendar.day(date).regular_open_ms).time() for date in calendar.dates}
    assert opens == {dt.time(9, 30)}
    assert not calendar.is_session(dt.date(2026, 11, 26))


def test_a_calendar_around_an_instant_holds_a_month_before_it_and_half_a_year_after() -> None:
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    calendar = exchange_calendar_around(int(now.timestamp()) * 10**9)
    assert calendar.trading_day(int(now.timestamp() * 1000)).date == dt.date(2026, 11, 20)
    assert len(calendar.previous_sessions(now.date(), 30)) == 30
    assert calendar.is_session(dt.date(2027, 5, 21))


def test_the_pure_calendar_does_not_load_pandas() -> None:
    program = "import sys, marketdata.trading_calendar; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_child_reads_the_same_sessions() -> None:
    dates = dt.date(2026, 11, 1), dt.date(2027, 1, 31)
    assert read_by_child(*dates) == exchange_sessions(*dates)


def test_a_child_reads_what_is_installed_now_and_a_damaged_installation_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange_sessions(
        dt.date(2026, 11, 1), dt.date(2026, 11, 30)
    )  # this process holds the package since then
    (tmp_path / "exchange_calendars.py").write_text("raise ImportError('half installed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SessionsUnreadable, match="half installed"):
        read_by_child(dt.date(2026, 11, 1), dt.date(2026, 11, 30))


def test_sessions_are_read_from_more_than_a_year_before_to_a_year_after() -> None:
    asked: list[tuple[dt.date, dt.date]] = []

    def read(first: dt.date, last: dt.date) -> Sequence[SessionHours]:
        asked.append((first, last))
        return ()

    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    sessions_around(int(now.timestamp()) * 10**9, read=read)
    assert asked == [(dt.date(2025, 10, 18), dt.date(2027, 11, 17))]
