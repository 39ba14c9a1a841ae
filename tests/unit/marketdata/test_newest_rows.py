"""A whole and the row log behind it are the rows of the newest tick that follows without a gap."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.payloads import RowBlock, block_beginning, encode_row_block
from marketdata.store.row_log import newest_rows
from tests.support.builders import block_rows, row_block

NAMES = ("close", "volume")
Rows = dict[str, dict[str, float]]

values = st.one_of(st.just(float("nan")), st.floats(0, 9))
row_sets = st.dictionaries(st.sampled_from("ABCDEF"), st.fixed_dictionaries(dict.fromkeys(NAMES, values)))


def block(rows: Rows, tick: int, **others: Any) -> RowBlock:
    return row_block(rows, names=NAMES, tick=tick, **others)


WHOLE = block({"A": {"close": 1.0, "volume": 2.0}, "B": {"close": 3.0}}, tick=5)


def test_without_a_log_the_whole_is_the_newest() -> None:
    assert newest_rows(WHOLE, ()) is WHOLE


def test_the_newest_row_of_a_symbol_counts_and_new_symbols_come_last() -> None:
    log = [
        block({"B": {"close": 4.0}, "C": {"close": 7.0}}, tick=6),
        block({}, tick=7),
        block({"D": {"volume": 1.0}, "B": {"volume": 5.0}}, tick=8, published_ns=99, market_time_ms=12),
    ]
    rows = newest_rows(WHOLE, log)
    assert rows.symbols == ("A", "B", "C", "D")
    assert block_rows(rows) == {
        "A": {"close": 1.0, "volume": 2.0},
        "B": {"close": None, "volume": 5.0},
        "C": {"close": 7.0, "volume": None},
        "D": {"close": None, "volume": 1.0},
    }
    assert (rows.tick, rows.published_ns, rows.market_time_ms) == (8, 99, 12)


@pytest.mark.parametrize(
    "foreign",
    [
        block({"A": {"close": 9.0}}, tick=8),
        block({"A": {"close": 9.0}}, tick=6),
        block({"A": {"close": 9.0}}, tick=7, epoch=2),
        block({"A": {"close": 9.0}}, tick=7, producer="shard:1"),
        row_block({"A": {"close": 9.0}}, tick=7),
    ],
    ids=["a gap", "a tick twice", "another owner", "another shard", "other columns"],
)
def test_a_log_counts_up_to_the_first_block_that_does_not_follow(foreign: RowBlock) -> None:
    log = [block({"A": {"close": 2.0}}, tick=6), foreign, block({"A": {"close": 8.0}}, tick=8)]
    rows = newest_rows(WHOLE, log)
    assert (rows.tick, block_rows(rows)["A"]["close"]) == (6, 2.0)


@given(row_sets, st.lists(row_sets, max_size=6))
def test_any_log_leads_to_what_a_dictionary_would_hold(first: Rows, changes: list[Rows]) -> None:
    expected = dict(first)
    for rows in changes:
        expected |= rows
    log = [block(rows, tick) for tick, rows in enumerate(changes, 6)]
    whole = block(first, tick=5)
    before = encode_row_block(whole)

    read = newest_rows(whole, log)

    assert str(block_rows(read)) == str(block_rows(block(expected, tick=0))), "in the same order, too"
    assert read.tick == 5 + len(changes)
    assert encode_row_block(whole) == before, "what was read is not written to"


@given(st.text(max_size=40), st.integers(0, 2**63 - 1), st.integers(0, 2**40))
def test_a_stored_block_begins_with_its_producer_epoch_and_tick(producer: str, epoch: int, tick: int) -> None:
    block = msgspec.structs.replace(WHOLE, producer=producer, epoch=epoch, tick=tick)
    beginning = block_beginning(producer, epoch, tick)
    assert encode_row_block(block).startswith(beginning)
    later = msgspec.structs.replace(block, tick=tick + 1, columns={"x": np.zeros(2)})
    assert not encode_row_block(later).startswith(beginning)
