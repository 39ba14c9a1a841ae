"""Of rows that are listed twice, what they say decides, and never where they stand."""

import datetime as dt
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.reference.daily_metrics import build_panel
from marketdata.reference.facts import DailyBar, Float, ListedTicker, Snapshot, SnapshotDay
from marketdata.reference.rows import bars_of_session, newest_floats, newest_tickers, snapshots_of_day
from tests.unit.marketdata.reference.sources import CALENDAR, FRIDAY, MONDAY, MONDAY_10_00_MS, bar

DAY = CALENDAR.day(MONDAY)
CLOSE_MS = CALENDAR.day(FRIDAY).regular_close_ms


def test_the_bar_that_traded_sets_the_close_in_any_order() -> None:
    rows = [bar("IBM", close=10.0, volume=100.0), bar("IBM", close=9.0, volume=0.0), bar("X")]
    for order in itertools.permutations(rows):
        chosen = bars_of_session(order, FRIDAY)
        assert {row.symbol: row.close for row in chosen.rows} == {"IBM": 10.0, "X": 10.0}
        assert chosen.left_out == {"repeated": 1}


def test_two_bars_that_contradict_each_other_are_both_left_out() -> None:
    chosen = bars_of_session([bar("IBM", close=10.0), bar("IBM", close=9.0), bar("X")], FRIDAY)
    assert [row.symbol for row in chosen.rows] == ["X"]
    assert chosen.left_out == {"contradictory": 2}


@pytest.mark.parametrize("wrong", [{"high": 1.0}, {"close": 1e6}, {"open": 0.01}])
def test_a_bar_that_contradicts_itself_is_left_out_alone(wrong: dict[str, float]) -> None:
    chosen = bars_of_session([msgspec.structs.replace(bar("IBM"), **wrong), bar("X")], FRIDAY)
    assert [row.symbol for row in chosen.rows] == ["X"]
    assert chosen.left_out == {"contradictory": 1}


def test_a_price_of_zero_is_unknown_and_not_shown() -> None:
    chosen = bars_of_session([msgspec.structs.replace(bar("IBM"), close=0.0)], FRIDAY)
    panel = build_panel([chosen.rows])
    assert str(panel.close[0][0]) == "nan"
    assert panel.high[0][0] == 11.0


@pytest.mark.parametrize(
    ("end_ms", "is_used"),
    [
        (CLOSE_MS, True),
        (CALENDAR.instant_ms(FRIDAY, dt.time(20)), True),
        (CALENDAR.instant_ms(MONDAY - dt.timedelta(days=2), dt.time()), True),
        (CALENDAR.day(dt.date(2026, 11, 12)).regular_close_ms, False),
        (CALENDAR.day(MONDAY).regular_close_ms, False),
        (1, False),
    ],
)
def test_a_bar_of_another_session_is_stale(end_ms: int, *, is_used: bool) -> None:
    chosen = bars_of_session([msgspec.structs.replace(bar("IBM"), end_ms=end_ms)], FRIDAY)
    assert bool(chosen.rows) is is_used
    assert chosen.left_out == ({} if is_used else {"stale": 1})


def test_the_newest_float_that_is_in_force_counts() -> None:
    rows = [
        Float("IBM", 5.0, dt.date(2026, 11, 1)),
        Float("IBM", 4.0, dt.date(2026, 10, 1)),
        Float("IBM", 9.0, dt.date(2099, 1, 1)),
        Float("IBM", 3.0),
        Float("ZERO", 0.0, dt.date(2026, 11, 1)),
    ]
    for order in itertools.permutations(rows):
        chosen = newest_floats(order, MONDAY)
        assert chosen.rows == [rows[0]]
        assert chosen.left_out == {"repeated": 2, "not_yet": 1, "unknown": 1}


def test_floats_of_one_date_that_differ_are_both_left_out() -> None:
    chosen = newest_floats([Float("IBM", 5.0, FRIDAY), Float("IBM", 6.0, FRIDAY)], MONDAY)
    assert (chosen.rows, chosen.left_out) == ([], {"contradictory": 2})


