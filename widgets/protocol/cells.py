"""Changed values of a table in the form that JSON and MessagePack share: `[place, mask, ..., value, ...]`."""

import math
from typing import Final, TypeAlias

import numpy as np

from widgets.protocol.emissions import EmittedCells

Cells: TypeAlias = list[int | float | None]

MASK_COLUMNS: Final = 30
"""How many columns one mask covers: a client's JavaScript has bitwise operators for 32-bit integers."""

_BITS: Final = 1 << np.arange(MASK_COLUMNS, dtype=np.int64)


def cell_lists(cells: EmittedCells) -> list[Cells]:
    """A list for each changed row: its place, its masks, and the changed values in the order of the columns.

    Bit `i` of mask `m` is set if column `30 * m + i` changed. NaN and infinities become None. Columns with 0
    decimals have integers.
    """
    if not len(cells.places):
        return []
    if len(cells.places) == 1:  # most emissions change the row of one symbol: no arrays for a few values
        return [_one_row(cells)]
    rows, columns = np.nonzero(cells.differ)
    changed = cells.values[rows, columns]
    values: Cells = changed.tolist()
    finite = np.isfinite(changed)
    integers = np.flatnonzero(finite & (np.array(cells.decimals) == 0)[columns])
    for index, number in zip(integers.tolist(), changed[integers].astype(np.int64).tolist(), strict=True):
        values[index] = number
    if not finite.all():
        for index in np.flatnonzero(~finite).tolist():
            values[index] = None
    masks = [
        (cells.differ[:, start : start + MASK_COLUMNS] @ _BITS[: cells.differ.shape[1] - start]).tolist()
        for start in range(0, cells.differ.shape[1], MASK_COLUMNS)
    ]
    ends = np.cumsum(np.count_nonzero(cells.differ, axis=1)).tolist()
    return [
        [place, *mask, *values[start:end]]
        for place, mask, start, end in zip(
            cells.places.tolist(), zip(*masks, strict=True), [0, *ends], ends, strict=False
        )
    ]


def _one_row(cells: EmittedCells) -> Cells:
    masks = [0] * -(-len(cells.decimals) // MASK_COLUMNS)
    values: Cells = []
    row = cells.values[0].tolist()
    for column in np.flatnonzero(cells.differ[0]).tolist():
        masks[column // MASK_COLUMNS] |= 1 << column % MASK_COLUMNS
        value = row[column]
        if not -math.inf < value < math.inf:
            value = None
        elif not cells.decimals[column]:
            value = int(value)
        values.append(value)
    return [int(cells.places[0]), *masks, *values]
