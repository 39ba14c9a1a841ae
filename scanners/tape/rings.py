"""The records of all tapes by their positions."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.tapes import TAPE_TRADES, Records
from scanners.rows import Rows, with_room
from scanners.tape.memory import Places, TapeMemory

Positions = NDArray[np.int64]

NOTHING: Final = -1
SCANNED_TOGETHER: Final = 256
"""How many whole rings are looked through at a time: 8 MB."""


class Rings:
    """A ring of the newest 1,000 records for each row.

    The records of a row are counted by *position*, oldest first: the newest is at `end - 1`, and position `p`
    lies in slot `p % 1,000` of the ring, in memory and in the cache alike. `newest` is the moment of the
    newest record, -1 where there is none.
    """

    def __init__(self) -> None:
        self.end = np.zeros(0, dtype=np.int64)
        self.newest = np.zeros(0, dtype=np.int64)
        self._memory = TapeMemory()

    def resize(self, row_count: int) -> None:
        """Have room for a number of rows; the rings of new ones are empty."""
        self.end = with_room(self.end, row_count, 0)
        self.newest = with_room(self.newest, row_count, NOTHING)

    def reserve(self, row_count: int) -> None:
        """Have memory for the records of a number of rows."""
        self._memory.reserve(row_count)

    def keep(self, rows: Rows) -> None:
        """Hold the rings of these rows (ascending) alone, which become the first; others' memory is freed."""
        memory, self._memory = self._memory, TapeMemory()
        self.end, self.newest = self.end[rows], self.newest[rows]
        traded = np.flatnonzero(self.end > 0)
        if len(traded):
            self._memory.reserve(len(rows))
        slots = np.arange(TAPE_TRADES)
        for first in range(0, len(traded), SCANNED_TOGETHER):
            some = traded[first : first + SCANNED_TOGETHER]
            is_used = slots < self.end[some][:, np.newaxis]
            old, new = (of[:, np.newaxis] * TAPE_TRADES + slots for of in (rows[some], some))
            self._memory.put(new[is_used], memory.take(old[is_used]))

    def clear(self) -> None:
        """Forget all records."""
        self.end[:] = 0
        self.newest[:] = NOTHING

    def put(self, rows: Rows, positions: Positions, records: Records) -> None:
        """Write one record to each position; the caller moves `end` and `newest`."""
        self._memory.put(_places(rows, positions), records)

    def at(self, rows: Rows, positions: Positions) -> Records:
        """Copies of the records at some positions."""
        return self._memory.take(_places(rows, positions))

    def stretches(self, rows: Rows, slots: Positions, counts: Positions) -> Records:
        """The records of each row from a slot on, one row after the other."""
        ends = np.cumsum(counts)
        places = np.arange(ends[-1] if len(ends) else 0)
        places += np.repeat(rows * TAPE_TRADES + slots - (ends - counts), counts)
        return self._memory.take(places)

    def put_whole(self, row: int, ring: Records, start: int) -> None:
        """Take a ring in place of what the row holds; `start` is the slot of its oldest record."""
        self._memory.put(row * TAPE_TRADES + np.arange(len(ring)), ring)
        self.end[row] = start + len(ring)
        self.newest[row] = ring["moment"][start - 1]

    def sizes(self, rows: Rows) -> NDArray[np.int64]:
        """The sizes of the trades of whole rings, one line for each row. Asked of full rings alone."""
        counts = np.full(len(rows), TAPE_TRADES)
        held: NDArray[np.int64] = self.stretches(rows, np.zeros_like(counts), counts)["size"]
        return held.reshape(len(rows), TAPE_TRADES)

    def displaced_sizes(self, rows: Rows, positions: Positions) -> NDArray[np.int64]:
        """The sizes of the trades that have to leave for those at the positions, 0 where none has."""
        sizes = np.zeros(len(rows), dtype=np.int64)
        full = np.flatnonzero(positions >= TAPE_TRADES)
        sizes[full] = self.at(rows[full], positions[full])["size"]
        return sizes

    def first(self, rows: Rows) -> Positions:
        """The position of each row's oldest record."""
        return np.maximum(self.end[rows] - TAPE_TRADES, 0)

    def first_where(self, rows: Rows, precede: Callable[[Records], NDArray[np.bool_]]) -> Positions:
        """For each row the first position whose record does not precede what is sought; `end` if all do."""
        low, high = self.first(rows), self.end[rows]
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            goes_before = precede(self.at(rows, middle)) & (low < high)
            low = np.where(goes_before, middle + 1, low)
            high = np.where(goes_before, high, middle)
        return low


def _places(rows: Rows, positions: Positions) -> Places:
    return rows * TAPE_TRADES + positions % TAPE_TRADES
