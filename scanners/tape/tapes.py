"""Adds trades to the tapes of their rows, and makes the writes of what the cache does not have.

Adding is vectorised over a group of events. Trades that are newer than their tape are appended, which is the
fast path. Late trades are searched on the tape: nearly all are there already, and the others are inserted.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.tapes import (
    HEADER_BYTES,
    RECORD_BYTES,
    TAPE_TRADES,
    Records,
    StoredTape,
    TapeWrites,
    encode_header,
    in_order,
)
from scanners.rows import Rows, is_first_of_row, with_room
from scanners.tape.memory import pick
from scanners.tape.order import are_equal, by_row_and_order, precede, start_of_ring
from scanners.tape.rings import ABSENT, Positions, Rings
from scanners.tape.summary import Summaries

PORTION_BYTES: Final = 8_000_000
"""The most that one transaction writes of the tapes. The cache needs about 10 ms for it."""


class Unstored:
    """Tracks which records of the tapes the cache does not have yet, and makes the writes for them.

    It remembers for each row the position from which its ring is not stored; -1 if nothing is stored.
    """

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


class Tapes:
    """The tapes of all rows. `marketdata.tapes` defines what a tape is.

    `day_start_ms` is the start of the trading day, 0 before the first trade. `is_complete` says whether the
    cache holds all tapes of the day, together with the note that they are complete.
    """

    def __init__(self, row_count: int = 0) -> None:
        self.day_start_ms = 0
        self.is_complete = False
        self._row_count = 0
        self._rings = Rings()
        self._summaries = Summaries(self._rings)
        self._unstored = Unstored(self._rings)
        self.resize(row_count)

    def resize(self, row_count: int) -> None:
        """Have `row_count` rows, as the table has. The tapes of new rows are empty."""
        for state in (self._rings, self._summaries, self._unstored):
            state.resize(row_count)
        self._row_count = row_count
        self._reserve()

    def keep(self, rows: Rows) -> None:
        """Keep only the tapes of these rows (ascending), numbered from 0. Other memory is freed."""
        for state in (self._rings, self._summaries, self._unstored):
            state.keep(rows)
        self._row_count = len(rows)
        self._reserve()

    def begin(self, day_start_ms: int) -> None:
        """Begin the trading day that starts at `day_start_ms` (epoch ms), without trades of other days."""
        if day_start_ms != self.day_start_ms:
            self.clear()
            self.day_start_ms = day_start_ms
            self._reserve()

    def clear(self) -> None:
        """Remove all trades."""
        self._rings.clear()
        self._summaries.clear()
        self.store_anew()
        self.day_start_ms = 0

    def add(self, rows: Rows, trades: Records) -> Rows:
        """Add trades, in any order, to the tapes of their rows. Returns the rows whose summary changed."""
        rows, trades = by_row_and_order(rows, trades)
        late = trades["moment"] <= self._rings.newest[rows]
        if late.any():
            self._add_late(rows[late], trades[late])
            fresh = np.flatnonzero(~late)
            rows, trades = rows[fresh], pick(trades, fresh)
        if len(rows):
            self._append(rows, trades)
        return self._summaries.changed()

    def take_summary(self, rows: Rows) -> tuple[Rows, Sequence[Column]]:
        """The rows among `rows` (ascending) whose summary changed, and their `SUMMARY_COLUMNS`.

        The returned rows count as unchanged afterwards.
        """
        return self._summaries.take(rows, self.day_start_ms)

    def portions(self, symbols: Sequence[str]) -> Iterator[TapeWrites]:
        """Writes of limited size, until the rest fits into one transaction; see `writes` for the rest.

        A portion counts as stored when the caller asks for the next one. Tapes may be stored before the rows
        of the table. The next owner that starts from both receives the trades again and finds them on its
        tapes.
        """
        return self._unstored.portions(symbols, self.day_start_ms)

    def writes(self, symbols: Sequence[str]) -> TapeWrites:
        """One write for everything that is not stored yet."""
        return self._unstored.writes(symbols, self.day_start_ms)

    def confirm(self) -> None:
        """Note that everything is stored."""
        self._unstored.confirm()
        self.is_complete = True

    def store_anew(self) -> None:
        """Store all tapes again: the cache may have lost them."""
        self._unstored.forget()
        self.is_complete = False

    def restore(self, row: int, tape: StoredTape) -> None:
        """Replace the tape of a row by a stored tape, unless that is empty or of another day."""
        if tape.day_start_ms != self.day_start_ms or not len(tape.ring):
            return
        ring, start = tape.ring, start_of_ring(tape.ring["moment"])
        is_stored = start is not None
        if start is None:
            ring, start = in_order(ring), 0
        self._rings.replace(row, ring, start)
        self._summaries.note_replaced(row, ring)
        self._unstored.note_restored(row, is_stored=is_stored)

    def _reserve(self) -> None:
        if self.day_start_ms:
            self._rings.reserve(self._row_count)

    def _append(self, rows: Rows, trades: Records) -> None:
        """Append sorted trades that are newer than all trades on their tapes."""
        starts = np.flatnonzero(is_first_of_row(rows))
        counts = np.diff(starts, append=len(rows))
        if counts.max() > TAPE_TRADES:
            newest = np.arange(len(rows)) >= np.repeat(starts + counts - TAPE_TRADES, counts)
            self._append(rows[newest], trades[newest])
            return
        rings, changed = self._rings, rows[starts]
        ends = rings.end[changed]
        positions = np.arange(len(rows)) + np.repeat(ends - starts, counts)
        displaced = rings.displaced_sizes(rows, positions)
        rings.put(rows, positions, trades)
        rings.end[changed] = ends + counts
        rings.newest[changed] = trades["moment"][starts + counts - 1]
        sizes = trades["size"]
        self._summaries.note_trades(
            changed,
            np.add.reduceat(sizes - displaced, starts),
            np.maximum.reduceat(sizes, starts),
            np.maximum.reduceat(displaced, starts),
        )

    def _add_late(self, rows: Rows, trades: Records) -> None:
        """Add trades that are not newer than their tapes. Each pass of the loop adds one trade per row."""
        while len(rows):
            missing, positions = self._search(rows, trades)
            rows, trades, positions = rows[missing], pick(trades, missing), positions[missing]
            is_first = is_first_of_row(rows)
            now, later = np.flatnonzero(is_first), np.flatnonzero(~is_first)
            if len(now):
                self._insert(rows[now], pick(trades, now), positions[now])
            rows, trades = rows[later], pick(trades, later)

    def _search(self, rows: Rows, trades: Records) -> tuple[Rows, Positions]:
        """Which trades are missing on their tapes, and the position of each trade.

        A trade that is older than a full tape is not missing.
        """
        positions = self._rings.search(rows, lambda held: precede(held, trades))
        end = self._rings.end[rows]
        is_known = (positions < end) & are_equal(self._rings.at(rows, positions), trades)
        is_too_old = (end >= TAPE_TRADES) & (positions == end - TAPE_TRADES)
        return np.flatnonzero(~(is_known | is_too_old)), positions

    def _insert(self, rows: Rows, trades: Records, positions: Positions) -> None:
        """Insert one trade into each row at its position. Newer trades of the row move by one position."""
        rings = self._rings
        end = rings.end[rows]
        displaced = rings.displaced_sizes(rows, end)
        counts = end - positions
        moved_rows = np.repeat(rows, counts)
        moved = np.arange(len(moved_rows)) + np.repeat(end - np.cumsum(counts), counts)
        rings.put(moved_rows, moved + 1, rings.at(moved_rows, moved))
        rings.put(rows, positions, trades)
        rings.end[rows] = end + 1
        rings.newest[rows] = np.maximum(rings.newest[rows], trades["moment"])
        self._unstored.note_changed(rows, positions)
        self._summaries.note_trades(rows, trades["size"] - displaced, trades["size"], displaced)
