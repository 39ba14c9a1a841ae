"""Trades are put on the tapes of their rows.

Adding is vectorised over a group of events, fastest for trades newer than all on their tapes. The others are
looked up: nearly all are repetitions, and the rest are inserted.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from marketdata.payloads import Column
from marketdata.tapes import TAPE_TRADES, Records, StoredTape, TapeWrites, in_order
from scanners.rows import Rows, is_first_of_row
from scanners.tape.memory import pick
from scanners.tape.order import are_equal, by_row_and_order, precede, start_of_ring
from scanners.tape.rings import Positions, Rings
from scanners.tape.storing import Unstored
from scanners.tape.summary import Summaries


class Tapes:
    """The tapes of all rows; see `marketdata.tapes` for what a tape is.

    `day_start_ms` is 0 before a day's first trade; `is_complete` says whether the cache knows that all tapes
    of the day are stored there.
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
        """Follow the table to a number of rows; the tapes of new ones are empty."""
        for state in (self._rings, self._summaries, self._unstored):
            state.resize(row_count)
        self._row_count = row_count
        self._reserve()

    def keep(self, rows: Rows) -> None:
        """Hold the tapes of these rows (ascending) alone, which become the first; others' memory is freed."""
        for state in (self._rings, self._summaries, self._unstored):
            state.keep(rows)
        self._row_count = len(rows)
        self._reserve()

    def begin(self, day_start_ms: int) -> None:
        """Hold the trades of the trading day that starts then (epoch ms), and forget those of any other."""
        if day_start_ms != self.day_start_ms:
            self.clear()
            self.day_start_ms = day_start_ms
            self._reserve()

    def clear(self) -> None:
        """Forget all trades."""
        self._rings.clear()
        self._summaries.clear()
        self.store_anew()
        self.day_start_ms = 0

    def add(self, rows: Rows, trades: Records) -> Rows:
        """Put trades on the tapes of their rows, in any order. Gives what has news for `take_summary`."""
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
        """Those of the rows (ascending) that have news, with a column for each of `SUMMARY_COLUMNS`."""
        return self._summaries.take(rows, self.day_start_ms)

    def portions(self, symbols: Sequence[str]) -> Iterator[TapeWrites]:
        """What is not stored yet, in portions, as long as there is too much of it for one transaction.

        A portion counts as stored once the next is asked for. Tapes may be stored ahead of the rows of the
        table: whoever continues from both is sent the trades once more, and has them on its tapes already.
        """
        return self._unstored.portions(symbols, self.day_start_ms)

    def writes(self, symbols: Sequence[str]) -> TapeWrites:
        """What is not stored yet."""
        return self._unstored.writes(symbols, self.day_start_ms)

    def confirm(self) -> None:
        """All was stored."""
        self._unstored.confirm()
        self.is_complete = True

    def store_anew(self) -> None:
        """Nothing may be stored any more."""
        self._unstored.forget()
        self.is_complete = False

    def restore(self, row: int, tape: StoredTape) -> None:
        """Take a stored tape in place of what the row holds, unless it is of another day or empty."""
        if tape.day_start_ms != self.day_start_ms or not len(tape.ring):
            return
        ring, start = tape.ring, start_of_ring(tape.ring["moment"])
        is_stored = start is not None
        if start is None:
            ring, start = in_order(ring), 0
        self._rings.put_whole(row, ring, start)
        self._summaries.note_whole(row, ring)
        self._unstored.note_restored(row, is_stored=is_stored)

    def _reserve(self) -> None:
        if self.day_start_ms:
            self._rings.reserve(self._row_count)

    def _append(self, rows: Rows, trades: Records) -> None:
        """Add trades that are newer than all on their tapes, and in order."""
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
        self._summaries.note(
            changed,
            np.add.reduceat(sizes - displaced, starts),
            np.maximum.reduceat(sizes, starts),
            np.maximum.reduceat(displaced, starts),
        )

    def _add_late(self, rows: Rows, trades: Records) -> None:
        """Add trades that are not newer than the newest on their tapes, one for each row at a time."""
        while len(rows):
            belong, positions = self._search(rows, trades)
            rows, trades, positions = rows[belong], pick(trades, belong), positions[belong]
            is_first = is_first_of_row(rows)
            now, later = np.flatnonzero(is_first), np.flatnonzero(~is_first)
            if len(now):
                self._insert(rows[now], pick(trades, now), positions[now])
            rows, trades = rows[later], pick(trades, later)

    def _search(self, rows: Rows, trades: Records) -> tuple[Rows, Positions]:
        """Which trades belong onto their tapes and are not there yet, and the position of each."""
        positions = self._rings.first_where(rows, lambda held: precede(held, trades))
        end = self._rings.end[rows]
        is_known = (positions < end) & are_equal(self._rings.at(rows, positions), trades)
        has_passed = (end >= TAPE_TRADES) & (positions == end - TAPE_TRADES)
        return np.flatnonzero(~(is_known | has_passed)), positions

    def _insert(self, rows: Rows, trades: Records, positions: Positions) -> None:
        """Put one trade into each of some rows at its position, and move the newer ones on by one."""
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
        self._summaries.note(rows, trades["size"] - displaced, trades["size"], displaced)
