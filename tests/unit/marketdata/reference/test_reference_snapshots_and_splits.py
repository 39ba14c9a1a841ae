"""What a snapshot, a split of the day and the minute bars of the leaders add to the loaded columns."""

import datetime as dt

import pytest

from marketdata.reference.facts import Float, Split
from marketdata.reference.loader import (
    CURVE_SYMBOLS,
    REQUEST_BUDGET,
    SESSIONS,
)
from tests.support.builders import block_rows
from tests.unit.marketdata.reference.loading import NOT_ENTITLED, load, rows_of, snapshot
from tests.unit.marketdata.reference.sources import (
    CALENDAR,
    FRIDAY,
    MONDAY,
    MONDAY_10_00_MS,
    FakeSource,
    bar,
)


async def test_a_snapshot_gives_the_previous_day_only_where_no_bar_does() -> None:
    source = FakeSource()
    source.all_snapshots = [
        snapshot("IBM", previous_close=2.0),
        snapshot("X", previous_close=3.0),
        snapshot("Y"),
    ]

    rows = await rows_of(source)

    assert rows["IBM"]["prev_day_close"] == 10.0
    assert (rows["X"]["prev_day_close"], rows["X"]["prev_day_volume"]) == (3.0, 70.0)
    assert (rows["X"]["prev_day_open"], rows["X"]["prev_day_vwap"]) == (1.0, 2.5)
    assert rows["Y"]["prev_day_close"] is None


@pytest.mark.parametrize("updated_ms", [0, CALENDAR.day(MONDAY).day_start_ms - 1])
async def test_a_snapshot_of_another_day_is_not_used(updated_ms: int) -> None:
    source = FakeSource()
    source.all_snapshots = [snapshot("IBM", updated_ms=updated_ms, high=5.0, low=4.0, previous_close=2.0)]
    source.refused["2026-11-13"] = NOT_ENTITLED

    row = (await rows_of(source))["IBM"]

    assert (row["snapshot_high"], row["prev_day_close"]) == (None, None)


async def test_a_snapshot_that_was_cleared_tells_the_previous_day_of_symbols_without_a_trade() -> None:
    source = FakeSource()
    source.all_snapshots = [snapshot("IBM"), snapshot("QUIET", updated_ms=0, previous_close=2.0)]

    assert (await rows_of(source))["QUIET"]["prev_day_close"] == 2.0


async def test_each_row_of_a_snapshot_is_judged_by_its_own_time() -> None:
    days = 86_400_000
    source = FakeSource()
    source.all_snapshots = [
        snapshot("IBM", high=12.0, low=11.0),
        snapshot("X", high=3.0, low=2.0),
        snapshot("OLD", updated_ms=1_000, high=1_000_000.0, low=1.0, previous_close=9.0),
        snapshot("ZERO", updated_ms=0, high=1_000_000.0, low=1.0),
        snapshot("AHEAD", updated_ms=MONDAY_10_00_MS + 3 * days, high=9.0, low=8.0),
        snapshot("TURNED", high=1.0, low=2.0),
        snapshot("LATER", updated_ms=MONDAY_10_00_MS + 3_600_000, high=9.0, low=8.0, previous_close=9.0),
    ]

    loaded = await load(source)

    rows = block_rows(loaded.block)
    assert rows["IBM"]["snapshot_high"] == 12.0
    assert rows["X"]["snapshot_low"] == 2.0
    assert not {"OLD", "ZERO", "AHEAD", "TURNED", "LATER"} & set(rows)
    assert loaded.left_out == {"snapshot: stale": 2, "snapshot: contradictory": 3}


