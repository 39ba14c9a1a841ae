"""What is asked for, how it becomes columns, and what may be missing."""

import asyncio
import datetime as dt
import math
from collections.abc import Sequence

import pytest

from marketdata.errors import ContentError, ProviderRefused, ProviderUnavailable
from marketdata.reference.assembly import assemble, average_volumes
from marketdata.reference.loader import SESSIONS, Progress, ReferenceLoader
from marketdata.reference.wire import DailyBar, Float
from marketdata.trading_calendar.exchange import exchange_calendar
from tests.support.builders import block_rows
from tests.support.manual_clock import ManualClock

CALENDAR = exchange_calendar(dt.date(2026, 8, 1), dt.date(2026, 12, 31))
MONDAY = dt.date(2026, 11, 16)
MONDAY_10_00_MS = CALENDAR.instant_ms(MONDAY, dt.time(10, 0))


def bar(symbol: str, close: float = 10.0, volume: float = 100.0) -> DailyBar:
    return DailyBar(symbol, 9.0, 11.0, 8.0, close, volume, 10.5)


class FakeSource:
    """A provider with the given answers; counts the requests."""

    def __init__(self, market_time_ms: int = MONDAY_10_00_MS) -> None:
        self.now_ms = market_time_ms
        self.bars: dict[dt.date, Sequence[DailyBar]] = {}
        self.default: Sequence[DailyBar] = (bar("IBM"),)
        self.free_floats: Sequence[Float] = (Float("IBM", 5_000.0),)
        self.refused: dict[str, ProviderRefused] = {}
        self.requests = 0
        self.asked: list[dt.date] = []

    async def market_time_ms(self) -> int:
        self.requests += 1
        return self.now_ms

    async def daily_bars(self, date: dt.date) -> Sequence[DailyBar]:
        self.requests += 1
        self.asked.append(date)
        await asyncio.sleep(0)
        if error := self.refused.get(date.isoformat(), self.refused.get("bars")):
            raise error
        return self.bars.get(date, self.default)

    async def floats(self) -> Sequence[Float]:
        self.requests += 1
        if error := self.refused.get("floats"):
            raise error
        return self.free_floats


def loader_for(source: FakeSource, **options: object) -> ReferenceLoader:
    return ReferenceLoader(source, lambda _ns: CALENDAR, clock=ManualClock(), **options)  # type: ignore[arg-type]


async def test_thirty_sessions_before_the_trading_day_are_asked_for_once_each() -> None:
    source = FakeSource()

    loaded = await loader_for(source).load()

    assert sorted(source.asked) == list(CALENDAR.previous_sessions(MONDAY, SESSIONS))
    assert loaded.date == MONDAY
    assert loaded.requests == SESSIONS + 2
    assert loaded.block.market_time_ms == MONDAY_10_00_MS


async def test_the_previous_session_fills_its_columns() -> None:
    source = FakeSource()
    source.bars[dt.date(2026, 11, 13)] = (bar("IBM", close=42.0, volume=700.0),)

    rows = block_rows((await loader_for(source).load()).block)

    assert rows["IBM"] == {
        "prev_day_open": 9.0,
        "prev_day_high": 11.0,
        "prev_day_low": 8.0,
        "prev_day_close": 42.0,
        "prev_day_volume": 700.0,
        "prev_day_vwap": 10.5,
        "avg_volume": pytest.approx((29 * 100 + 700) / 30),
        "free_float": 5_000.0,
    }


@pytest.mark.parametrize(
    ("instant", "previous"),
    [
        (CALENDAR.instant_ms(dt.date(2026, 11, 14), dt.time(12, 0)), dt.date(2026, 11, 12)),  # Saturday
        (CALENDAR.instant_ms(MONDAY, dt.time(3, 59)), dt.date(2026, 11, 12)),
        (CALENDAR.instant_ms(MONDAY, dt.time(4, 0)), dt.date(2026, 11, 13)),
        (
            CALENDAR.instant_ms(dt.date(2026, 11, 27), dt.time(10, 0)),
            dt.date(2026, 11, 25),
        ),  # after Thanksgiving
    ],
)
async def test_the_trading_day_begins_at_four_and_skips_weekends_and_holidays(
    instant: int, previous: dt.date
) -> None:
    source = FakeSource(instant)
    await loader_for(source).load()
    assert max(source.asked) == previous


