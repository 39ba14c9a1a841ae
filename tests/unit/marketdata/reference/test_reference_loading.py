"""What is asked for, how it becomes columns, and what may be missing."""

import datetime as dt
import math

import pytest

from marketdata.errors import ContentError, MarketDataError, ProviderRefused, ProviderUnavailable
from marketdata.reference.facts import Float, ListedTicker, Split
from marketdata.reference.flaws import FlawReason, named
from marketdata.reference.loader import (
    SESSIONS,
    ReferenceLoader,
)
from marketdata.reference.parts import Progress
from marketdata.reference.tickers import Ticker, TickerType
from tests.support.builders import block_rows
from tests.support.manual_clock import ManualClock
from tests.unit.marketdata.reference.loading import (
    NOT_ENTITLED,
    THURSDAY,
    load,
    loader_for,
    rows_of,
    snapshot,
)
from tests.unit.marketdata.reference.sources import (
    CALENDAR,
    FRIDAY,
    MINUTE_MS,
    MONDAY,
    MONDAY_10_00_MS,
    FakeSource,
    bar,
)


async def test_thirty_sessions_before_the_trading_day_are_asked_for_once_each() -> None:
    source = FakeSource()

    loaded = await load(source)

    assert sorted(source.asked) == list(CALENDAR.previous_sessions(MONDAY, SESSIONS))
    assert loaded.date == MONDAY
    # Besides: market status, floats, tickers, splits, snapshot, and one symbol for the volume curve.
    assert loaded.requests == SESSIONS + 7
    assert loaded.block.market_time_ms == MONDAY_10_00_MS


async def test_the_previous_session_fills_its_columns() -> None:
    source = FakeSource()
    source.bars[FRIDAY] = (bar("IBM", close=42.0, volume=700.0, high=50.0),)

    assert (await rows_of(source))["IBM"] == {
        "prev_day_open": 9.0,
        "prev_day_high": 50.0,
        "prev_day_low": 8.0,
        "prev_day_close": 42.0,
        "prev_day_volume": 700.0,
        "prev_day_vwap": 10.5,
        "avg_volume": pytest.approx((29 * 100 + 700) / 30),
        "free_float": 5_000.0,
        "average_true_range": pytest.approx((3.0 * 13 + 42.0) / 14),
        "prev_day_short_sale_restricted": 1.0,
        "ticker_type": TickerType.CS,
        "nasdaq_listed": 0.0,
        "split_ratio": None,
        "snapshot_high": None,
        "snapshot_low": None,
    }


@pytest.mark.parametrize(
    ("instant", "previous"),
    [
        (CALENDAR.instant_ms(dt.date(2026, 11, 14), dt.time(12, 0)), dt.date(2026, 11, 12)),  # Saturday
        (CALENDAR.instant_ms(MONDAY, dt.time(3, 29)), dt.date(2026, 11, 12)),
        (CALENDAR.instant_ms(MONDAY, dt.time(3, 30)), FRIDAY),
        (CALENDAR.instant_ms(MONDAY, dt.time(4, 0)), FRIDAY),
        (
            CALENDAR.instant_ms(dt.date(2026, 11, 27), dt.time(10, 0)),
            dt.date(2026, 11, 25),
        ),  # after a holiday
    ],
)
async def test_the_day_to_come_counts_from_half_an_hour_before_its_start(
    instant: int, previous: dt.date
) -> None:
    source = FakeSource(instant)
    await load(source)
    assert max(source.asked) == previous


async def test_data_loaded_ahead_bears_a_time_of_the_day_that_it_is_for_and_has_no_snapshot() -> None:
    source = FakeSource(CALENDAR.instant_ms(MONDAY, dt.time(3, 40)))

    loaded = await load(source)

    assert loaded.date == MONDAY
    assert loaded.block.market_time_ms == CALENDAR.day(MONDAY).day_start_ms
    assert "snapshot" not in source.asked_steps
    source.now_ms = MONDAY_10_00_MS
    assert await loader_for(source).is_current(loaded.block)


async def test_an_empty_session_is_missing_and_named_and_no_older_one_takes_its_place() -> None:
    source = FakeSource()
    source.bars[FRIDAY] = ()
    source.bars[THURSDAY] = (bar("IBM", close=7.0),)

    loaded = await load(source)

    row = block_rows(loaded.block)["IBM"]
    assert row["prev_day_close"] is None
    assert row["prev_day_short_sale_restricted"] is None
    assert row["avg_volume"] == 100.0
    assert [(flaw.name, flaw.reason) for flaw in loaded.flaws] == [
        ("daily bars of 2026-11-13", FlawReason.EMPTY)
    ]
    assert (loaded.closures, loaded.previous_date) == ((), FRIDAY)


