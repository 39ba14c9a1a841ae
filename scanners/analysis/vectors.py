"""The few vectorised steps that all analyzers share."""

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from scanners.rows import Rows

Instants = NDArray[np.int64]


def whole_numbers(values: Column) -> Instants:
    """Epoch milliseconds or sequence numbers as integers."""
    return values.astype(np.int64)


def newest_per_row(
    rows: Rows, order_key: tuple[Column, Column], held_key: tuple[Column, Column]
) -> NDArray[np.intp]:
    """For each row the index of its newest event, unless the row has a newer one already.

    Events are ordered by `order_key`: its first part, then its second. Of events with equal keys the last to
    arrive is the newest, also if the row has one with that key (`held_key`: two whole columns; NaN is older
    than everything).
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
    """Dividend / divisor; absent where one of them is absent or the divisor is not positive."""
    result = np.full(len(dividend), np.nan)
    np.divide(dividend, divisor, out=result, where=divisor > 0)
    return result


def percent_change(value: Column, base: Column) -> Column:
    """The change from base to value in percent of base (12.5 means 12.5 %); absent where `quotient` is."""
    return 100 * quotient(value - base, base)


def _at(key: tuple[Column, Column], index: Rows) -> tuple[Column, Column]:
    return key[0][index], key[1][index]


def _precedes(left: tuple[Column, Column], right: tuple[Column, Column]) -> NDArray[np.bool_]:
    """Where `left` is older than `right`. False where one of them is absent."""
    older: NDArray[np.bool_] = (left[0] < right[0]) | ((left[0] == right[0]) & (left[1] < right[1]))
    return older
