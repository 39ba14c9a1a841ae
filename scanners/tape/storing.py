"""Which records of the tapes the cache does not have yet, and what to write so that it has them."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.tapes import HEADER_BYTES, RECORD_BYTES, TAPE_TRADES, TapeWrites, encode_header
from scanners.rows import Rows, with_room
from scanners.tape.rings import NOTHING, Positions, Rings

PORTION_BYTES: Final = 8_000_000
"""How much of the tapes one transaction writes at most: what takes the cache some 10 ms."""


class Unstored:
    """For each row the position from which its ring is not stored, -1 where nothing is."""

    def __init__(self, rings: Rings) -> None:
        self._rings = rings
        self._stored = np.zeros(0, dtype=np.int64)

    def resize(self, row_count: int) -> None:
        """Have room for a number of rows, of whose rings nothing is stored."""
        self._stored = with_room(self._stored, row_count, NOTHING)

    def keep(self, rows: Rows) -> None:
        """Hold these rows alone, which become the first."""
        self._stored = self._stored[rows]

    def forget(self) -> None:
        """Nothing may be stored any more."""
        self._stored[:] = NOTHING

    def note_changed(self, rows: Rows, positions: Positions) -> None:
        """Of rows, each once, the records from these positions on have changed."""
        self._stored[rows] = np.minimum(self._stored[rows], positions)

    def note_restored(self, row: int, *, is_stored: bool) -> None:
        """A row got a ring: the one that is stored, or one that has to be stored."""
        self._stored[row] = self._rings.end[row] if is_stored else NOTHING

    def confirm(self) -> None:
        """All was stored."""
        self._stored[:] = self._rings.end

    def portions(self, symbols: Sequence[str], day_start_ms: int) -> Iterator[TapeWrites]:
        """What is not stored yet, in portions, as long as there is too much of it for one transaction.

        A portion counts as stored once the next is asked for.
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
        """All that is not stored yet."""
        return self._writes(self._rows(), symbols, day_start_ms)

    def _rows(self) -> Rows:
        end = self._rings.end
        return np.flatnonzero((self._stored < end) & (end > 0))

    def _is_written_whole(self, rows: Rows) -> NDArray[np.bool_]:
        """Where nothing of the ring is stored, or all of it has changed, or it has just become full.

        The last because the cache's memory for a string that grew is half as much again as the string needs,
        until the string is set as a whole.
        """
        stored, end = self._stored[rows], self._rings.end[rows]
        whole: NDArray[np.bool_] = stored <= self._rings.first(rows)
        whole |= (stored < TAPE_TRADES) & (end >= TAPE_TRADES)
        return whole

    def _counts(self, rows: Rows) -> Positions:
        end = self._rings.end[rows]
        is_whole = self._is_written_whole(rows)
        return np.where(is_whole, np.minimum(end, TAPE_TRADES), end - self._stored[rows])

    def _writes(self, rows: Rows, symbols: Sequence[str], day_start_ms: int) -> TapeWrites:
        """What the rows have that is not stored: a whole ring, or a stretch of it, cut in two at its seam."""
        is_whole = self._is_written_whole(rows)
        slots = np.where(is_whole, 0, self._stored[rows] % TAPE_TRADES)
        counts = self._counts(rows)
        fitting = np.minimum(counts, TAPE_TRADES - slots)
        offsets = np.where(is_whole, 0, HEADER_BYTES + slots * RECORD_BYTES).tolist()
        header = encode_header(day_start_ms)
        parts = [
            part if offset else header + part
            for part, offset in zip(self._stretches(rows, slots, fitting), offsets, strict=True)
        ]
        names = [symbols[row] for row in rows.tolist()]
        wrapping = np.flatnonzero(counts > fitting)
        if len(wrapping):
            rest = counts[wrapping] - fitting[wrapping]
            parts += self._stretches(rows[wrapping], np.zeros_like(rest), rest)
            offsets += [HEADER_BYTES] * len(wrapping)
            names += [names[index] for index in wrapping.tolist()]
        return TapeWrites(names, offsets, parts)

    def _stretches(self, rows: Rows, slots: Positions, counts: Positions) -> list[bytes]:
        """The records of each row from a slot on, as bytes."""
        data = self._rings.stretches(rows, slots, counts).tobytes()
        limits = (np.cumsum(counts) * RECORD_BYTES).tolist()
        return [data[start:end] for start, end in zip([0, *limits], limits, strict=False)]