TWO = (bar("IBM", close=7.0), bar("X", close=1.0))


async def test_a_closure_is_believed_when_the_minute_bars_skip_the_day_as_well() -> None:
    source = FakeSource()
    source.default = TWO
    source.bars[FRIDAY] = ()
    source.closed = {FRIDAY}

    loaded = await load(source)

    assert block_rows(loaded.block)["IBM"]["prev_day_close"] == 7.0
    assert block_rows(loaded.block)["IBM"]["avg_volume"] == 100.0
    assert (loaded.closures, loaded.flaws, loaded.previous_date) == ((FRIDAY,), (), THURSDAY)


async def test_before_any_trade_of_the_new_day_nothing_shows_that_the_day_before_was_a_closure() -> None:
    source = FakeSource(CALENDAR.day(MONDAY).day_start_ms - 20 * MINUTE_MS)
    source.default = TWO
    source.bars[FRIDAY] = ()
    source.closed = {FRIDAY}

    loaded = await load(source)

    assert loaded.closures == ()
    assert named(loaded.flaws, FlawReason.EMPTY) == ("daily bars of 2026-11-13",)


async def test_an_answer_with_a_small_part_of_the_market_is_no_session() -> None:
    source = FakeSource()
    source.default = tuple(bar(f"S{number}") for number in range(10))
    source.bars[FRIDAY] = source.default[:4]

    loaded = await load(source)

    assert block_rows(loaded.block)["S0"]["prev_day_close"] is None
    assert named(loaded.flaws, FlawReason.THIN) == ("daily bars of 2026-11-13",)


@pytest.mark.parametrize("error", [ContentError("daily_bars", "HTML"), ProviderRefused("bad_request", "no")])
async def test_one_of_thirty_sessions_costs_itself_alone(error: MarketDataError) -> None:
    source = FakeSource()
    source.refused["2026-11-02"] = error

    loaded = await load(source)

    row = block_rows(loaded.block)["IBM"]
    assert (row["prev_day_close"], row["avg_volume"]) == (10.0, 100.0)
    assert [flaw.name for flaw in loaded.flaws] == ["daily bars of 2026-11-02"]
    assert loaded.flaws[0].passes


@pytest.mark.parametrize(
    "error", [ContentError("daily_bars", "HTML"), ProviderRefused("bad_request"), ProviderUnavailable("503")]
)
async def test_without_a_single_session_the_load_fails_and_nothing_is_replaced(error: Exception) -> None:
    source = FakeSource()
    source.refused["bars"] = error
    with pytest.raises(type(error)):
        await load(source)


@pytest.mark.parametrize("step", ["floats", "tickers", "snapshot"])
async def test_an_empty_part_is_named(step: str) -> None:
    source = FakeSource()
    source.all_floats = () if step == "floats" else source.all_floats
    source.all_tickers = () if step == "tickers" else source.all_tickers
    source.all_snapshots = () if step == "snapshot" else source.all_snapshots

    assert named((await load(source)).flaws, FlawReason.EMPTY) == (step,)


@pytest.mark.parametrize("step", ["floats", "tickers", "splits", "snapshot", "minute bars"])
@pytest.mark.parametrize("reason", ["bad_request", "not_found", "auth_failed"])
async def test_a_refusal_of_a_part_costs_that_part_alone(step: str, reason: str) -> None:
    source = FakeSource()
    source.refused[step] = ProviderRefused(reason, "no")

    loaded = await load(source)

    part = "volume curve" if step == "minute bars" else step
    assert named(loaded.flaws, FlawReason.REFUSED) == (part,)
    assert block_rows(loaded.block)["IBM"]["prev_day_close"] == 10.0


async def test_one_symbol_without_minute_bars_leaves_the_curve_to_the_others() -> None:
    source = FakeSource()
    source.default = TWO
    source.refused["minute bars of IBM"] = ContentError("minute_bars", "HTML")

    loaded = await load(source)

    assert loaded.volume_curve is not None
    assert (loaded.volume_curve.symbols, loaded.flaws) == (("X",), ())


