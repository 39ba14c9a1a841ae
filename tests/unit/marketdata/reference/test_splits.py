"""Splits of the day, as listings have them: twice, reversed, in contradiction."""

import math

import pytest

from marketdata.reference.daily_metrics import build_panel
from marketdata.reference.facts import Split
from marketdata.reference.splits import adjust_panel, splits_of
from tests.unit.marketdata.reference.sources import FRIDAY, MONDAY, bar


def split(split_from: float, split_to: float, symbol: str = "IBM") -> Split:
    return Split(symbol, MONDAY, split_from, split_to)


@pytest.mark.parametrize(
    ("listed", "ratio"),
    [
        ([split(1, 4), split(1, 4)], 4.0),
        ([split(1, 4), split(2, 8), split(1, 4)], 4.0),
        ([split(33, 1), split(1, 0.0303)], 1 / 33),
        ([split(100, 1), split(100, 1)], 0.01),
        ([split(500, 1), split(1, 50)], 0.1),
        ([split(1, 4), Split("IBM", FRIDAY, 1, 2)], 4.0),
    ],
)
def test_a_split_listed_again_is_one_and_two_opposite_ones_are_one_measure(
    listed: list[Split], ratio: float
) -> None:
    for order in (listed, listed[::-1]):
        found = splits_of(order, MONDAY)
        assert found.ratios == {"IBM": pytest.approx(ratio, rel=2e-3)}
        assert found.doubtful == {}


def test_a_split_of_one_to_one_is_none() -> None:
    assert splits_of([split(1, 1)], MONDAY).symbols == ()


def test_a_contradiction_is_settled_by_what_the_provider_has_adjusted() -> None:
    splits = splits_of([split(1, 4), split(1, 2)], MONDAY)
    adjusted = adjust_panel(build_panel([[bar("IBM", close=10.0)]]), [bar("IBM", close=40.0)], splits)

    assert set(splits.doubtful) == {"IBM"}
    assert adjusted.ratios == {"IBM": 4.0}
    assert adjusted.panel.close[0][0] == 10.0


@pytest.mark.parametrize(
    "listed",
    [
        [split(1, 4), split(4, 1)],
        [split(500, 1), split(1, 500)],
        [split(1, 3), split(1, 0.33)],
        [split(1, 4), split(4, 1), split(1, 4)],
    ],
)
@pytest.mark.parametrize("raw_close", [None, 10.0, 20.0])
def test_a_split_that_is_listed_both_ways_round_is_not_known(
    listed: list[Split], raw_close: float | None
) -> None:
    panel = build_panel([[bar("IBM", close=10.0), bar("X")]])
    for order in (listed, listed[::-1]):
        splits = splits_of(order, MONDAY)
        adjusted = adjust_panel(panel, None if raw_close is None else [bar("IBM", close=raw_close)], splits)
        assert set(splits.doubtful) == {"IBM"}
        assert adjusted.ratios == {}
        assert adjusted.unknown == {"IBM"}
        assert math.isnan(adjusted.panel.close[0][0])
        assert adjusted.panel.close[0][1] == 10.0


@pytest.mark.parametrize("raw_close", [10.0, 70.0])
def test_a_contradiction_that_nothing_settles_leaves_the_symbol_without_bars(raw_close: float) -> None:
    panel = build_panel([[bar("IBM", close=10.0), bar("X")]])
    splits = splits_of([split(1, 4), split(1, 2)], MONDAY)
    adjusted = adjust_panel(panel, [bar("IBM", close=raw_close)], splits)

    assert adjusted.ratios == {}
    assert math.isnan(adjusted.panel.close[0][0])
    assert adjusted.panel.close[0][1] == 10.0


@pytest.mark.parametrize("raw_close", [None, 160.0])
def test_bars_in_shares_that_nobody_knows_are_left_out(raw_close: float | None) -> None:
    """No unadjusted bar to hold against; or a close that was adjusted for something else."""
    panel = build_panel([[bar("IBM", close=10.0)]])
    unadjusted = None if raw_close is None else [bar("IBM", close=raw_close)]
    adjusted = adjust_panel(panel, unadjusted, splits_of([split(1, 4)], MONDAY))

    assert adjusted.unknown == {"IBM"}
    assert math.isnan(adjusted.panel.close[0][0])
    assert adjusted.ratios == {"IBM": 4.0}


def test_the_newest_session_that_could_be_had_is_the_one_to_compare() -> None:
    panel = build_panel([[bar("IBM", close=40.0)], None])
    adjusted = adjust_panel(panel, [bar("IBM", close=40.0)], splits_of([split(1, 4)], MONDAY))

    assert adjusted.panel.close[0][0] == 10.0
