"""Numbers of the rows of a market table, and state that stands beside its columns, one value for each row."""

from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
"""Numbers of rows, counted from 0."""

Value = TypeVar("Value", bound=np.generic)

_ROWS_OF_16_BITS: Final = 2**16


def order_by_row(rows: Rows) -> NDArray[np.intp]:
    """The order by row, then arrival. NumPy sorts numbers of 16 bits by their digits, ten times as fast."""
    few = rows.max(initial=0) < _ROWS_OF_16_BITS
    return np.argsort(rows.astype(np.uint16) if few else rows, kind="stable")


def is_first_of_row(rows: Rows) -> NDArray[np.bool_]:
    """For rows in order: where the next row begins."""
    return np.concatenate((np.ones(min(len(rows), 1), dtype=np.bool_), rows[1:] != rows[:-1]))


def with_room(values: NDArray[Value], row_count: int, empty: Any) -> NDArray[Value]:
    """The values, or a copy with room for more rows: what is beyond the values has the value `empty`.

    The room doubles, so that growth row by row costs little.
    """
    if row_count <= len(values):
        return values
    grown = np.full(1 << (row_count - 1).bit_length(), empty, dtype=values.dtype)
    grown[: len(values)] = values
    return grown