async def test_a_listing_that_broke_off_keeps_what_was_got_and_is_named() -> None:
    source = FakeSource()
    source.broken = {
        "floats": ContentError("endless", "floats: 3 pages and no end"),
        "tickers": ProviderUnavailable("503"),
    }

    loaded = await load(source)

    row = block_rows(loaded.block)["IBM"]
    assert (row["free_float"], row["ticker_type"]) == (5_000.0, TickerType.CS)
    assert [(flaw.part, flaw.reason) for flaw in loaded.flaws] == [
        ("floats", FlawReason.ENDLESS),
        ("tickers", FlawReason.UNAVAILABLE),
    ]


@pytest.mark.parametrize(
    "error", [ContentError("market_time", "ahead"), ProviderUnavailable("503"), ProviderRefused("not_found")]
)
async def test_the_providers_own_market_is_at_our_time_when_its_status_does_not_help(
    error: Exception,
) -> None:
    source = FakeSource()
    source.has_own_clock = False
    source.refused["market status"] = error
    clock = ManualClock(MONDAY_10_00_MS)

    loaded = await ReferenceLoader(source, lambda _ns: CALENDAR, clock=clock).load()

    assert loaded.date == MONDAY
    assert [flaw.part for flaw in loaded.flaws] == ["market status"]


async def test_another_market_has_no_time_but_its_own() -> None:
    source = FakeSource()
    source.refused["market status"] = ContentError("market_status", "no serverTime")
    with pytest.raises(ContentError):
        await load(source)


async def test_a_symbol_that_changes_its_name_takes_its_history_along() -> None:
    """On the day of a reverse split, as it often goes; the split is listed under the old name."""
    source = FakeSource()
    source.default = (bar("IBM"), bar("OLD", close=50.0, volume=200.0), bar("GONE"))
    source.all_tickers = [
        ListedTicker("IBM", "Machines", "CS", "XNYS", "FIGI1"),
        ListedTicker("NEW", "Renamed", "CS", "XNAS", "FIGI2"),
    ]
    source.was_listed = {
        "OLD": ListedTicker("OLD", "Renamed", "CS", "XNAS", "FIGI2"),
        "GONE": ListedTicker("GONE", "Delisted", "CS", "XNAS", "FIGI3"),
    }
    source.all_splits = [Split("OLD", MONDAY, 10.0, 1.0)]
    source.unadjusted = [bar("OLD", close=5.0)]
    source.all_floats = [Float("OLD", 1_000.0, FRIDAY)]

    rows = await rows_of(source)

    assert "OLD" not in rows
    assert (rows["NEW"]["prev_day_close"], rows["NEW"]["avg_volume"]) == (50.0, 200.0)
    assert (rows["NEW"]["split_ratio"], rows["NEW"]["free_float"]) == (0.1, 100.0)
    assert rows["GONE"]["prev_day_close"] == 10.0


@pytest.mark.parametrize(
    ("step", "columns"),
    [
        ("floats", ["free_float"]),
        ("tickers", ["ticker_type", "nasdaq_listed"]),
        ("splits", ["split_ratio"]),
        ("snapshot", ["snapshot_high", "snapshot_low"]),
        ("bars", ["prev_day_close", "avg_volume", "average_true_range", "prev_day_short_sale_restricted"]),
    ],
)
async def test_a_plan_without_an_endpoint_costs_its_columns_only(step: str, columns: list[str]) -> None:
    source = FakeSource()
    source.all_splits = [Split("IBM", MONDAY, 1.0, 4.0)]
    source.unadjusted = [bar("IBM", close=40.0)]
    source.all_snapshots = [snapshot("IBM", high=3.0, low=2.0)]
    complete = await rows_of(source)
    assert [name for name in columns if complete["IBM"][name] is None] == []

    source.refused[step] = NOT_ENTITLED
    loaded = await load(source)

    row = block_rows(loaded.block)["IBM"]
    assert [name for name in columns if row[name] is not None] == []
    others = set(row) - set(columns) - ({"free_float"} if step == "splits" else set())
    if step != "bars":
        assert {name: row[name] for name in others} == {name: complete["IBM"][name] for name in others}
    assert any(step in what for what in loaded.not_entitled)