@pytest.mark.parametrize(("split_from", "split_to", "ratio"), [(10.0, 1.0, 0.1), (1.0, 4.0, 4.0)])
@pytest.mark.parametrize("bars_are_adjusted", [True, False])
async def test_a_split_of_today_adjusts_what_the_provider_has_not(
    split_from: float, split_to: float, ratio: float, *, bars_are_adjusted: bool
) -> None:
    """In old shares: 40 dollars and 1,000 shares a day, a float of 6,000 shares."""
    source = FakeSource()
    source.all_splits = [Split("IBM", MONDAY, split_from, split_to)]
    factor = ratio if bars_are_adjusted else 1.0
    source.default = (
        bar("IBM", close=40 / factor, volume=1_000 * factor, high=44 / factor, low=36 / factor),
        bar("OTHER"),
    )
    source.unadjusted = (bar("IBM", close=40.0, volume=1_000.0), bar("OTHER"))
    source.all_floats = [Float("IBM", 6_000.0, dt.date(2026, 11, 1)), Float("OTHER", 1.0)]
    source.all_snapshots = [snapshot("IBM", high=12.0, low=11.0, previous_close=40.0)]

    rows = await rows_of(source)

    assert rows["IBM"]["split_ratio"] == pytest.approx(ratio)
    assert rows["IBM"]["prev_day_close"] == pytest.approx(40 / ratio)
    assert rows["IBM"]["prev_day_volume"] == pytest.approx(1_000 * ratio)
    assert rows["IBM"]["avg_volume"] == pytest.approx(1_000 * ratio)
    assert rows["IBM"]["average_true_range"] == pytest.approx(8 / ratio)
    assert rows["IBM"]["free_float"] == pytest.approx(6_000 * ratio)
    assert rows["IBM"]["snapshot_high"] == 12.0
    assert rows["OTHER"]["split_ratio"] is None
    assert (rows["OTHER"]["prev_day_close"], rows["OTHER"]["free_float"]) == (10.0, 1.0)


async def test_a_split_that_is_listed_both_ways_round_leaves_nothing_that_depends_on_it() -> None:
    source = FakeSource()
    source.all_splits = [Split("IBM", MONDAY, 1.0, 4.0), Split("IBM", MONDAY, 4.0, 1.0)]
    source.default = source.unadjusted = (bar("IBM", close=40.0), bar("OTHER"))
    source.all_floats = [Float("IBM", 6_000.0), Float("OTHER", 1.0)]
    source.all_snapshots = [snapshot("IBM", high=12.0, low=11.0, previous_close=40.0)]

    loaded = await load(source)

    rows = block_rows(loaded.block)
    absent = (
        "prev_day_close",
        "prev_day_volume",
        "avg_volume",
        "average_true_range",
        "free_float",
        "split_ratio",
    )
    assert {rows["IBM"][name] for name in absent} == {None}
    assert (rows["OTHER"]["prev_day_close"], rows["OTHER"]["free_float"]) == (10.0, 1.0)
    assert loaded.doubtful_splits == {"IBM"}
    assert loaded.left_out == {"splits: contradictory": 1}


async def test_a_float_of_today_and_a_split_of_another_day_are_left_alone() -> None:
    source = FakeSource()
    source.all_splits = [Split("IBM", MONDAY, 1.0, 4.0), Split("X", FRIDAY, 1.0, 2.0)]
    source.all_floats = [Float("IBM", 100.0, MONDAY), Float("X", 100.0, dt.date(2026, 11, 1))]

    rows = await rows_of(source)

    assert rows["IBM"]["free_float"] == 100.0
    assert (rows["X"]["free_float"], rows["X"]["split_ratio"]) == (100.0, None)


async def test_the_unadjusted_previous_day_of_a_snapshot_is_not_taken_on_a_split_day() -> None:
    source = FakeSource()
    source.refused["bars"] = NOT_ENTITLED
    source.all_splits = [Split("IBM", MONDAY, 1.0, 4.0)]
    source.all_snapshots = [snapshot("IBM", previous_close=40.0), snapshot("X", previous_close=5.0)]

    rows = await rows_of(source)

    assert rows["IBM"]["prev_day_close"] is None
    assert rows["X"]["prev_day_close"] == 5.0


async def test_the_volume_curve_is_learned_from_the_most_traded_symbols() -> None:
    source = FakeSource()
    source.default = tuple(bar(f"S{number}", close=10.0 + number) for number in range(10))

    loaded = await load(source)

    assert sorted(source.curve_symbols) == [f"S{number}" for number in range(4, 10)]
    curve = loaded.volume_curve
    assert curve is not None
    assert len(curve.symbols) == CURVE_SYMBOLS
    # 09:30 is minute 330 of the day.
    assert curve.share_at([0, 330, 331, 332, 960]).tolist() == pytest.approx([0, 0, 0.99, 1, 1])


async def test_the_volume_curve_takes_no_more_requests_than_the_budget_leaves() -> None:
    source = FakeSource()
    source.default = tuple(bar(f"S{number}") for number in range(10))
    source.requests = REQUEST_BUDGET - SESSIONS - 6 - 2

    loaded = await load(source)

    assert len(source.curve_symbols) == 2
    assert loaded.requests == REQUEST_BUDGET
