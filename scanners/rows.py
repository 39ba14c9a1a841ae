"""Row numbers of a market table, and arrays with one value for each row."""

from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
"""Row numbers, counted from 0."""

Value = TypeVar("Value", bound=np.generic)

_ROWS_OF_16_BITS: Final = 2**16


def order_by_row(rows: Rows) -> NDArray[np.intp]:
    """The indices that sort by row and, within a row, by arrival.

    NumPy sorts 16-bit integers with a radix sort, which is ten times as fast as a comparison sort.
    """
    few = rows.max(initial=0) < _ROWS_OF_16_BITS
    return np.argsort(rows.astype(np.uint16) if few else rows, kind="stable")


def is_first_of_row(rows: Rows) -> NDArray[np.bool_]:
    """For sorted rows: True at the first entry of each row."""
    return np.concatenate((np.ones(min(len(rows), 1), dtype=np.bool_), rows[1:] != rows[:-1]))


def with_room(values: NDArray[Value], row_count: int, empty: Any) -> NDArray[Value]:
    """`values`, or a larger copy if they have fewer than `row_count` entries. New entries are `empty`.

    The size doubles, so that growth row by row costs constant time per row.
    """
    if row_count <= len(values):
        return values
    grown = np.full(1 << (row_count - 1).bit_length(), empty, dtype=values.dtype)
    grown[: len(values)] = values
    return grown
