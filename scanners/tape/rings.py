"""The records of all tapes, addressed by row and position."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.tapes import TAPE_TRADES, Records
from scanners.rows import Rows, with_room
from scanners.tape.memory import RecordIndices, TapeMemory

Positions = NDArray[np.int64]

ABSENT: Final = -1
RINGS_PER_SCAN: Final = 256
"""How many whole rings are read at a time: 8 MB."""


class Rings:
    """A ring of the newest 1,000 records for each row.

    The *position* of a record counts all records of its row, oldest first. The newest record has position
    `end - 1`. Position `p` is stored in slot `p % 1,000` of the ring, in memory and in the cache. `newest` is
    the moment of the newest record, -1 if there is none.
    """

    def __init__(self) -> None:
        self.end = np.zeros(0, dtype=np.int64)
        self.newest = np.zeros(0, dtype=np.int64)
        self._memory = TapeMemory()

    def resize(self, row_count: int) -> None:
        """Have room for a number of rows. The rings of new rows are empty."""
        self.end = with_room(self.end, row_count, 0)
        self.newest = with_room(self.newest, row_count, ABSENT)

    def reserve(self, row_count: int) -> None:
        """Have memory for the records of a number of rows."""
        self._memory.reserve(row_count)

    def keep(self, rows: Rows) -> None:
        """Keep only the rings of these rows (ascending), numbered from 0. Other memory is freed."""
        memory, self._memory = self._memory, TapeMemory()
        self.end, self.newest = self.end[rows], self.newest[rows]
        traded = np.flatnonzero(self.end > 0)
        if len(traded):
            self._memory.reserve(len(rows))
        slots = np.arange(TAPE_TRADES)
        for first in range(0, len(traded), RINGS_PER_SCAN):
            some = traded[first : first + RINGS_PER_SCAN]
            is_used = slots < self.end[some][:, np.newaxis]
            old, new = (numbers[:, np.newaxis] * TAPE_TRADES + slots for numbers in (rows[some], some))
            self._memory.put(new[is_used], memory.take(old[is_used]))

    def clear(self) -> None:
        """Remove all records."""
        self.end[:] = 0
        self.newest[:] = ABSENT

    def put(self, rows: Rows, positions: Positions, records: Records) -> None:
        """Write one record to each position. The caller updates `end` and `newest`."""
        self._memory.put(_indices(rows, positions), records)

    def at(self, rows: Rows, positions: Positions) -> Records:
        """Copies of the records at the positions."""
        return self._memory.take(_indices(rows, positions))

    def slot_ranges(self, rows: Rows, slots: Positions, counts: Positions) -> Records:
        """For each row, `counts` records from slot `slots` on. The records of all rows are concatenated."""
        ends = np.cumsum(counts)
        indices = np.arange(ends[-1] if len(ends) else 0)
        indices += np.repeat(rows * TAPE_TRADES + slots - (ends - counts), counts)
        return self._memory.take(indices)

    def replace(self, row: int, ring: Records, start: int) -> None:
        """Replace the ring of a row. `start` is the slot of the oldest record in the new ring."""
        self._memory.put(row * TAPE_TRADES + np.arange(len(ring)), ring)
        self.end[row] = start + len(ring)
        self.newest[row] = ring["moment"][start - 1]

    def sizes(self, rows: Rows) -> NDArray[np.int64]:
        """The trade sizes of whole rings: `sizes[i]` are those of `rows[i]`. All these rings must be full."""
        counts = np.full(len(rows), TAPE_TRADES)
        held: NDArray[np.int64] = self.slot_ranges(rows, np.zeros_like(counts), counts)["size"]
        return held.reshape(len(rows), TAPE_TRADES)

    def displaced_sizes(self, rows: Rows, positions: Positions) -> NDArray[np.int64]:
        """The sizes of the trades that new trades at the positions displace, 0 where the ring is not full."""
        sizes = np.zeros(len(rows), dtype=np.int64)
        full = np.flatnonzero(positions >= TAPE_TRADES)
        sizes[full] = self.at(rows[full], positions[full])["size"]
        return sizes

    def oldest(self, rows: Rows) -> Positions:
        """The position of each row's oldest record."""
        return np.maximum(self.end[rows] - TAPE_TRADES, 0)

    def search(self, rows: Rows, precede: Callable[[Records], NDArray[np.bool_]]) -> Positions:
        """Binary search: for each row the first position whose record does not precede the wanted one.

        `precede` is given one record per row. The result is `end` where all records precede.
        """
        low, high = self.oldest(rows), self.end[rows]
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            goes_before = precede(self.at(rows, middle)) & (low < high)
            low = np.where(goes_before, middle + 1, low)
            high = np.where(goes_before, high, middle)
        return low


def _indices(rows: Rows, positions: Positions) -> RecordIndices:
    return rows * TAPE_TRADES + positions % TAPE_TRADES
