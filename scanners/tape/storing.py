"""Tracks which records of the tapes the cache does not have yet, and makes the writes for them."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.tapes import HEADER_BYTES, RECORD_BYTES, TAPE_TRADES, TapeWrites, encode_header
from scanners.rows import Rows, with_room
from scanners.tape.rings import ABSENT, Positions, Rings

PORTION_BYTES: Final = 8_000_000
"""The most that one transaction writes of the tapes. The cache needs about 10 ms for it."""


class Unstored:
    """Remembers for each row the position from which its ring is not stored; -1 if nothing is stored."""

    def __init__(self, rings: Rings) -> None:
        self._rings = rings
        self._stored = np.zeros(0, dtype=np.int64)

    def resize(self, row_count: int) -> None:
        """Have room for a number of rows. Nothing is stored of the rings of new rows."""
        self._stored = with_room(self._stored, row_count, ABSENT)

    def keep(self, rows: Rows) -> None:
        """Keep only these rows, numbered from 0."""
        self._stored = self._stored[rows]

    def forget(self) -> None:
        """Treat all rings as not stored: the cache may have lost them."""
        self._stored[:] = ABSENT

    def note_changed(self, rows: Rows, positions: Positions) -> None:
        """Note that the records of each row changed from its position on. No row may occur twice."""
        self._stored[rows] = np.minimum(self._stored[rows], positions)

    def note_restored(self, row: int, *, is_stored: bool) -> None:
        """Note that a row got a restored ring: as it is stored, or in an order that must be stored again."""
        self._stored[row] = self._rings.end[row] if is_stored else ABSENT

    def confirm(self) -> None:
        """Note that everything is stored."""
        self._stored[:] = self._rings.end

    def portions(self, symbols: Sequence[str], day_start_ms: int) -> Iterator[TapeWrites]:
        """Writes of `PORTION_BYTES` each, until the rest fits into one transaction: `writes` returns it.

        A portion counts as stored when the caller asks for the next one.
        """
        while True:
            rows = self._rows()
            sizes = np.cumsum(self._counts(rows)) * RECORD_BYTES
            if not len(rows) or sizes[-1] <= PORTION_BYTES:
                return
            portion = rows[: int(np.searchsorted(sizes, PORTION_BYTES)) + 1]
            yield self._writes(portion, symbols, day_start_ms)
            self._stored[portion] = self._rings.end[portion]

    def writes(self, symbols: Sequence[str], day_start_ms: int) -> TapeWrites:
        """One write for everything that is not stored yet."""
        return self._writes(self._rows(), symbols, day_start_ms)

    def _rows(self) -> Rows:
        end = self._rings.end
        return np.flatnonzero((self._stored < end) & (end > 0))

    def _is_written_whole(self, rows: Rows) -> NDArray[np.bool_]:
        """Where nothing of the ring is stored, or all of it has changed, or it has just become full.

        A ring that has just become full is written whole to save memory in the cache: a string that grew uses
        half as much memory again as it needs, until it is set as a whole.
        """
        stored, end = self._stored[rows], self._rings.end[rows]
        whole: NDArray[np.bool_] = stored <= self._rings.oldest(rows)
        whole |= (stored < TAPE_TRADES) & (end >= TAPE_TRADES)
        return whole

    def _counts(self, rows: Rows) -> Positions:
        end = self._rings.end[rows]
        is_whole = self._is_written_whole(rows)
        return np.where(is_whole, np.minimum(end, TAPE_TRADES), end - self._stored[rows])

    def _writes(self, rows: Rows, symbols: Sequence[str], day_start_ms: int) -> TapeWrites:
        """For each row a whole ring, or the range of slots that is not stored.

        A range that passes the last slot of the ring becomes two writes.
        """
        is_whole = self._is_written_whole(rows)
        slots = np.where(is_whole, 0, self._stored[rows] % TAPE_TRADES)
        counts = self._counts(rows)
        before_end = np.minimum(counts, TAPE_TRADES - slots)
        offsets = np.where(is_whole, 0, HEADER_BYTES + slots * RECORD_BYTES).tolist()
        header = encode_header(day_start_ms)
        parts = [
            part if offset else header + part
            for part, offset in zip(self._bytes(rows, slots, before_end), offsets, strict=True)
        ]
        names = [symbols[row] for row in rows.tolist()]
        wrapping = np.flatnonzero(counts > before_end)
        if len(wrapping):
            rest = counts[wrapping] - before_end[wrapping]
            parts += self._bytes(rows[wrapping], np.zeros_like(rest), rest)
            offsets += [HEADER_BYTES] * len(wrapping)
            names += [names[index] for index in wrapping.tolist()]
        return TapeWrites(names, offsets, parts)

    def _bytes(self, rows: Rows, slots: Positions, counts: Positions) -> list[bytes]:
        """For each row the bytes of `counts` records from slot `slots` on."""
        data = self._rings.slot_ranges(rows, slots, counts).tobytes()
        limits = (np.cumsum(counts) * RECORD_BYTES).tolist()
        return [data[start:end] for start, end in zip([0, *limits], limits, strict=False)]
