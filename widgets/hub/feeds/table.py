"""The stream of a feed whose rows are a state: only the newest offered state counts."""

from marketdata.clock import Clock
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.stream import FeedStream
from widgets.hub.rows import FeedRows, compare, decimals_of
from widgets.protocol import EmittedRows, FeedDelta, FeedEmission


class TableStream(FeedStream):
    """Rows by symbol, in order: a board, or the one row of a symbol."""

    def __init__(self, feed: Feed, epoch: str, clock: Clock) -> None:
        super().__init__(feed, epoch, clock)
        self._held: FeedRows | None = None
        self._offered: FeedRows | None = None

    @property
    def newest(self) -> FeedRows | None:
        """The newest state that was offered."""
        return self._offered or self._held

    def offer(self, rows: FeedRows) -> bool:
        """Take a newer state. Returns False if it is not newer.

        Ticks order the states of one epoch. Another epoch is another process of the producer, and counts as
        newer: the clocks of two machines cannot be compared safely.
        """
        newest = self.newest
        if newest is not None and rows.epoch == newest.epoch and rows.tick <= newest.tick:
            return False
        self._offered = rows
        return True

    def emit(self) -> FeedEmission | None:
        """Move on to the newest state. Returns a delta, a snapshot if a delta is not possible, or None."""
        before, after = self._held, self.newest
        if after is None:
            return None
        self._held, self._offered = after, None
        self._times = (after.received_ns, after.market_time_ms)
        if self._snapshot_due or before is None or before.columns != after.columns:
            return self._advance_to_snapshot()
        changes = compare(before, after)
        if not changes:
            return None
        rows = EmittedRows(
            [after.symbols[position] for position in changes.changed.tolist()],
            after.columns,
            decimals_of(after.columns),
            after.values[changes.changed],
        )
        order = after.symbols if changes.reordered else None
        return FeedDelta(self._advance(), rows, changes.removed, order)

    def _all_rows(self) -> EmittedRows:
        held = self._held
        if held is None:
            raise LookupError(f"{self.feed.name}: nothing was emitted yet")
        return EmittedRows(held.symbols, held.columns, decimals_of(held.columns), held.values)
