"""The whole market in one table: merging the shards' rows, and ranking the boards. No I/O."""

import enum
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import RowBlock
from marketdata.schema import BOARDS, Board, names
from scanners.ranking import competing, rank
from scanners.registry import routes, schema
from scanners.rows import Rows
from scanners.table import MarketTable


class Merge(enum.Enum):
    """What became of an announced block."""

    APPLIED = "applied"
    KNOWN = "known"
    GAP = "gap"


class RankedBoard(msgspec.Struct, frozen=True):
    """A board to publish: its block in rank order, and the score of each symbol in it."""

    feed: str
    block: RowBlock
    scores: Mapping[str, float]


class _ShardPosition(msgspec.Struct, frozen=True):
    """How far the table has followed one shard, and the newest times of the block that it followed last."""

    epoch: int
    tick: int
    rows: Rows
    received_ns: int
    market_time_ms: int
    shows_test_issues: bool


class MarketScanner:
    """Merges the row blocks of all shards and ranks the boards over them.

    `epoch` names this scanner (its start in epoch nanoseconds); its blocks count their ticks from 1.
    A board has its own columns and no others. Test issues compete only where the processor of their shard
    shows them.

    Raises:
        SchemaError: a declaration contradicts another one; the message says which.
    """

    def __init__(self, *, epoch: int, boards: Sequence[Board] = BOARDS) -> None:
        self._epoch = epoch
        declared = schema(routes())
        self._columns = {board: declared.board_columns(board) for board in boards}
        self._table = MarketTable(names(declared.table))
        self._positions: dict[int, _ShardPosition] = {}
        self._tick = 0

    @property
    def row_count(self) -> int:
        """How many symbols the market has."""
        return len(self._table)

    def apply_changed(self, shard: int, block: RowBlock) -> Merge:
        """Merge the changed rows of a shard's tick, if that is the one that follows.

        `GAP` means that ticks were missed, or that another process owns the shard now: nothing was
        merged, and the stored whole must be read. `KNOWN` means that a whole already covered it.
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
        """Replace what is known of a shard: rows that the block does not have are forgotten."""
        before = self._positions.get(shard)
        if before is not None:
            self._table.clear(self._table.names, before.rows)
        rows = self._table.apply(block)
        self._follow(shard, block, rows)
        if before is not None and not np.isin(before.rows, rows).all():
            self._forget_rows()

    def rank_boards(self, published_ns: int) -> Sequence[RankedBoard]:
        """All boards as of now."""
        self._tick += 1
        self._table.take_changed()
        shown = self._shown()
        return [self._rank(board, names, shown, published_ns) for board, names in self._columns.items()]

    def _shown(self) -> NDArray[np.bool_]:
        """Every row but the test issues of shards whose processor does not show them."""
        shown = ~self._table.test_issues
        for position in self._positions.values():
            if position.shows_test_issues:
                shown[position.rows] = True
        return shown

    def _follow(self, shard: int, block: RowBlock, rows: Rows) -> None:
        self._positions[shard] = _ShardPosition(
            block.epoch,
            block.tick,
            rows,
            block.received_ns,
            block.market_time_ms,
            block.shows_test_issues,
        )

    def _forget_rows(self) -> None:
        """Those that no shard has."""
        held = np.unique(np.concatenate([position.rows for position in self._positions.values()]))
        self._table.keep(held)
        self._positions = {
            shard: msgspec.structs.replace(position, rows=np.searchsorted(held, position.rows))
            for shard, position in self._positions.items()
        }

    def _rank(
        self, board: Board, columns: Sequence[str], shown: NDArray[np.bool_], published_ns: int
    ) -> RankedBoard:
        values = self._table[board.ranked_by]
        rows = rank(
            values,
            competing(board, values) & shown,
            tie_order=self._table.alphabetic_positions(),
            direction=board.direction,
        )
        symbols = tuple(self._table.symbols_of(rows))
        block = RowBlock(
            producer=board.name,
            epoch=self._epoch,
            tick=self._tick,
            published_ns=published_ns,
            received_ns=max((shard.received_ns for shard in self._positions.values()), default=0),
            market_time_ms=max((shard.market_time_ms for shard in self._positions.values()), default=0),
            symbols=symbols,
            columns=self._table.copy_columns(rows, columns),
        )
        return RankedBoard(board.name, block, dict(zip(symbols, values[rows].tolist(), strict=True)))
