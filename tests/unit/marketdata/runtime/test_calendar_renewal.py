"""A process that runs for a year has a calendar still, and one that cannot be renewed stays as it is."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Final

import pytest

from marketdata.errors import ConfigurationError
from marketdata.runtime.calendar_renewal import keep_renewed
from marketdata.runtime.cancellation import end
from marketdata.trading_calendar import SessionHours, TradingCalendar
from marketdata.trading_calendar.exchange import SessionsUnreadable, exchange_sessions
from marketdata.transport.queues import QueueName
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import aggregate_wire, batch, calendar_of, new_york_ms
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock

LATER: Final = dt.date(2027, 11, 23)


def later_sessions() -> Sequence[SessionHours]:
    return exchange_sessions(LATER - dt.timedelta(days=400), LATER + dt.timedelta(days=30))


def test_another_table_takes_the_place_of_the_first() -> None:
    calendar = calendar_of("2026-11-23", "2026-11-24")
    calendar.renew(later_sessions())
    assert calendar.is_session(LATER)
    assert calendar.trading_day(new_york_ms(LATER.isoformat(), "10:00")).date == LATER
    assert calendar.next_day(dt.date(2027, 11, 24)).date == dt.date(2027, 11, 26), "Thanksgiving"


@pytest.mark.parametrize(
    "wrong", [[], [SessionHours(LATER, 5, 5), SessionHours(dt.date(2027, 11, 24), 6, 7)]]
)
def test_a_wrong_table_is_refused_and_the_first_holds_on(wrong: list[SessionHours]) -> None:
    calendar = calendar_of("2026-11-23", "2026-11-24")
    before = calendar.dates
    with pytest.raises(ConfigurationError):
        calendar.renew(wrong)
    assert calendar.dates == before
    assert calendar.trading_day(new_york_ms("2026-11-23", "10:00")).date == dt.date(2026, 11, 23)


async def test_events_of_the_next_year_count_once_the_calendar_was_renewed() -> None:
    calendar = calendar_of("2026-11-23", "2026-11-24")
    shard = ShardProcessor(0, routes=routes(), calendar=calendar, epoch=1)
    bar = aggregate_wire(start_ms=new_york_ms(LATER.isoformat(), "10:00"))
    assert shard.apply([batch(QueueName.AGGREGATE, [bar])]).ignored == {"other_day": 1}
    clock = ManualClock(new_york_ms(LATER.isoformat(), "09:00"))
    asked: list[int] = []

    def read(time_ns: int) -> Sequence[SessionHours]:
        asked.append(time_ns)
        if len(asked) == 1:
            raise SessionsUnreadable("in the midst of an update")
        return later_sessions()

    keeping = asyncio.create_task(
        keep_renewed(calendar, read, clock, renewal_seconds=0.01, retry_seconds=0.01)
    )

    async def renewed() -> bool:
        return calendar.is_session(LATER)

    try:
        assert await eventually(renewed, 10.0)
    finally:
        await end(keeping)
    assert set(asked) == {clock.time_ns()}
    assert shard.apply([batch(QueueName.AGGREGATE, [bar])]).applied == {"aggregate": 1}


def test_a_calendar_that_is_renewed_keeps_its_boundaries() -> None:
    calendar = calendar_of("2026-11-23", "2026-11-24")
    renewed = TradingCalendar(later_sessions(), calendar.boundaries)
    calendar.renew(later_sessions())
    assert calendar.day(LATER) == renewed.day(LATER)
