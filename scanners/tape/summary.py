"""Summary figures of each tape, updated as trades are added and displaced."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.tapes import MILLIONTHS, TAPE_TRADES, Records, moments_from, times_of
from marketdata.units import MS_PER_MINUTE
from scanners.rows import Rows, with_room
from scanners.tape.rings import RINGS_PER_SCAN, Rings

SUMMARY_COLUMNS: Final = (
    "trade_count",
    "trade_volume",
    "trade_average_size",
    "trade_largest_size",
    "trade_span_ms",
    "trades_per_minute",
)


class Summaries:
    """The volume and the largest size of each row's ring, and which rows changed.

    Sizes are in millionths of a share. When a smaller trade displaces the largest one, the new largest is
    searched only when `take` needs it.
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
        """Keep only the summaries of these rows, numbered from 0."""
        self._volume, self._largest = self._volume[rows], self._largest[rows]
        self._is_changed, self._is_largest_gone = self._is_changed[rows], self._is_largest_gone[rows]

    def clear(self) -> None:
        """Set all rows to the summary of an empty ring, as unchanged."""
        for state in (self._volume, self._largest, self._is_changed, self._is_largest_gone):
            state[:] = 0

    def note_trades(
        self,
        rows: Rows,
        volume_change: NDArray[np.int64],
        largest_added: NDArray[np.int64],
        largest_displaced: NDArray[np.int64],
    ) -> None:
        """Note that trades were added to rows. No row may occur twice."""
        self._volume[rows] += volume_change
        largest = self._largest[rows]
        gone = self._is_largest_gone[rows] | (largest_displaced >= largest)
        self._is_largest_gone[rows] = gone & (largest_added < largest)
        self._largest[rows] = np.maximum(largest, largest_added)
        self._is_changed[rows] = True

    def note_replaced(self, row: int, ring: Records) -> None:
        """Note that the ring of a row was replaced."""
        self._volume[row] = ring["size"].sum()
        self._largest[row] = ring["size"].max()
        self._is_largest_gone[row] = False
        self._is_changed[row] = True

    def changed(self) -> Rows:
        """The rows that changed since `take` last returned them."""
        return np.flatnonzero(self._is_changed)

    def take(self, rows: Rows, day_start_ms: int) -> tuple[Rows, Sequence[Column]]:
        """The changed rows among `rows` (ascending), and their values for each of `SUMMARY_COLUMNS`.

        The returned rows count as unchanged afterwards.
        """
        rings = self._rings
        rows = rows[self._is_changed[rows]]
        self._is_changed[rows] = False
        self._find_largest(rows[self._is_largest_gone[rows]])
        count = np.minimum(rings.end[rows], TAPE_TRADES)
        volume = self._volume[rows] / MILLIONTHS
        oldest_ms = times_of(rings.at(rows, rings.oldest(rows))["moment"], day_start_ms)
        newest_ms = times_of(rings.newest[rows], day_start_ms)
        span_ms = (newest_ms - oldest_ms).astype(np.float64)
        minute = moments_from(newest_ms - MS_PER_MINUTE + 1, day_start_ms)
        in_minute = rings.end[rows] - rings.search(rows, lambda held: held["moment"] < minute)
        rate_of_full = TAPE_TRADES * MS_PER_MINUTE / np.maximum(span_ms, 1)
        rate = np.where(in_minute < TAPE_TRADES, in_minute, rate_of_full)
        largest = self._largest[rows] / MILLIONTHS
        return rows, (count.astype(np.float64), volume, volume / count, largest, span_ms, rate)

    def _find_largest(self, rows: Rows) -> None:
        """Search whole rings. They are full, since only full rings displace trades."""
        for first in range(0, len(rows), RINGS_PER_SCAN):
            some = rows[first : first + RINGS_PER_SCAN]
            self._largest[some] = self._rings.sizes(some).max(axis=1)
        self._is_largest_gone[rows] = False
