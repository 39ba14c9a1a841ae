"""Merges the rows of all shards into one table and ranks the boards. No I/O.

`competing` and `rank` are pure functions over columns: which rows compete, and in which order.
"""

import enum
from collections.abc import Collection, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column, RowBlock, TickHeader
from marketdata.schema import BOARDS, Board, Direction, names
from scanners.registry import routes, schema
from scanners.rows import Rows
from scanners.table import MarketTable

Mask = NDArray[np.bool_]

BOARD_DEPTH = 500
"""The maximum number of symbols on a board."""


class Merge(enum.Enum):
    """The result of merging an announced block."""

    APPLIED = "applied"
    KNOWN = "known"
    """The table already had these rows."""
    GAP = "gap"
    """Ticks were missed, so nothing was merged."""


class RankedBoard(msgspec.Struct, frozen=True):
    """A board to publish: its rows in rank order, and the score of each symbol."""

    feed: str
    block: RowBlock
    scores: Mapping[str, float]


class _ShardPosition(msgspec.Struct, frozen=True):
    """The last merged block of one shard, without its rows, and where those are in the table."""

    header: RowBlock
    rows: Rows

    @property
    def epoch(self) -> int:
        """The epoch of the block."""
        return self.header.epoch

    @property
    def tick(self) -> int:
        """The tick of the block."""
        return self.header.tick


