"""The order of trades on a tape, as functions over arrays of records."""

import numpy as np
from numpy.typing import NDArray

from marketdata.tapes import ORDER, TAPE_TRADES, Moments, Records
from scanners.rows import Rows, order_by_row
from scanners.tape.memory import pick


def by_row_and_order(rows: Rows, trades: Records) -> tuple[Rows, Records]:
    """The trades sorted by row and, within a row, by their order on the tape. Each trade occurs once."""
    order = order_by_row(rows)
    ordered, moments = rows[order], trades["moment"][order]
    if ((ordered[1:] == ordered[:-1]) & (moments[1:] <= moments[:-1])).any():
        order = np.lexsort([*(trades[field] for field in reversed(ORDER)), rows])
        ordered = rows[order]
        repeated = (ordered[1:] == ordered[:-1]) & are_equal(trades[order[1:]], trades[order[:-1]])
        order = order[np.concatenate(((True,), ~repeated))]
    return rows[order], pick(trades, order)


def precede(left: Records, right: Records) -> NDArray[np.bool_]:
    """Where the left trade comes before the right one, in the order of `marketdata.tapes`."""
    older = left[ORDER[-1]] < right[ORDER[-1]]
    for field in reversed(ORDER[:-1]):
        older = (left[field] < right[field]) | ((left[field] == right[field]) & older)
    return older


def are_equal(left: Records, right: Records) -> NDArray[np.bool_]:
    """Where left and right are the same trade."""
    equal = np.ones(len(left), dtype=np.bool_)
    for field in ORDER:
        equal &= left[field] == right[field]
    return equal


def start_of_ring(moments: Moments) -> int | None:
    """The slot of the oldest record. None if the slots are not an ordered ring."""
    descents = np.flatnonzero(moments[1:] < moments[:-1])
    if len(descents) == 0:
        return 0
    is_ring = len(descents) == 1 and len(moments) == TAPE_TRADES and moments[-1] <= moments[0]
    return int(descents[0]) + 1 if is_ring else None