async def test_a_day_without_bars_was_no_session_and_the_one_before_counts() -> None:
    source = FakeSource()
    source.bars[dt.date(2026, 11, 13)] = ()
    source.bars[dt.date(2026, 11, 12)] = (bar("IBM", close=7.0),)

    rows = block_rows((await loader_for(source).load()).block)

    assert rows["IBM"]["prev_day_close"] == 7.0
    assert rows["IBM"]["avg_volume"] == 100.0


async def test_a_plan_without_floats_costs_that_column_only() -> None:
    source = FakeSource()
    source.refused["floats"] = ProviderRefused("not_entitled", "upgrade")

    loaded = await loader_for(source).load()

    assert block_rows(loaded.block)["IBM"]["free_float"] is None
    assert block_rows(loaded.block)["IBM"]["prev_day_close"] == 10.0
    assert loaded.not_entitled == ("floats",)


async def test_a_refused_previous_session_is_absent_and_not_taken_from_an_older_one() -> None:
    source = FakeSource()
    source.refused["2026-11-13"] = ProviderRefused("not_entitled", "before end of day")

    rows = block_rows((await loader_for(source).load()).block)

    assert rows["IBM"]["prev_day_close"] is None
    assert rows["IBM"]["avg_volume"] == 100.0


async def test_a_plan_without_bars_still_brings_floats() -> None:
    source = FakeSource()
    source.refused["bars"] = ProviderRefused("not_entitled", "upgrade")

    rows = block_rows((await loader_for(source).load()).block)

    assert rows["IBM"]["free_float"] == 5_000.0
    assert rows["IBM"]["avg_volume"] is None


@pytest.mark.parametrize("error", [ProviderRefused("auth_failed"), ProviderUnavailable("away")])
async def test_other_failures_are_raised_as_they_are(error: ProviderRefused) -> None:
    source = FakeSource()
    source.refused["bars"] = error
    with pytest.raises(type(error)):
        await loader_for(source).load()


async def test_no_data_at_all_is_an_error_and_never_an_empty_block() -> None:
    source = FakeSource()
    source.default = source.free_floats = ()
    with pytest.raises(ContentError, match="no_reference_data"):
        await loader_for(source).load()


async def test_progress_counts_every_step_to_the_end() -> None:
    steps: list[Progress] = []
    await loader_for(FakeSource(), progress=steps.append).load()

    assert [step.done for step in steps] == list(range(1, SESSIONS + 2))
    assert {step.total for step in steps} == {SESSIONS + 1}


async def test_stored_data_is_current_for_its_own_trading_day_only() -> None:
    source = FakeSource()
    block = (await loader_for(source).load()).block

    assert await loader_for(source).is_current(block)
    assert not await loader_for(source).is_current(None)
    source.now_ms = CALENDAR.instant_ms(dt.date(2026, 11, 17), dt.time(4, 0))
    assert not await loader_for(source).is_current(block)


def test_the_average_counts_from_a_symbols_first_session_and_untraded_ones_as_zero() -> None:
    sessions = [[bar("OLD", volume=90.0)], [bar("NEW", volume=50.0)], [bar("NEW", volume=70.0)]]

    assert average_volumes(sessions) == {"OLD": 30.0, "NEW": 60.0}


def test_symbols_of_every_source_have_a_row_in_order_with_absent_values_as_nan() -> None:
    block = assemble([[bar("B")], [bar("A")]], [Float("C", 1.0)], epoch=1, published_ns=2, market_time_ms=3)

    assert block.symbols == ("A", "B", "C")
    assert math.isnan(block.columns["prev_day_close"][1])
    assert math.isnan(block.columns["avg_volume"][2])
    assert block.columns["free_float"][2] == 1.0
