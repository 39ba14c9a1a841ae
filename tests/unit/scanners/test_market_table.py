"""The table keeps its rows while it grows, knows what changed, and distinguishes absent from zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanners.table import MarketTable
from tests.support.builders import row_block


def test_a_new_row_is_absent_in_every_column_and_marked() -> None:
    table = MarketTable(("close", "volume"))
    assert table.rows(["AAPL"]).tolist() == [0]
    assert np.isnan(table["close"]).all()
    assert np.isnan(table["volume"]).all()
    assert table.take_changed().tolist() == [0]


def test_growth_keeps_values_and_marks() -> None:
    table = MarketTable(("close",), capacity=1)
    symbols = [f"S{index}" for index in range(100)]
    for index, symbol in enumerate(symbols):
        rows = table.rows([symbol])
        table.write(table.columns(("close",)), rows, np.array([[float(index)]]))
    assert table["close"].tolist() == [float(index) for index in range(100)]
    assert table.rows(symbols).tolist() == list(range(100))
    assert len(table.take_changed()) == 100


def test_taking_the_changes_starts_anew() -> None:
    table = MarketTable(("close",))
    rows = table.rows(["A", "B", "C"])
    table.take_changed()
    table.mark(rows[[2]])
    assert table.take_changed().tolist() == [2]
    assert table.take_changed().tolist() == []


def test_a_block_is_merged_by_symbol_and_name() -> None:
    table = MarketTable(("close", "volume"))
    table.apply(row_block({"A": {"close": 1.0, "volume": 5.0}, "B": {"close": 2.0}}))
    table.take_changed()

    table.apply(row_block({"C": {"close": 9.0, "foreign": 1.0}, "A": {"close": 0.0}}))

    assert table.symbols == ["A", "B", "C"]
    assert table["close"].tolist() == [0.0, 2.0, 9.0]
    np.testing.assert_array_equal(table["volume"], [5.0, np.nan, np.nan])
    assert table.take_changed().tolist() == [0, 2]


def test_copies_are_out_of_reach_of_later_writes() -> None:
    table = MarketTable(("close", "volume"))
    rows = table.apply(row_block({"A": {"close": 1.0}, "B": {"close": 2.0}}))
    whole, some = table.copy_columns(), table.copy_columns(rows[[1]], ("close",))
    table["close"][:] = 7.0
    assert whole["close"].tolist() == [1.0, 2.0]
    assert {name: column.tolist() for name, column in some.items()} == {"close": [2.0]}


def test_columns_that_are_apart_cannot_be_written_together() -> None:
    with pytest.raises(ValueError, match="are not adjacent"):
        MarketTable(("a", "b", "c")).columns(("a", "c"))


@given(st.lists(st.text(alphabet="ABC.", min_size=1, max_size=4), unique=True))
def test_alphabetic_positions_order_the_symbols(symbols: list[str]) -> None:
    table = MarketTable(("close",))
    table.rows(symbols)
    positions = table.alphabetic_positions()
    assert sorted(symbols) == [symbols[row] for row in np.argsort(positions)]


@given(
    kept=st.sets(st.integers(0, 39), max_size=40),
    added=st.lists(st.sampled_from([f"S{number}" for number in range(60)]), unique=True),
)
def test_rows_that_are_kept_keep_their_values_and_the_others_are_new(
    kept: set[int], added: list[str]
) -> None:
    table = MarketTable(("close",), {"seen": ("first",)}, capacity=2)
    rows = table.rows([f"S{number}" for number in range(40)])
    table["close"][:] = np.arange(40.0)
    table.private_columns["seen"].values[0] = np.arange(40.0)
    table.take_changed()

    table.keep(np.array(sorted(kept), dtype=np.intp))

    assert table.symbols == [f"S{number}" for number in sorted(kept)]
    assert table.take_changed().tolist() == list(range(len(kept)))
    assert table.private_columns["seen"].is_changed
    rows = table.rows(added)
    expected = [float(symbol[1:]) if int(symbol[1:]) in kept else np.nan for symbol in added]
    np.testing.assert_array_equal(table["close"][rows], expected)
    np.testing.assert_array_equal(table.private_columns["seen"].values[0, rows], expected)
    assert [table.symbols[row] for row in np.argsort(table.alphabetic_positions())] == sorted(table.symbols)
