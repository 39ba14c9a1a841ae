"""From events to arrays: the few vectorised steps that all analyzers share."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from scanners.table import Rows

Instants = NDArray[np.int64]

Lines = NDArray[np.float64]
"""Events as numbers: one line for each field, one column for each event."""

_packer: Final = msgspec.msgpack.Encoder()
_FLOAT_MARKER: Final = 0xCB
_WHOLE_NUMBER_MARKER: Final = 0xCF
_NUMBER_BYTES: Final = 9
_SHORT_ARRAY_MARKER: Final = 0x90
_LONGEST_SHORT_ARRAY: Final = 15


def float_columns(values: Sequence[float], width: int) -> NDArray[np.float64]:
    """Values that stand event by event, `width` for each, as one line for each column.

    MessagePack writes every float as a marker and eight big-endian bytes (its specification, "float format
    family"), so a packed list of floats is a strided array: made and read in a sixth of the time that
    `np.array` takes, which looks at every element twice. Should a value not be a float, `np.array` does it.
    """
    packed = _packer.encode(values)
    header = len(packed) - _NUMBER_BYTES * len(values)
    markers = np.frombuffer(packed, dtype=np.uint8)[max(header, 0) :: _NUMBER_BYTES]
    if len(markers) == len(values) and (markers == _FLOAT_MARKER).all():
        flat = np.ndarray((len(values),), dtype=">f8", buffer=packed, offset=header + 1, strides=(9,))
        return flat.astype(np.float64).reshape(-1, width).T
    return np.array(values, dtype=np.float64).reshape(-1, width).T


def write_lines(lines: Lines, rows: Sequence[tuple[float, ...]]) -> None:
    """Write one tuple for each event into an array with one line for each column.

    As `float_columns`, for wide rows, with whole numbers above 2**32 (times) beside the floats: MessagePack
    writes these as a marker and eight bytes, too. Every packed tuple of up to 15 such numbers takes the same
    space, and the tuples need not first become one long list. Other numbers take the slow way.
    """
    width = len(lines)
    stride = 1 + _NUMBER_BYTES * width
    packed = _packer.encode(rows)
    header = len(packed) - stride * len(rows)
    if width <= _LONGEST_SHORT_ARRAY and header > 0:
        bytes_of_rows = np.frombuffer(packed, dtype=np.uint8, offset=header).reshape(len(rows), stride)
        markers = bytes_of_rows[:, 1::_NUMBER_BYTES]
        is_float, is_whole = markers[0] == _FLOAT_MARKER, markers[0] == _WHOLE_NUMBER_MARKER
        is_even = (bytes_of_rows[:, 0] == _SHORT_ARRAY_MARKER | width).all() and (markers == markers[0]).all()
        if is_even and (is_float | is_whole).all():
            strides = (_NUMBER_BYTES, stride)
            numbers = np.ndarray(lines.shape, dtype=">u8", buffer=packed, offset=header + 2, strides=strides)
            lines[:] = numbers.view(">f8")
            lines[is_whole] = numbers[is_whole]
            return
    lines[:] = np.array(rows, dtype=np.float64).T


def whole_numbers(values: Sequence[int]) -> Instants:
    """Epoch milliseconds or sequence numbers as an array."""
    return np.fromiter(values, dtype=np.int64, count=len(values))


def newest_per_row(
    rows: Rows, order_key: tuple[Column, Column], held_key: tuple[Column, Column]
) -> NDArray[np.intp]:
    """For each row the index of its newest event, unless what the row holds is newer.

    Events compare by `order_key`, first part first; of equal ones the last to arrive wins, and it also
    replaces an equal one that the row holds (`held_key`: two whole columns; NaN is older than everything).
    """
    arrival = np.arange(len(rows))
    newest = np.empty(len(held_key[0]), dtype=np.intp)
    newest[rows] = arrival  # of several assignments to one element NumPy keeps the last
    picked = newest[rows]
    if _precedes(_at(order_key, picked), order_key).any():  # the last to arrive is not the newest: rare
        order = np.lexsort((order_key[1], order_key[0]))
        newest[rows[order]] = order
        picked = newest[rows]
    picked = picked[picked == arrival]
    fresh: NDArray[np.intp] = picked[~_precedes(_at(order_key, picked), _at(held_key, rows[picked]))]
    return fresh


def quotient(dividend: Column, divisor: Column) -> Column:
    """Dividend by divisor; absent where either is absent or the divisor is not positive."""
    result = np.full(len(dividend), np.nan)
    np.divide(dividend, divisor, out=result, where=divisor > 0)
    return result


def percent_change(value: Column, base: Column) -> Column:
    """From base to value in percent of base (12.5 means 12.5 %); absent where `quotient` would be."""
    return 100 * quotient(value - base, base)


def _at(key: tuple[Column, Column], index: Rows) -> tuple[Column, Column]:
    return key[0][index], key[1][index]


def _precedes(left: tuple[Column, Column], right: tuple[Column, Column]) -> NDArray[np.bool_]:
    """Where `left` is older than `right`; nowhere where either is absent."""
    older: NDArray[np.bool_] = (left[0] < right[0]) | ((left[0] == right[0]) & (left[1] < right[1]))
    return older
