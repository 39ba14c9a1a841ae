"""Rankings are what sorting the eligible rows by value, then symbol, would give."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketdata.schema import BOARDS, Direction
from scanners.scanner.market import competing, rank

VALUES = st.lists(
    st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, 2.0, math.nan, math.inf, -math.inf]),
        st.floats(allow_nan=True, width=32),
    ),
    max_size=60,
)


@given(values=VALUES, depth=st.integers(1, 20), direction=st.sampled_from(Direction), data=st.data())
def test_ranking_equals_sorting(
    values: list[float], depth: int, direction: Direction, data: st.DataObject
) -> None:
    count = len(values)
    eligible = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    tie_order = data.draw(st.permutations(range(count)))
    sign = 1 if direction is Direction.LOWEST_FIRST else -1
    expected = sorted(
        (row for row in range(count) if eligible[row] and not math.isnan(values[row])),
        key=lambda row: (sign * values[row], tie_order[row]),
    )[:depth]

    ranked = rank(
        np.array(values, dtype=np.float64),
        np.array(eligible, dtype=np.bool_),
        depth=depth,
        tie_order=np.array(tie_order, dtype=np.intp),
        direction=direction,
    )

    assert ranked.tolist() == expected


def test_a_board_of_equal_values_is_cut_by_symbol() -> None:
    ranked = rank(np.ones(1_000), np.ones(1_000, dtype=np.bool_), depth=3, tie_order=np.arange(1_000)[::-1])
    assert ranked.tolist() == [999, 998, 997]


def test_no_volume_is_not_ranked_by_volume() -> None:
    by_volume = next(board for board in BOARDS if board.ranked_by == "accumulated_volume")
    assert competing(by_volume, np.array([math.nan, 0.0, 1.0])).tolist() == [False, False, True]


def test_gappers_that_fall_stand_behind_those_that_rise() -> None:
    gappers = next(board for board in BOARDS if board.ranked_by == "pct_change")
    values = np.array([-5.0, math.nan, 3.0, 0.0])
    ranked = rank(values, competing(gappers, values), tie_order=np.arange(4), direction=gappers.direction)
    assert ranked.tolist() == [2, 3, 0]
