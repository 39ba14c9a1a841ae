"""Averages, true ranges and restrictions from daily bars, against slow and obvious implementations."""

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.reference.daily_metrics import (
    SessionBars,
    average_true_range,
    average_volumes,
    build_panel,
    most_traded,
    previous_session_restricted,
)
from marketdata.reference.facts import DailyBar
from tests.unit.marketdata.reference.sources import bar

SYMBOLS = ("A", "B", "C")
prices = st.integers(1, 100_000).map(lambda cents: cents / 100)


@st.composite
def daily_bars(draw: st.DrawFn, symbol: str) -> DailyBar:
    low, close, opening, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
    return DailyBar(symbol, opening, high, low, close, float(draw(st.integers(0, 10**9))), None)


sessions_of_market = st.lists(
    st.one_of(
        st.none(),
        st.lists(st.sampled_from(SYMBOLS), unique=True).flatmap(
            lambda symbols: st.tuples(*(daily_bars(symbol) for symbol in symbols))
        ),
    ),
    max_size=32,
)


def slow_average_volume(sessions: Sequence[SessionBars], symbol: str) -> float:
    volumes: list[float] = []
    for bars in sessions:
        if bars is not None:
            found = [bar.volume for bar in bars if bar.symbol == symbol]
            if found or volumes:
                volumes += found or [0.0]
    return sum(volumes) / len(volumes)


def slow_average_true_range(sessions: Sequence[SessionBars], symbol: str) -> float:
    bars = [bar for bars in sessions for bar in bars or () if bar.symbol == symbol]
    ranges = [
        max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close))
        for before, bar in itertools.pairwise(bars)
    ]
    if len(ranges) < 14:
        return math.nan
    average = sum(ranges[:14]) / 14
    for true_range in ranges[14:]:
        average = (average * 13 + true_range) / 14
    return average


def slow_restriction(sessions: Sequence[SessionBars], symbol: str) -> float:
    today = next((bar for bar in sessions[-1] or () if bar.symbol == symbol), None)
    close = None
    for bars in sessions[:-1]:
        if bars is None:
            close = None
        for one in bars or ():
            if one.symbol == symbol:
                close = one.close
    if today is None or close is None:
        return math.nan
    # Prices are whole cents: compare them exactly.
    return float(round(today.low * 100) * 10 <= round(close * 100) * 9)


@given(sessions_of_market)
def test_the_columns_equal_the_slow_and_obvious_ones(sessions: list[SessionBars]) -> None:
    panel = build_panel(sessions)
    for column, slow in (
        (average_volumes(panel), slow_average_volume),
        (average_true_range(panel), slow_average_true_range),
        (previous_session_restricted(panel), slow_restriction),
    ):
        expected = [slow(sessions, symbol) for symbol in panel.symbols]
        assert column.tolist() == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_the_average_counts_from_a_symbols_first_session_and_untraded_ones_as_zero() -> None:
    sessions = [[bar("OLD", volume=90.0)], [bar("NEW", volume=50.0)], [bar("NEW", volume=70.0)]]

    panel = build_panel(sessions)
    assert dict(zip(panel.symbols, average_volumes(panel).tolist(), strict=True)) == {
        "OLD": 30.0,
        "NEW": 60.0,
    }


def test_fifteen_bars_make_the_first_average_true_range() -> None:
    sessions = [[bar("A", close=10.0, high=11.0, low=9.0)] for _ in range(15)]

    assert average_true_range(build_panel(sessions)).tolist() == [2.0]
    assert math.isnan(average_true_range(build_panel(sessions[1:]))[0])


def test_the_average_true_range_smooths_with_a_fourteenth_and_counts_gaps_from_the_close_before() -> None:
    sessions = [[bar("A", close=10.0, high=11.0, low=9.0)] for _ in range(15)]
    sessions.append([bar("A", close=20.0, high=21.0, low=20.0)])

    assert average_true_range(build_panel(sessions)).tolist() == [pytest.approx((2.0 * 13 + 11.0) / 14)]


@pytest.mark.parametrize(("low", "restricted"), [(9.09, 1.0), (9.10, 0.0), (9.08, 1.0)])
def test_a_fall_of_exactly_a_tenth_restricts(low: float, restricted: float) -> None:
    sessions = [[bar("A", close=10.10)], [bar("A", low=low)]]
    assert previous_session_restricted(build_panel(sessions)).tolist() == [restricted]


def test_the_most_traded_by_dollars_come_first() -> None:
    sessions = [[bar("A", close=1.0, volume=100.0), bar("B", close=50.0, volume=3.0), bar("C", volume=1.0)]]
    assert most_traded(build_panel(sessions), 2) == ["B", "A"]
    assert most_traded(build_panel([]), 2) == []
