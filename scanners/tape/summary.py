"""What a tape says in a few numbers, kept up to date as trades come and go."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.tapes import MILLIONTHS, TAPE_TRADES, Records, moments_from, times_of
from marketdata.units import MS_PER_MINUTE
from scanners.rows import Rows, with_room
from scanners.tape.rings import SCANNED_TOGETHER, Rings

SUMMARY_COLUMNS: Final = (
    "trade_count",
    "trade_volume",
    "trade_average_size",
    "trade_largest_size",
    "trade_span_ms",
    "trades_per_minute",
)


class Summaries:
    """Sums and the largest size of each row's ring, and which rows have news.

    Sizes are in millionths of a share. Where the largest trade left and no larger one came, the largest is
    looked for when it is asked for.
    """

    def __init__(self, rings: Rings) -> None:
        self._rings = rings
        self._volume = np.zeros(0, dtype=np.int64)
        self._largest = np.zeros(0, dtype=np.int64)
        self._is_changed = np.zeros(0, dtype=np.bool_)
        self._is_largest_gone = np.zeros(0, dtype=np.bool_)

    def resize(self, row_count: int) -> None:
        """Have room for a number of rows."""
        self._volume = with_room(self._volume, row_count, 0)
        self._largest = with_room(self._largest, row_count, 0)
        self._is_changed = with_room(self._is_changed, row_count, empty=False)
        self._is_largest_gone = with_room(self._is_largest_gone, row_count, empty=False)

    def keep(self, rows: Rows) -> None:
        """Hold the summaries of these rows alone, which become the first."""
        self._volume, self._largest = self._volume[rows], self._largest[rows]
        self._is_changed, self._is_largest_gone = self._is_changed[rows], self._is_largest_gone[rows]

    def clear(self) -> None:
        """Of empty rings, without news."""
        for state in (self._volume, self._largest, self._is_changed, self._is_largest_gone):
            state[:] = 0

    def note(
        self, rows: Rows, volume: NDArray[np.int64], came: NDArray[np.int64], went: NDArray[np.int64]
    ) -> None:
        """Rows, each once, got trades: by how much the volume grew, the largest that came and that went."""
        self._volume[rows] += volume
        largest = self._largest[rows]
        gone = self._is_largest_gone[rows] | (went >= largest)
        self._is_largest_gone[rows] = gone & (came < largest)
        self._largest[rows] = np.maximum(largest, came)
        self._is_changed[rows] = True

    def note_whole(self, row: int, ring: Records) -> None:
        """A row got a ring in place of what it held."""
        self._volume[row] = ring["size"].sum()
        self._largest[row] = ring["size"].max()
        self._is_largest_gone[row] = False
        self._is_changed[row] = True

    def changed(self) -> Rows:
        """The rows that have news."""
        return np.flatnonzero(self._is_changed)

    def take(self, rows: Rows, day_start_ms: int) -> tuple[Rows, Sequence[Column]]:
        """Those of the rows (ascending) that have news, with a column for each of `SUMMARY_COLUMNS`."""
        rings = self._rings
        rows = rows[self._is_changed[rows]]
        self._is_changed[rows] = False
        self._find_largest(rows[self._is_largest_gone[rows]])
        count = np.minimum(rings.end[rows], TAPE_TRADES)
        volume = self._volume[rows] / MILLIONTHS
        oldest_ms = times_of(rings.at(rows, rings.first(rows))["moment"], day_start_ms)
        newest_ms = times_of(rings.newest[rows], day_start_ms)
        span_ms = (newest_ms - oldest_ms).astype(np.float64)
        minute = moments_from(newest_ms - MS_PER_MINUTE + 1, day_start_ms)
        in_minute = rings.end[rows] - rings.first_where(rows, lambda held: held["moment"] < minute)
        rate_of_full = TAPE_TRADES * MS_PER_MINUTE / np.maximum(span_ms, 1)
        rate = np.where(in_minute < TAPE_TRADES, in_minute, rate_of_full)
        largest = self._largest[rows] / MILLIONTHS
        return rows, (count.astype(np.float64), volume, volume / count, largest, span_ms, rate)

    def _find_largest(self, rows: Rows) -> None:
        """Look through whole rings; only full ones have lost a trade."""
        for first in range(0, len(rows), SCANNED_TOGETHER):
            some = rows[first : first + SCANNED_TOGETHER]
            self._largest[some] = self._rings.sizes(some).max(axis=1)
        self._is_largest_gone[rows] = False
