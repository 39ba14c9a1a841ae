"""The few vectorised steps that all analyzers share."""

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from scanners.rows import Rows

Instants = NDArray[np.int64]


def whole_numbers(line: Column) -> Instants:
    """A line of epoch milliseconds or sequence numbers as integers."""
    return line.astype(np.int64)


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
