"""The newest trades of every row of a market table, in rings of a thousand.

A ring holds its records in their order, so span and trades a minute follow from a few of them; sums are kept
up to date as trades come and go. Adding is vectorised over a group of events, fastest for trades newer than
all on their tapes. The others are looked up: nearly all are repetitions, and the rest are inserted.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.tapes import (
    HEADER_BYTES,
    MILLIONTHS,
    ORDER,
    RECORD_BYTES,
    TAPE_TRADES,
    Moments,
    Records,
    StoredTape,
    TapeWrites,
    encode_header,
    in_order,
    moments_from,
    times_of,
)
from scanners.tape_memory import Places, TapeMemory, pick

Rows = NDArray[np.intp]
Positions = NDArray[np.int64]

SUMMARY_COLUMNS: Final = (
    "trade_count",
    "trade_volume",
    "trade_average_size",
    "trade_largest_size",
    "trade_span_ms",
    "trades_per_minute",
)
MINUTE_MS: Final = 60_000
PORTION_BYTES: Final = 8_000_000
"""How much of the tapes one transaction writes at most: what takes the cache some 10 ms."""

_NOTHING: Final = -1
_RADIX_SORTED_ROWS: Final = 2**16
_SCANNED_TOGETHER: Final = 256
"""How many whole rings are looked through at a time: 8 MB."""


class Tape:
    """The tapes of all rows; see `marketdata.tapes` for what a tape is.

    The records of a row are counted by *position*, oldest first: the newest is at `end - 1`, and position `p`
    lies in slot `p % 1,000` of the ring, in memory and in the cache alike. `day_start_ms` is 0 before a day's
    first trade; `is_complete` says whether the cache knows that all tapes of the day are stored there.
    """

    def __init__(self, row_count: int = 0) -> None:
        self.day_start_ms = 0
        self.is_complete = False
        self._memory = TapeMemory()
        self._row_count = 0
        self._numbers = np.empty((5, 0), dtype=np.int64)
        self._flags = np.empty((2, 0), dtype=np.bool_)
        self._name_state()
        self.resize(row_count)

    def resize(self, row_count: int) -> None:
        """Follow the table to a number of rows; the tapes of new ones are empty."""
        if row_count > self._numbers.shape[1]:
            self._hold(self._numbers, self._flags, row_count)
        self._row_count = row_count
        self._reserve()

    def keep(self, rows: Rows) -> None:
        """Hold the tapes of these rows (ascending) alone, which become the first; others' memory is freed."""
        memory = self._memory
        self._hold(self._numbers[:, rows], self._flags[:, rows], len(rows))
        self._row_count, self._memory = len(rows), TapeMemory()
        self._reserve()
        traded = np.flatnonzero(self._end[: len(rows)] > 0)
        slots = np.arange(TAPE_TRADES)
        for first in range(0, len(traded), _SCANNED_TOGETHER):
            some = traded[first : first + _SCANNED_TOGETHER]
            is_used = slots < self._end[some][:, np.newaxis]
            old, new = (of[:, np.newaxis] * TAPE_TRADES + slots for of in (rows[some], some))
            self._memory.put(new[is_used], memory.take(old[is_used]))

    def begin(self, day_start_ms: int) -> None:
        """Hold the trades of the trading day that starts then (epoch ms), and forget those of any other."""
        if day_start_ms != self.day_start_ms:
            self.clear()
            self.day_start_ms = day_start_ms
            self._reserve()

    def clear(self) -> None:
        """Forget all trades."""
        self._empty()
        self.day_start_ms = 0
        self.is_complete = False

    def add(self, rows: Rows, trades: Records) -> Rows:
        """Put trades on the tapes of their rows, in any order. Gives what has news for `take_summary`."""
        rows, trades = self._in_order(rows, trades)
        late = trades["moment"] <= self._newest[rows]
        if late.any():
            self._add_late(rows[late], trades[late])
            fresh = np.flatnonzero(~late)
            rows, trades = rows[fresh], pick(trades, fresh)
        if len(rows):
            self._append(rows, trades)
        return np.flatnonzero(self._is_changed)

    def take_summary(self, rows: Rows) -> tuple[Rows, Sequence[Column]]:
        """Those of the rows (ascending) that have news, with a column for each of `SUMMARY_COLUMNS`."""
        rows = rows[self._is_changed[rows]]
        self._is_changed[rows] = False
        self._find_largest(rows[self._is_largest_gone[rows]])
        count = np.minimum(self._end[rows], TAPE_TRADES)
        volume = self._volume[rows] / MILLIONTHS
        oldest_ms = times_of(self._at(rows, self._first(rows))["moment"], self.day_start_ms)
        newest_ms = times_of(self._newest[rows], self.day_start_ms)
        span_ms = (newest_ms - oldest_ms).astype(np.float64)
        minute = moments_from(newest_ms - MINUTE_MS + 1, self.day_start_ms)
        in_minute = self._end[rows] - self._first_where(rows, lambda held: held["moment"] < minute)
        rate = np.where(in_minute < TAPE_TRADES, in_minute, TAPE_TRADES * MINUTE_MS / np.maximum(span_ms, 1))
        largest = self._largest[rows] / MILLIONTHS
        return rows, (count.astype(np.float64), volume, volume / count, largest, span_ms, rate)

    def portions(self, symbols: Sequence[str]) -> Iterator[TapeWrites]:
        """What is not stored yet, in portions, as long as there is too much of it for one transaction.

        A portion counts as stored once the next is asked for. Tapes may be stored ahead of the rows of the
        table: whoever continues from both is sent the trades once more, and has them on its tapes already.
        """
        while True:
            rows = self._unstored()
            sizes = np.cumsum(self._unstored_counts(rows)) * RECORD_BYTES
            if not len(rows) or sizes[-1] <= PORTION_BYTES:
                return
            portion = rows[: int(np.searchsorted(sizes, PORTION_BYTES)) + 1]
            yield self._writes(portion, symbols)
            self._stored[portion] = self._end[portion]

    def writes(self, symbols: Sequence[str]) -> TapeWrites:
        """What is not stored yet."""
        return self._writes(self._unstored(), symbols)

    def confirm(self) -> None:
        """All was stored."""
        self._stored[:] = self._end
        self.is_complete = True

    def store_anew(self) -> None:
        """Nothing may be stored any more."""
        self._stored[:] = _NOTHING
        self.is_complete = False

    def restore(self, row: int, tape: StoredTape) -> None:
        """Take a stored tape in place of what the row holds, unless it is of another day or empty."""
        if tape.day_start_ms != self.day_start_ms or not len(tape.ring):
            return
        ring, start = tape.ring, _start_of_ring(tape.ring["moment"])
        if start is None:
            ring, start = in_order(ring), 0
            self._stored[row] = _NOTHING
        else:
            self._stored[row] = start + len(ring)
        self._memory.put(row * TAPE_TRADES + np.arange(len(ring)), ring)
        self._end[row] = start + len(ring)
        self._newest[row] = ring["moment"][start - 1]
        self._volume[row] = ring["size"].sum()
        self._largest[row] = ring["size"].max()
        self._is_changed[row] = True

    def _hold(self, numbers: NDArray[np.int64], flags: NDArray[np.bool_], row_count: int) -> None:
        """Take over the state of the first rows, with room for so many; that of others is empty."""
        width = 1 << max(0, row_count - 1).bit_length()
        self._numbers = np.empty((len(numbers), width), dtype=np.int64)
        self._flags = np.empty((len(flags), width), dtype=np.bool_)
        self._name_state()
        self._empty()
        self._numbers[:, : numbers.shape[1]] = numbers
        self._flags[:, : flags.shape[1]] = flags

    def _name_state(self) -> None:
        self._end, self._newest, self._stored, self._volume, self._largest = self._numbers
        self._is_changed, self._is_largest_gone = self._flags

    def _empty(self) -> None:
        self._numbers[:] = 0
        self._newest[:] = _NOTHING
        self._stored[:] = _NOTHING
        self._flags[:] = False

    def _reserve(self) -> None:
        if self.day_start_ms:
            self._memory.reserve(self._row_count)

    def _in_order(self, rows: Rows, trades: Records) -> tuple[Rows, Records]:
        """Rows ascending, in each the trades ascending, each trade once."""
        keys = rows.astype(np.uint16) if self._row_count <= _RADIX_SORTED_ROWS else rows
        order = np.argsort(keys, kind="stable")
        ordered, moments = rows[order], trades["moment"][order]
        if ((ordered[1:] == ordered[:-1]) & (moments[1:] <= moments[:-1])).any():
            order = np.lexsort([*(trades[field] for field in reversed(ORDER)), rows])
            ordered = rows[order]
            repeated = (ordered[1:] == ordered[:-1]) & _are_equal(trades[order[1:]], trades[order[:-1]])
            order = order[np.concatenate(((True,), ~repeated))]
        return rows[order], pick(trades, order)

    def _append(self, rows: Rows, trades: Records) -> None:
        """Add trades that are newer than all on their tapes, and in order."""
        starts = np.flatnonzero(_is_first_of_row(rows))
        counts = np.diff(starts, append=len(rows))
        if counts.max() > TAPE_TRADES:
            newest = np.arange(len(rows)) >= np.repeat(starts + counts - TAPE_TRADES, counts)
            self._append(rows[newest], trades[newest])
            return
        changed = rows[starts]
        ends = self._end[changed]
        positions = np.arange(len(rows)) + np.repeat(ends - starts, counts)
        displaced = self._displaced_sizes(rows, positions)
        self._memory.put(_places(rows, positions), trades)
        sizes = trades["size"]
        self._end[changed] = ends + counts
        self._newest[changed] = trades["moment"][starts + counts - 1]
        self._volume[changed] += np.add.reduceat(sizes - displaced, starts)
        self._note_largest(
            changed, np.maximum.reduceat(sizes, starts), np.maximum.reduceat(displaced, starts)
        )
        self._is_changed[changed] = True

    def _displaced_sizes(self, rows: Rows, positions: Positions) -> NDArray[np.int64]:
        """The sizes of the trades that have to leave for those at the positions, 0 where none has."""
        sizes = np.zeros(len(rows), dtype=np.int64)
        full = np.flatnonzero(positions >= TAPE_TRADES)
        sizes[full] = self._at(rows[full], positions[full])["size"]
        return sizes

    def _note_largest(self, rows: Rows, came: NDArray[np.int64], went: NDArray[np.int64]) -> None:
        """Where the largest left and no larger came, it has to be looked for when it is asked for."""
        largest = self._largest[rows]
        gone = self._is_largest_gone[rows] | (went >= largest)
        self._is_largest_gone[rows] = gone & (came < largest)
        self._largest[rows] = np.maximum(largest, came)

    def _find_largest(self, rows: Rows) -> None:
        """Look through whole rings; only full ones have lost a trade."""
        for first in range(0, len(rows), _SCANNED_TOGETHER):
            some = rows[first : first + _SCANNED_TOGETHER]
            places = (some[:, np.newaxis] * TAPE_TRADES + np.arange(TAPE_TRADES)).ravel()
            sizes = self._memory.take(places)["size"].reshape(len(some), TAPE_TRADES)
            self._largest[some] = sizes.max(axis=1)
        self._is_largest_gone[rows] = False

    def _add_late(self, rows: Rows, trades: Records) -> None:
        """Add trades that are not newer than the newest on their tapes, one for each row at a time."""
        while len(rows):
            belong, positions = self._search(rows, trades)
            rows, trades, positions = rows[belong], pick(trades, belong), positions[belong]
            is_first = _is_first_of_row(rows)
            now, later = np.flatnonzero(is_first), np.flatnonzero(~is_first)
            if len(now):
                self._insert(rows[now], pick(trades, now), positions[now])
            rows, trades = rows[later], pick(trades, later)

    def _search(self, rows: Rows, trades: Records) -> tuple[Rows, Positions]:
        """Which trades belong onto their tapes and are not there yet, and the position of each."""
        positions = self._first_where(rows, lambda held: _precede(held, trades))
        end = self._end[rows]
        is_known = (positions < end) & _are_equal(self._at(rows, positions), trades)
        has_passed = (end >= TAPE_TRADES) & (positions == end - TAPE_TRADES)
        return np.flatnonzero(~(is_known | has_passed)), positions

    def _insert(self, rows: Rows, trades: Records, positions: Positions) -> None:
        """Put one trade into each of some rows at its position, and move the newer ones on by one."""
        end = self._end[rows]
        displaced = self._displaced_sizes(rows, end)
        counts = end - positions
        moved_rows = np.repeat(rows, counts)
        moved = np.arange(len(moved_rows)) + np.repeat(end - np.cumsum(counts), counts)
        self._memory.put(_places(moved_rows, moved + 1), self._at(moved_rows, moved))
        self._memory.put(_places(rows, positions), trades)
        self._end[rows] = end + 1
        self._newest[rows] = np.maximum(self._newest[rows], trades["moment"])
        self._stored[rows] = np.minimum(self._stored[rows], positions)
        self._volume[rows] += trades["size"] - displaced
        self._note_largest(rows, trades["size"], displaced)
        self._is_changed[rows] = True

    def _at(self, rows: Rows, positions: Positions) -> Records:
        return self._memory.take(_places(rows, positions))

    def _first(self, rows: Rows) -> Positions:
        return np.maximum(self._end[rows] - TAPE_TRADES, 0)

    def _first_where(self, rows: Rows, precede: Callable[[Records], NDArray[np.bool_]]) -> Positions:
        """For each row the first position whose record does not precede what is sought; `end` if all do."""
        low, high = self._first(rows), self._end[rows]
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            goes_before = precede(self._at(rows, middle)) & (low < high)
            low = np.where(goes_before, middle + 1, low)
            high = np.where(goes_before, high, middle)
        return low

    def _unstored(self) -> Rows:
        return np.flatnonzero((self._stored < self._end) & (self._end > 0))

    def _is_written_whole(self, rows: Rows) -> NDArray[np.bool_]:
        """Where nothing of the ring is stored, or all of it has changed, or it has just become full.

        The last because the cache's memory for a string that grew is half as much again as the string needs,
        until the string is set as a whole.
        """
        stored, end = self._stored[rows], self._end[rows]
        whole: NDArray[np.bool_] = stored <= self._first(rows)
        whole |= (stored < TAPE_TRADES) & (end >= TAPE_TRADES)
        return whole

    def _unstored_counts(self, rows: Rows) -> Positions:
        end = self._end[rows]
        is_whole = self._is_written_whole(rows)
        return np.where(is_whole, np.minimum(end, TAPE_TRADES), end - self._stored[rows])

    def _writes(self, rows: Rows, symbols: Sequence[str]) -> TapeWrites:
        """What the rows have that is not stored: a whole ring, or a stretch of it, cut in two at its seam."""
        is_whole = self._is_written_whole(rows)
        slots = np.where(is_whole, 0, self._stored[rows] % TAPE_TRADES)
        counts = self._unstored_counts(rows)
        fitting = np.minimum(counts, TAPE_TRADES - slots)
        offsets = np.where(is_whole, 0, HEADER_BYTES + slots * RECORD_BYTES).tolist()
        header = encode_header(self.day_start_ms)
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
        ends = np.cumsum(counts)
        places = np.arange(ends[-1] if len(ends) else 0)
        places += np.repeat(rows * TAPE_TRADES + slots - (ends - counts), counts)
        data = self._memory.take(places).tobytes()
        limits = (ends * RECORD_BYTES).tolist()
        return [data[start:end] for start, end in zip([0, *limits], limits, strict=False)]


