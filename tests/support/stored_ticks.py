"""The rows of a shard as the cache has them, without a cache."""

from collections.abc import Sequence

from marketdata.payloads import RowBlock, decode_row_block, encode_row_block
from marketdata.store.row_log import newest_rows
from marketdata.store.shard_state import ShardTick


class StoredTicks:
    """Keeps the whole and the row log of a shard as bytes, as `BlockPublisher.publish_tick` does."""

    def __init__(self) -> None:
        self._whole = b""
        self._log: Sequence[bytes] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no tick was stored yet."""
        return not self._whole

    def store(self, tick: ShardTick) -> RowBlock:
        """Store the rows of a tick. Returns all rows as a reader gets them then."""
        rows = self.after(tick)
        if tick.whole is not None:
            self._whole, self._log = encode_row_block(tick.whole), ()
        else:
            assert tick.log_end is not None
            self._log = (*self._log, encode_row_block(tick.changed))
            assert len(self._log) == tick.log_end.blocks
        return rows

    def after(self, tick: ShardTick) -> RowBlock:
        """All rows as a reader will get them once the tick is stored."""
        if tick.whole is not None:
            return tick.whole
        rows = newest_rows(decode_row_block(self._whole), [*map(decode_row_block, self._log), tick.changed])
        assert (rows.epoch, rows.tick) == (tick.changed.epoch, tick.changed.tick)
        return rows

    def rows(self) -> RowBlock:
        """All rows as a reader gets them."""
        return newest_rows(decode_row_block(self._whole), map(decode_row_block, self._log))
