"""Where the records of all tapes lie: memory that is taken from the system only where it is written."""

import mmap
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.tapes import RECORD, RECORD_BYTES, TAPE_TRADES, Records

Places = NDArray[np.int64]
"""Numbers of records, counted through all rings: row x 1,000 + slot."""

CHUNK_ROWS: Final = 4_096
_CHUNK_PLACES: Final = CHUNK_ROWS * TAPE_TRADES
_OPAQUE: Final = np.dtype(f"V{RECORD_BYTES}")
"""NumPy copies opaque records in a quarter of the time that structured ones take."""


class TapeMemory:
    """A ring of 1,000 records for each row, row after row, in chunks of rows, so that growth copies nothing.

    A chunk is 131 MB of addresses, of which the system backs only the pages of 4 kB that were written: huge
    pages are declined, since one would back 65 rings for the first trade on one of them. So a symbol with
    few trades costs 4 to 8 kB. Methods that take places want rows ascending, slots in any order.
    """

    def __init__(self) -> None:
        self._chunks: list[Records] = []

    def reserve(self, row_count: int) -> None:
        """Have room for a number of rows; new records are all zero."""
        while len(self._chunks) * CHUNK_ROWS < row_count:
            self._chunks.append(_chunk())

    def take(self, places: Places) -> Records:
        """Copies of the records at some places."""
        taken = np.empty(len(places), dtype=_OPAQUE)
        for chunk, part, here in self._parts(places):
            taken[part] = chunk.take(here)
        return taken.view(RECORD)

    def put(self, places: Places, records: Records) -> None:
        """Write records; of several for one place the last stays."""
        opaque = np.ascontiguousarray(records).view(_OPAQUE)
        for chunk, part, here in self._parts(places):
            chunk[here] = opaque[part]

    def _parts(self, places: Places) -> Iterator[tuple[Records, slice, Places]]:
        """For each chunk concerned: its records, which of the places lie in it, and where."""
        bounds = np.searchsorted(places, np.arange(len(self._chunks) + 1) * _CHUNK_PLACES)
        for number, chunk in enumerate(self._chunks):
            part = slice(int(bounds[number]), int(bounds[number + 1]))
            if part.start < part.stop:
                yield chunk, part, places[part] - number * _CHUNK_PLACES


def _chunk() -> Records:
    memory = mmap.mmap(-1, _CHUNK_PLACES * RECORD_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # Linux alone has it, and needs it
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype=_OPAQUE)


def pick(records: Records, index: NDArray[np.intp]) -> Records:
    """`records[index]`, faster."""
    return np.ascontiguousarray(records).view(_OPAQUE).take(index).view(RECORD)