def _places(rows: Rows, positions: Positions) -> Places:
    return rows * TAPE_TRADES + positions % TAPE_TRADES


def _is_first_of_row(rows: Rows) -> NDArray[np.bool_]:
    return np.concatenate((np.ones(min(len(rows), 1), dtype=np.bool_), rows[1:] != rows[:-1]))


def _precede(left: Records, right: Records) -> NDArray[np.bool_]:
    """Where the left trade is the older one, in the order of `marketdata.tapes`."""
    older = left[ORDER[-1]] < right[ORDER[-1]]
    for field in reversed(ORDER[:-1]):
        older = (left[field] < right[field]) | ((left[field] == right[field]) & older)
    return older


def _are_equal(left: Records, right: Records) -> NDArray[np.bool_]:
    equal = np.ones(len(left), dtype=np.bool_)
    for field in ORDER:
        equal &= left[field] == right[field]
    return equal


def _start_of_ring(moments: Moments) -> int | None:
    """The slot of the oldest record; None when the slots are not a ring in order."""
    turns = np.flatnonzero(moments[1:] < moments[:-1])
    if len(turns) == 0:
        return 0
    is_ring = len(turns) == 1 and len(moments) == TAPE_TRADES and moments[-1] <= moments[0]
    return int(turns[0]) + 1 if is_ring else None
