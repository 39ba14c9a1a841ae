"""Numbers of events become columns exactly, whatever they are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scanners.analyzers.columns import float_columns, write_lines

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
TIME_MS = st.integers(2**32, 2**53)
NUMBER = ANY_FLOAT | st.integers(-(2**53), 2**53)


@st.composite
def same_width_rows(draw: st.DrawFn) -> list[tuple[float, ...]]:
    width = draw(st.integers(1, 20))
    kinds = st.sampled_from([ANY_FLOAT, NUMBER, TIME_MS])
    row = st.tuples(*draw(st.lists(kinds, min_size=width, max_size=width)))
    return draw(st.lists(row, min_size=1, max_size=40))


@given(same_width_rows())
def test_rows_become_columns(rows: list[tuple[float, ...]]) -> None:
    expected = np.array(rows, dtype=np.float64).T
    lines = np.empty_like(expected)

    write_lines(lines, rows)

    np.testing.assert_array_equal(lines, expected)
    flat = [value for row in rows for value in row]
    np.testing.assert_array_equal(float_columns(flat, len(rows[0])), expected)
