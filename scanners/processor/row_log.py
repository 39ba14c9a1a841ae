"""Decides which ticks of a shard store all rows, and which append the changed rows to the row log."""

from marketdata.store.row_log import MOST_LOGGED_BLOCKS, LogEnd
from marketdata.store.shard_state import ShardTick


class RowLog:
    """The row log of a shard as its owner knows it: see `marketdata.store.row_log`.

    All rows are due at the first tick of an owner and after `store_anew`, and when rows were removed: a log
    cannot say that. They are due before the log would have more than `MOST_LOGGED_BLOCKS` blocks, or
    more than half as many rows as the shard. So reading it stays cheap.
    """

    def __init__(self) -> None:
        self._whole_tick = 0
        self._blocks = 0
        self._rows = 0
        self._is_whole_due = True

    def next_end(self, changed: int, row_count: int, *, removes_rows: bool) -> LogEnd | None:
        """The end of the log if a tick appends this number of changed rows; None if all rows are due."""
        is_full = self._blocks == MOST_LOGGED_BLOCKS or 2 * (self._rows + changed) > row_count
        if self._is_whole_due or removes_rows or is_full:
            return None
        return LogEnd(self._whole_tick, self._blocks + 1)

    def confirm(self, tick: ShardTick) -> None:
        """The tick was stored."""
        if tick.log_end is None:
            self._whole_tick, self._blocks, self._rows = tick.changed.tick, 0, 0
            self._is_whole_due = False
        else:
            self._blocks = tick.log_end.blocks
            self._rows += len(tick.changed)

    def store_anew(self) -> None:
        """The cache may have lost the rows, or another owner wrote them."""
        self._is_whole_due = True
