"""The market's hours out of the environment: what divides a day is taken, the rest is refused by its name."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError
from marketdata.trading_calendar import SessionBoundaries, SessionHours, TradingCalendar
from mdp_site.env import Environment
from mdp_site.market_hours import read_market_hours

DAY_START = "MARKET_DAY_START"
PRE_MARKET_START = "MARKET_PRE_MARKET_START"
AFTER_HOURS_END = "MARKET_AFTER_HOURS_END"


def instant_ms(date: dt.date, time: dt.time) -> int:
    return round(dt.datetime.combine(date, time, ZoneInfo("America/New_York")).timestamp() * 1_000)


WEEK = [
    SessionHours(date, instant_ms(date, dt.time(9, 30)), instant_ms(date, closing))
    for date, closing in (
        (dt.date(2026, 11, 25), dt.time(16)),
        (dt.date(2026, 11, 27), dt.time(13)),
        (dt.date(2026, 11, 30), dt.time(16)),
    )
]
times = st.times().map(lambda time: time.replace(second=0, microsecond=0))


def test_without_settings_the_hours_are_those_of_us_equities() -> None:
    assert read_market_hours(Environment({})) == SessionBoundaries()


@pytest.mark.parametrize(
    ("variables", "refused", "accepted"),
    [
        ({DAY_START: "17:00"}, "MARKET_DAY_START='17:00'", "04:00 (MARKET_PRE_MARKET_START)"),
        ({PRE_MARKET_START: "03:00"}, "MARKET_DAY_START='04:00'", "03:00 (MARKET_PRE_MARKET_START)"),
        (
            {DAY_START: "20:00", AFTER_HOURS_END: "20:30"},
            "MARKET_DAY_START='20:00'",
            "of the evening before from 20:30 (MARKET_AFTER_HOURS_END)",
        ),
        (
            {PRE_MARKET_START: "10:00"},
            "MARKET_PRE_MARKET_START='10:00'",
            "from 00:00 to 09:30, such as 04:00",
        ),
        ({AFTER_HOURS_END: "15:00"}, "MARKET_AFTER_HOURS_END='15:00'", "from 16:00 to 23:59, such as 20:00"),
    ],
)
def test_an_hour_that_does_not_fit_is_refused_by_its_name(
    variables: dict[str, str], refused: str, accepted: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_market_hours(Environment(variables))
    assert str(caught.value).startswith(f"{refused} is not valid; accepted: hours and minutes ")
    assert accepted in str(caught.value)


@given(day_start=times, pre_market_start=times, after_hours_end=times)
def test_exactly_what_divides_full_and_half_days_is_taken(
    day_start: dt.time, pre_market_start: dt.time, after_hours_end: dt.time
) -> None:
    def divided() -> TradingCalendar:
        boundaries = SessionBoundaries(
            day_start=day_start, pre_market_start=pre_market_start, after_hours_end=after_hours_end
        )
        return TradingCalendar(WEEK, boundaries)

    given_times = {DAY_START: day_start, PRE_MARKET_START: pre_market_start, AFTER_HOURS_END: after_hours_end}
    try:
        boundaries = read_market_hours(
            Environment({name: f"{time:%H:%M}" for name, time in given_times.items()})
        )
    except ConfigurationError:
        with pytest.raises(ConfigurationError):
            divided()
        return
    assert boundaries == divided().boundaries
