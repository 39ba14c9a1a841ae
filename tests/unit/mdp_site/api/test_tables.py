"""Rows as JSON and CSV: the same numbers, harmless texts, and cursors that only their list takes."""

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdp_site.api.paging import cursor_of, key_of
from mdp_site.api.problems import Problem
from mdp_site.api.tables import csv_rows, json_rows, rows_part
from widgets.protocol import EmittedRows

numbers = st.one_of(st.just(math.nan), st.floats(-1e9, 1e9).map(lambda value: round(value, 4)))

key_parts = st.one_of(st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False))


def rows_of(symbols: list[str], values: list[tuple[float, float]]) -> EmittedRows:
    return EmittedRows(tuple(symbols), ("close", "volume"), (4, 0), np.array(values).reshape(len(symbols), 2))


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), numbers, numbers), max_size=20))
def test_csv_has_the_numbers_of_json(entries: list[tuple[str, float, float]]) -> None:
    rows = rows_of([symbol for symbol, *_ in entries], [(close, volume) for _, close, volume in entries])
    [names, *lines] = list(csv.reader(io.StringIO(csv_rows(rows).decode(), newline="")))
    assert names == ["symbol", "close", "volume"]
    members = json.loads(bytes(json_rows(rows)))
    assert len(lines) == len(members) == len(entries)
    for (symbol, *fields), row in zip(lines, members, strict=True):
        assert symbol.removeprefix("'") == row["symbol"].removeprefix("'")
        assert [None if field == "" else float(field) for field in fields] == [row["close"], row["volume"]]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_of_a_csv_file_is_a_formula(sign: str) -> None:
    [_, [symbol, *_]] = list(
        csv.reader(io.StringIO(csv_rows(rows_of([f"{sign}cmd,1"], [(1.0, 2.0)])).decode(), newline=""))
    )
    assert symbol == f"'{sign}cmd,1"


def test_csv_lines_end_as_rfc_4180_says() -> None:
    assert csv_rows(rows_of(["A"], [(-1.5, math.nan)])) == b"symbol,close,volume\r\nA,-1.5,\r\n"


def test_a_part_has_the_chosen_columns_and_the_whole_is_the_same_object() -> None:
    rows = rows_of(["A", "B"], [(1.0, 2.0), (3.0, 4.0)])
    assert rows_part(rows, slice(500), ("close", "volume")) is rows
    part = rows_part(rows, slice(1), ("volume", "nothing"))
    assert (part.symbols, part.columns, part.values.tolist()) == (("A",), ("volume",), [[2.0]])


@given(
    st.lists(
        st.one_of(st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False)), min_size=1
    )
)
def test_a_key_comes_back_from_its_cursor(key: list[float]) -> None:
    cursor = cursor_of("trades:AAPL", tuple(key))
    assert key_of(cursor, "trades:AAPL", len(key)) == tuple(key)
    for name, length in (("trades:MSFT", len(key)), ("trades:AAPL", len(key) + 1)):
        with pytest.raises(Problem):
            key_of(cursor, name, length)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_as_a_cursor(text: str) -> None:
    with pytest.raises(Problem, match="not a cursor of this list"):
        key_of(text, "trades:AAPL", 5)
