"""A delta turns any state of a table into any other, for a client that knows docs/protocol.md only."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.reference_client import changed_table
from widgets.hub.feeds.rows import Matrix, Order, compare
from widgets.protocol import VERSION_2, EmittedCells, EmittedRows, FeedDelta, FeedPosition

SYMBOLS = [f"S{index}" for index in range(12)]
NEW_SYMBOLS = ["N0", "N1", "N2"]
AT = FeedPosition("f", "9", 2, received_ns=1, market_time_ms=4, prev=1)

numbers = st.sampled_from([0.0, 1.0, 2.0, -3.0, math.nan, math.inf]) | st.integers(-(2**53), 2**53).map(float)


@st.composite
def states(draw: st.DrawFn) -> tuple[int, list[tuple[tuple[str, ...], Matrix]]]:
    """A number of columns, and two states that share some of their symbols and values."""
    columns = draw(st.sampled_from([1, 2, 29, 30, 31, 60, 61, 81]))
    first = tuple(draw(st.lists(st.sampled_from(SYMBOLS), unique=True)))
    second = tuple(draw(st.permutations(first))) if draw(st.booleans()) else first
    kept = second[draw(st.integers(0, 3)) :]
    second = (*kept, *draw(st.lists(st.sampled_from(NEW_SYMBOLS), unique=True)))
    base = {symbol: draw(numbers) for symbol in (*SYMBOLS, *NEW_SYMBOLS)}
    before = values_of(first, base, columns)
    after = values_of(second, base, columns)
    for _ in range(draw(st.integers(0, 6)) if second else 0):
        row, column = draw(st.integers(0, len(second) - 1)), draw(st.integers(0, columns - 1))
        after[row, column] = draw(numbers)
    return columns, [(first, before), (second, after)]


def values_of(symbols: tuple[str, ...], base: dict[str, float], columns: int) -> Matrix:
    return np.array([[base[symbol]] * columns for symbol in symbols], dtype=np.float64).reshape(-1, columns)


def rows_as_sent(symbols: tuple[str, ...], values: Matrix, decimals: tuple[int, ...]) -> list[list[object]]:
    rows: list[list[object]] = json.loads(bytes(VERSION_2.encode_rows(emitted(symbols, values, decimals))))
    return rows


def emitted(symbols: tuple[str, ...], values: Matrix, decimals: tuple[int, ...]) -> EmittedRows:
    return EmittedRows(symbols, tuple(map(str, range(len(decimals)))), decimals, values)


@given(states())
def test_a_delta_turns_any_state_into_any_other(
    drawn: tuple[int, list[tuple[tuple[str, ...], Matrix]]],
) -> None:
    columns, [(first, before), (second, after)] = drawn
    decimals = tuple(4 * (column % 2) for column in range(columns))
    changes = compare(first, before, second, after)
    added = tuple(second[index] for index in changes.added)
    delta = FeedDelta(
        AT,
        emitted(added, after[changes.added], decimals),
        EmittedCells(changes.places, changes.differ, after[changes.origins], decimals),
        changes.order,
    )
    sent = json.loads(VERSION_2.encode_emission(delta, now_ns=5))
    held = rows_as_sent(first, before, decimals)
    wanted = rows_as_sent(second, after, decimals)
    assert changed_table(held, columns, sent) == wanted
    assert bool(changes) == (held != wanted or not np.array_equal(before, after, equal_nan=True))


def order_of(before: str, after: str) -> Order | None:
    first, second = tuple(before), tuple(after)
    return compare(first, np.zeros((len(first), 1)), second, np.zeros((len(second), 1))).order


@pytest.mark.parametrize(
    ("before", "after", "order"),
    [
        ("ABCD", "ABCD", None),
        ("ABCD", "ABDC", [(0, 2), (3, 1), (2, 1)]),
        ("ABCD", "ACD", [(0, 1), (2, 2)]),
        ("ABCD", "XABCD", ["X", (0, 4)]),
        ("ABCD", "ABXYCD", [(0, 2), "X", "Y", (2, 2)]),
        ("AB", "", []),
        ("", "AB", ["A", "B"]),
    ],
)
def test_neighbours_that_stay_together_are_one_run(before: str, after: str, order: Order | None) -> None:
    assert order_of(before, after) == order


@example([7.0] * 30)
@given(st.lists(numbers, min_size=1, max_size=81))
def test_each_mask_is_an_integer_that_javascript_holds_in_32_bits(values: list[float]) -> None:
    after = np.array([values])
    changes = compare(("A",), np.full_like(after, 0.25), ("A",), after)
    cells = EmittedCells(changes.places, changes.differ, after, (4,) * len(values))
    sent = json.loads(VERSION_2.encode_emission(FeedDelta(AT, emitted((), after[:0], ()), cells, None), 5))
    masks = sent["cells"][0][1 : 2 + (len(values) - 1) // 30]
    assert all(mask in range(1 << 30) for mask in masks)
    assert sum(mask.bit_count() for mask in masks) == len(values)