class MarketScanner:
    """Merges the row blocks of all shards and ranks the boards over them.

    `epoch` identifies this scanner: its start in epoch nanoseconds. The ticks of its blocks count from 1. A
    board that was reset has the epoch of that moment.
    A board contains the columns that it shows, and those that it carries. A test issue competes only if the
    processor of its shard shows test issues.

    Raises:
        SchemaError: two declarations contradict each other; the message names them.
    """

    def __init__(self, *, epoch: int, boards: Sequence[Board] = BOARDS) -> None:
        self._epoch = epoch
        declared = schema(routes())
        self._epochs: dict[str, int] = {}  # of boards that were reset
        self._columns = {board: declared.stored_columns(board) for board in boards}
        self._column_names = names(declared.table)
        self._table = MarketTable(self._column_names)
        self._positions: dict[int, _ShardPosition] = {}
        self._tick = 0

    @property
    def row_count(self) -> int:
        """The number of symbols in the market."""
        return len(self._table)

    def apply_changed(self, shard: int, block: RowBlock) -> Merge:
        """Merge the changed rows of a shard's tick, if it is the next tick of that shard.

        After `GAP` (ticks were missed, or the shard has a new owner) the caller reads the stored block of
        all rows and calls `apply_whole`. `KNOWN` means that such a block already contained this tick.
        """
        position = self._positions.get(shard)
        if position is None or position.epoch != block.epoch or block.tick > position.tick + 1:
            return Merge.GAP
        if block.tick <= position.tick:
            return Merge.KNOWN
        known_rows = len(self._table)
        rows = self._table.apply(block)
        self._follow(shard, block, np.concatenate((position.rows, np.unique(rows[rows >= known_rows]))))
        return Merge.APPLIED

    def apply_whole(self, shard: int, block: RowBlock) -> None:
        """Replace all rows of a shard. Rows that the block does not contain are removed."""
        before = self._positions.get(shard)
        if before is not None:
            self._table.clear(self._table.names, before.rows)
        rows = self._table.apply(block)
        self._follow(shard, block, rows)
        if before is not None and not np.isin(before.rows, rows).all():
            self._remove_rows_without_shard()

    def reset(self, boards: Collection[str], epoch: int) -> None:
        """Forget the rows of all shards, and begin these boards anew in another epoch.

        Every shard is a `GAP` until `apply_whole` has read it again.
        """
        self._table = MarketTable(self._column_names)
        self._positions.clear()
        self._epochs.update(dict.fromkeys(boards, epoch))

    def rank_boards(
        self, published_ns: int, *, depth: int = BOARD_DEPTH, off: Collection[str] = ()
    ) -> Sequence[RankedBoard]:
        """All boards as of now, with at most `depth` symbols each.

        A board among `off`, by its name, is empty, and all of its columns are off. The same holds for a board
        whose ranking column is off in any shard: without it the board would rank a part of the market.
        """
        self._tick += 1
        self._table.take_changed()
        shown = self._shown()
        now = self._header(published_ns)
        return [
            self._empty(board, columns, now)
            if board.name in off or board.ranked_by in now.off
            else self._rank(board, columns, shown, depth, now)
            for board, columns in self._columns.items()
        ]

    def _header(self, published_ns: int) -> TickHeader:
        """What all boards have in common. A column is off, or partial, where it is so in any shard."""
        shards = [position.header for position in self._positions.values()]
        partial: dict[str, int] = {}
        for shard in shards:
            for name, since_ms in shard.partial.items():
                partial[name] = max(since_ms, partial.get(name, 0))
        return TickHeader(
            producer="scanner",
            epoch=self._epoch,
            tick=self._tick,
            published_ns=published_ns,
            received_ns=max((shard.received_ns for shard in shards), default=0),
            market_time_ms=max((shard.market_time_ms for shard in shards), default=0),
            shows_test_issues=False,
            off=tuple(dict.fromkeys(name for shard in shards for name in shard.off)),
            partial=partial,
        )

    def _epoch_of(self, board: Board) -> int:
        return self._epochs.get(board.name, self._epoch)

    def _shown(self) -> NDArray[np.bool_]:
        """Which rows may compete: all rows except test issues of shards that do not show them."""
        shown = ~self._table.test_issues
        for position in self._positions.values():
            if position.header.shows_test_issues:
                shown[position.rows] = True
        return shown

    def _follow(self, shard: int, block: RowBlock, rows: Rows) -> None:
        header = msgspec.structs.replace(block, symbols=(), columns={})  # keeps no matrix in memory
        self._positions[shard] = _ShardPosition(header, rows)

    def _remove_rows_without_shard(self) -> None:
        held = np.unique(np.concatenate([position.rows for position in self._positions.values()]))
        self._table.keep(held)
        self._positions = {
            shard: msgspec.structs.replace(position, rows=np.searchsorted(held, position.rows))
            for shard, position in self._positions.items()
        }

    def _empty(self, board: Board, columns: Sequence[str], now: TickHeader) -> RankedBoard:
        header = msgspec.structs.replace(
            now, producer=board.name, epoch=self._epoch_of(board), off=tuple(columns), partial={}
        )
        block = header.block((), self._table.copy_columns(np.empty(0, dtype=np.intp), columns))
        return RankedBoard(board.name, block, {})

    def _rank(
        self,
        board: Board,
        columns: Sequence[str],
        shown: NDArray[np.bool_],
        depth: int,
        now: TickHeader,
    ) -> RankedBoard:
        values = self._table[board.ranked_by]
        rows = rank(
            values,
            competing(board, values) & shown,
            depth=depth,
            tie_order=self._table.alphabetic_positions(),
            direction=board.direction,
        )
        symbols = tuple(self._table.symbols_of(rows))
        header = msgspec.structs.replace(
            now,
            producer=board.name,
            epoch=self._epoch_of(board),
            off=tuple(name for name in columns if name in now.off),
            partial={name: now.partial[name] for name in columns if name in now.partial},
        )
        block = header.block(symbols, self._table.copy_columns(rows, columns))
        return RankedBoard(board.name, block, dict(zip(symbols, values[rows].tolist(), strict=True)))


def competing(board: Board, values: Column) -> Mask:
    """Which rows compete on a board. `values` is the column that ranks the board."""
    mask: Mask = np.isfinite(values)
    if board.only_above_zero:
        mask &= values > 0
    return mask


def rank(
    values: Column,
    eligible: Mask,
    *,
    depth: int = BOARD_DEPTH,
    tie_order: Rows,
    direction: Direction = Direction.HIGHEST_FIRST,
) -> Rows:
    """The first `depth` eligible rows, best first. Equal values are sorted by ascending `tie_order`.

    Only rows that can reach the first `depth` ranks are sorted: a full sort of the market would cost more.
    NaN never ranks. The result depends only on `values` and `tie_order`, not on the order of the rows.
    """
    candidates = np.flatnonzero(eligible & ~np.isnan(values))
    keys = values[candidates] if direction is Direction.LOWEST_FIRST else -values[candidates]
    if len(candidates) > depth > 0:
        last_ranked = np.partition(keys, depth - 1)[depth - 1]
        contending = keys <= last_ranked
        candidates, keys = candidates[contending], keys[contending]
    order = np.lexsort((tie_order[candidates], keys))
    ranked: Rows = candidates[order[:depth]]
    return ranked