def test_the_ticker_that_was_changed_last_counts_and_an_old_row_wipes_nothing() -> None:
    rows = [
        ListedTicker("IBM", "Machines", "CS", "XNYS", last_updated_utc="2026-11-15T00:00:00Z"),
        ListedTicker("IBM", "Old Machines", None, None, last_updated_utc="2019-01-01T00:00:00Z"),
        ListedTicker("IBM", "Odd", "ETF", None, last_updated_utc="soon"),
        ListedTicker("X", "X", "CS", "XNYS"),
        ListedTicker("X", None, None, None),
    ]
    for order in itertools.permutations(rows):
        found = {row.symbol: row.facts() for row in newest_tickers(order, MONDAY).rows}
        assert found == {"IBM": rows[0].facts(), "X": rows[3].facts()}


def test_the_newest_row_of_a_snapshot_counts() -> None:
    newer = Snapshot("IBM", MONDAY_10_00_MS * 1_000_000, SnapshotDay(high=5.0, low=4.0))
    older = Snapshot("IBM", (MONDAY_10_00_MS - 1_000) * 1_000_000, SnapshotDay(high=9.0, low=1.0))
    for order in ([newer, older], [older, newer]):
        assert snapshots_of_day(order, DAY, MONDAY_10_00_MS).rows == [newer]


def test_a_row_of_a_snapshot_that_changed_later_than_now_is_contradictory() -> None:
    def row(symbol: str, ahead_ms: int) -> Snapshot:
        return Snapshot(symbol, (MONDAY_10_00_MS + ahead_ms) * 1_000_000, SnapshotDay(high=5.0, low=4.0))

    rows = [row("NOW", 0), row("SOON", 1_000), row("LATER", 3_600_000), row("NOW", 5 * 3_600_000)]
    for order in itertools.permutations(rows):
        chosen = snapshots_of_day(order, DAY, MONDAY_10_00_MS)
        assert {found.symbol for found in chosen.rows} == {"NOW", "SOON"}
        assert chosen.left_out == {"contradictory": 2}


def test_a_newer_row_of_a_snapshot_without_a_range_takes_none_away() -> None:
    older = Snapshot("IBM", (MONDAY_10_00_MS - 1_000) * 1_000_000, SnapshotDay(high=9.0, low=1.0))
    newer = Snapshot("IBM", MONDAY_10_00_MS * 1_000_000)
    for order in ([newer, older], [older, newer]):
        assert snapshots_of_day(order, DAY, MONDAY_10_00_MS).rows == [older]


def test_a_ticker_that_is_to_change_in_years_is_not_the_newest() -> None:
    good = ListedTicker("IBM", "Machines", "CS", "XNYS", last_updated_utc="2026-11-15T00:00:00Z")
    ahead = ListedTicker("IBM", "Odd", "ETF", None, last_updated_utc="2099-01-01T00:00:00Z")
    for order in ([good, ahead], [ahead, good]):
        assert newest_tickers(order, MONDAY).rows == [good]


@pytest.mark.parametrize(
    "emptier",
    [
        {"vwap": None},
        {"vwap": 0.0},
        {"vwap": 1e6},
        {"close": 0.0},
        {"open": 0.0, "high": 0.0, "low": 0.0, "close": 0.0},
    ],
)
def test_the_fuller_bar_counts_before_the_one_with_the_greater_volume(emptier: dict[str, float]) -> None:
    full = bar("IBM", volume=100.0)
    other = msgspec.structs.replace(full, volume=5_000.0, **emptier)
    for order in ([full, other], [other, full]):
        chosen = bars_of_session(order, FRIDAY)
        assert chosen.rows == [full]
        assert chosen.left_out == {"repeated": 1}


bars = st.lists(
    st.builds(
        bar,
        st.sampled_from(["A", "B", "C"]),
        close=st.sampled_from([9.0, 10.0]),
        volume=st.sampled_from([0.0, 100.0, 200.0]),
    ),
    max_size=8,
)


@given(bars, st.randoms())
def test_no_order_of_the_rows_changes_what_is_chosen(rows: list[DailyBar], random: object) -> None:
    first = bars_of_session(rows, FRIDAY)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    second = bars_of_session(shuffled, FRIDAY)
    assert {row.symbol: row for row in first.rows} == {row.symbol: row for row in second.rows}
    assert first.left_out == second.left_out
    assert len({row.symbol for row in first.rows}) == len(first.rows)
