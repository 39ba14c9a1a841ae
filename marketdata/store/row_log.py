"""The rows of a shard in the cache: all of them at one tick (the *whole*), and the *row log* behind it.

The row log has the changed rows of each tick since. So most ticks store only what changed, and a reader lays
the log over the whole. `newest_rows` does that, without I/O.

One owner writes whole and log. If another one wrote in between (a stale owner, or the next one), the two do
not fit together: a block of the log counts only if it has the epoch of the whole and the next tick.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.payloads import RowBlock, block_beginning
from marketdata.store.keys import Keys

MOST_LOGGED_BLOCKS: Final = 32
"""How many blocks a row log has at most, so that reading it stays cheap."""


class LogEnd(msgspec.Struct, frozen=True):
    """The end of a row log: the tick of the whole before it, and the number of blocks that follow."""

    whole_tick: int
    blocks: int


class StoredRows(msgspec.Struct, frozen=True):
    """What the cache must have of a shard's rows after a tick, unless it lost some or another process wrote.

    `beginning` is the first bytes of the whole. They name its owner and its tick.
    """

    whole_key: str
    log_key: str
    beginning: bytes
    blocks: int

    @classmethod
    def after(cls, shard: int, block: RowBlock, end: LogEnd | None, keys: Keys) -> "StoredRows":
        """After a block of this shard was stored as the whole, or was appended to the log, which `end` is."""
        whole_tick, blocks = (block.tick, 0) if end is None else (end.whole_tick, end.blocks)
        beginning = block_beginning(block.producer, block.epoch, whole_tick)
        return cls(keys.rows(shard), keys.row_log(shard), beginning, blocks)

    def ask(self, pipeline: Any) -> None:
        """Queue the two questions that `holds` answers."""
        pipeline.getrange(self.whole_key, 0, len(self.beginning) - 1)
        pipeline.llen(self.log_key)

    def holds(self, beginning: object, blocks: object) -> bool:
        """Whether the replies say that the cache has these rows."""
        return beginning == self.beginning and blocks == self.blocks


def newest_rows(whole: RowBlock, log: Iterable[RowBlock]) -> RowBlock:
    """All rows as of the last block of the log that follows the whole without a gap.

    Rows are found by symbol. New symbols come last, in the order of the log. Everything else is that of the
    last block. Blocks from the first one on that does not follow are left out.
    """
    following = _following(whole, log)
    if not following:
        return whole
    symbols = list(whole.symbols)
    place_of = {symbol: place for place, symbol in enumerate(symbols)}
    for block in following:
        for symbol in block.symbols:
            if symbol not in place_of:
                place_of[symbol] = len(symbols)
                symbols.append(symbol)
    matrix = np.full((len(whole.columns), len(symbols)), np.nan)
    for line, column in zip(matrix, whole.columns.values(), strict=True):
        line[: len(whole)] = column
    for block in following:
        places = np.array([place_of[symbol] for symbol in block.symbols], dtype=np.intp)
        matrix[:, places] = list(block.columns.values())
    columns = dict(zip(whole.columns, matrix, strict=True))
    return msgspec.structs.replace(following[-1], symbols=tuple(symbols), columns=columns)


def _following(whole: RowBlock, log: Iterable[RowBlock]) -> Sequence[RowBlock]:
    names = tuple(whole.columns)
    following: list[RowBlock] = []
    for tick, block in enumerate(log, whole.tick + 1):
        is_next = (block.producer, block.epoch, block.tick) == (whole.producer, whole.epoch, tick)
        if not is_next or tuple(block.columns) != names:
            break
        following.append(block)
    return following
