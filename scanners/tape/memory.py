"""The memory of the records of all tapes. The system provides a page only when it is first written."""

import mmap
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.tapes import RECORD, RECORD_BYTES, TAPE_TRADES, Records

RecordIndices = NDArray[np.int64]
"""Indices of records over all rings: row x 1,000 + slot."""

CHUNK_ROWS: Final = 4_096
_CHUNK_RECORDS: Final = CHUNK_ROWS * TAPE_TRADES
_OPAQUE: Final = np.dtype(f"V{RECORD_BYTES}")
"""NumPy copies opaque records in a quarter of the time that structured records take."""


class TapeMemory:
    """A ring of 1,000 records for each row, row after row. Memory grows by chunks, so growth copies nothing.

    A chunk reserves 131 MB of address space. The system provides only the 4 kB pages that are written, so a
    symbol with few trades uses 4 to 8 kB. Huge pages are declined: one huge page covers 65 rings, and the
    first trade on one of them would allocate all of it.

    The indices that methods take are sorted by row; within a row they may have any order.
    """

    def __init__(self) -> None:
        self._chunks: list[Records] = []

    def reserve(self, row_count: int) -> None:
        """Have room for a number of rows. New records are all zero."""
        while len(self._chunks) * CHUNK_ROWS < row_count:
            self._chunks.append(_chunk())

    def take(self, indices: RecordIndices) -> Records:
        """Copies of the records at the indices."""
        taken = np.empty(len(indices), dtype=_OPAQUE)
        for chunk, part, in_chunk in self._parts(indices):
            taken[part] = chunk.take(in_chunk)
        return taken.view(RECORD)

    def put(self, indices: RecordIndices, records: Records) -> None:
        """Write records. If an index occurs several times, the last record is kept."""
        opaque = np.ascontiguousarray(records).view(_OPAQUE)
        for chunk, part, in_chunk in self._parts(indices):
            chunk[in_chunk] = opaque[part]

    def _parts(self, indices: RecordIndices) -> Iterator[tuple[Records, slice, RecordIndices]]:
        """For each chunk that has some of the indices: the chunk, their slice, and them within the chunk."""
        bounds = np.searchsorted(indices, np.arange(len(self._chunks) + 1) * _CHUNK_RECORDS)
        for number, chunk in enumerate(self._chunks):
            part = slice(int(bounds[number]), int(bounds[number + 1]))
            if part.start < part.stop:
                yield chunk, part, indices[part] - number * _CHUNK_RECORDS


def _chunk() -> Records:
    memory = mmap.mmap(-1, _CHUNK_RECORDS * RECORD_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # only Linux has it, and only Linux needs it
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype=_OPAQUE)


def pick(records: Records, index: NDArray[np.intp]) -> Records:
    """The same as `records[index]`, but faster: see `_OPAQUE`."""
    return np.ascontiguousarray(records).view(_OPAQUE).take(index).view(RECORD)