async def test_a_plan_without_minute_bars_costs_the_volume_curve_only() -> None:
    source = FakeSource()
    source.refused["minute bars"] = NOT_ENTITLED

    loaded = await load(source)

    assert loaded.volume_curve is None
    assert loaded.not_entitled == ("volume curve",)
    assert block_rows(loaded.block)["IBM"]["prev_day_close"] == 10.0


async def test_an_answer_that_is_not_understood_costs_its_columns_and_is_named() -> None:
    source = FakeSource()
    source.refused["tickers"] = ContentError("tickers", "no JSON")

    loaded = await load(source)

    assert named(loaded.flaws, FlawReason.UNREADABLE) == ("tickers",)
    assert loaded.tickers is None
    assert block_rows(loaded.block)["IBM"]["free_float"] == 5_000.0


async def test_a_refused_previous_session_is_absent_and_not_taken_from_an_older_one() -> None:
    source = FakeSource()
    source.refused["2026-11-13"] = ProviderRefused("not_entitled", "before end of day")

    rows = await rows_of(source)

    assert rows["IBM"]["prev_day_close"] is None
    assert rows["IBM"]["prev_day_short_sale_restricted"] is None
    assert rows["IBM"]["avg_volume"] == 100.0


@pytest.mark.parametrize("step", ["floats", "tickers", "splits", "snapshot", "minute bars"])
async def test_a_missing_answer_costs_its_columns_and_is_named(step: str) -> None:
    source = FakeSource()
    source.refused[step] = ProviderUnavailable("429")

    loaded = await load(source)

    part = "volume curve" if step == "minute bars" else step
    assert named(loaded.flaws, FlawReason.UNAVAILABLE) == (part,)
    assert block_rows(loaded.block)["IBM"]["prev_day_close"] == 10.0


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("bars", ProviderUnavailable("away")),
        ("bars", ProviderRefused("auth_failed")),
        ("market status", ProviderRefused("auth_failed")),
    ],
)
async def test_other_failures_are_raised_as_they_are(step: str, error: Exception) -> None:
    source = FakeSource()
    source.refused[step] = error
    with pytest.raises(type(error)):
        await load(source)


async def test_no_data_at_all_is_an_error_and_never_an_empty_block() -> None:
    source = FakeSource()
    source.default = source.all_floats = source.all_tickers = source.all_snapshots = ()
    source.refused["bars"] = NOT_ENTITLED
    with pytest.raises(ContentError, match="no_reference_data"):
        await load(source)


async def test_progress_counts_every_step_to_the_end() -> None:
    steps: list[Progress] = []
    await loader_for(FakeSource(), progress=steps.append).load()

    assert [step.done for step in steps] == list(range(1, SESSIONS + 7))
    assert {step.total for step in steps} == {SESSIONS + 6}


async def test_stored_data_is_current_for_its_own_trading_day_only() -> None:
    source = FakeSource()
    block = (await load(source)).block

    assert await loader_for(source).is_current(block)
    assert not await loader_for(source).is_current(None)
    source.now_ms = CALENDAR.instant_ms(dt.date(2026, 11, 17), dt.time(3, 29))
    assert await loader_for(source).is_current(block)
    source.now_ms = CALENDAR.instant_ms(dt.date(2026, 11, 17), dt.time(3, 30))
    assert not await loader_for(source).is_current(block)


async def test_symbols_of_every_source_have_a_row_in_order_with_absent_values_as_nan() -> None:
    source = FakeSource()
    source.default = (bar("B"), bar("A"))
    source.all_floats = [Float("C", 1.0)]
    source.all_tickers = [ListedTicker("D", "Dee", "WARRANT", "XNAS"), ListedTicker("E", None, None, None)]
    source.all_snapshots = [snapshot("F", high=6.0, low=5.0)]

    loaded = await load(source)

    assert loaded.block.symbols == ("A", "B", "C", "D", "E", "F")
    rows = block_rows(loaded.block)
    assert rows["C"]["prev_day_close"] is None
    assert (rows["D"]["ticker_type"], rows["D"]["nasdaq_listed"]) == (TickerType.WARRANT, 1.0)
    assert (rows["E"]["ticker_type"], rows["E"]["nasdaq_listed"]) == (None, None)
    assert (rows["F"]["snapshot_high"], rows["F"]["snapshot_low"]) == (6.0, 5.0)
    assert loaded.tickers == {"D": Ticker("Dee", "WARRANT", "XNAS"), "E": Ticker("", "", "")}
    assert all(math.isnan(value) for value in loaded.block.columns["split_ratio"])
