"""Reads the newest stored state, for processes that start or have missed announcements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from marketdata.errors import ContentError
from marketdata.observability import metrics
from marketdata.payloads import RowBlock, UnknownPiece, decode_row_block, decode_unknown
from marketdata.reference.flaws import StoredParts, decode_parts
from marketdata.reference.tickers import Ticker, decode_tickers
from marketdata.reference.volume_curve import VolumeCurve, decode_volume_curve
from marketdata.store.connection import driver_errors
from marketdata.store.keys import STREAM_BLOCKS, Keys
from marketdata.store.row_log import newest_rows
from marketdata.store.shard_state import Checkpoint
from marketdata.store.tapes import read_tapes
from marketdata.tapes import StoredTape, TradeTape, decode_day, newest_first


class SnapshotReader:
    """Reads the stored row blocks and the values beside them. Single values are None if nothing is stored.

    All methods raise `StoreUnavailable` while the cache is away, and `ContentError` if the key
    holds bytes that are not such a value in this version.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def rows(self, shard: int) -> RowBlock | None:
        """All rows of a shard at its newest tick. They are also a part of the processor's checkpoint.

        They are of an older tick if the cache lost a part, or if a stale owner wrote in between.
        """
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                self._ask_rows(pipeline, shard)
                whole, log = await pipeline.execute()
        return _laid_over(whole, log)

    async def checkpoint(self, shard: int, groups: Sequence[str]) -> Checkpoint | None:
        """All rows of a shard and the stored ones of these groups of private columns, as of one tick."""
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                self._ask_rows(pipeline, shard)
                for name in groups:
                    pipeline.get(self._keys.private_columns(shard, name))
                whole, log, *others = await pipeline.execute()
        rows = _laid_over(whole, log)
        if rows is None:
            return None
        found = zip(groups, others, strict=True)
        return Checkpoint(
            rows, {name: decode_row_block(data) for name, data in found if isinstance(data, bytes)}
        )

    async def refused(self, shard: int) -> RowBlock | None:
        """Symbols for which a shard had no row left, with the day's count of events, most events first."""
        return await self._block(self._keys.refused(shard))

    async def stream(self, shard: int, name: str, newest: int = STREAM_BLOCKS) -> Sequence[RowBlock]:
        """The `newest` blocks of a stream in a shard, oldest first.

        A block may occur twice, with the same epoch and tick.
        """
        with driver_errors():
            stored = await self._redis.lrange(self._keys.stream(shard, name), -newest, -1)
        return [decode_row_block(data) for data in stored if isinstance(data, bytes)]

    async def tape(self, symbol: str) -> TradeTape | None:
        """The last 1,000 trades of the last day on which a symbol traded, newest first."""
        (tape,) = await self.tapes((symbol,))
        return None if tape is None else newest_first(tape)

    async def tapes(self, symbols: Sequence[str]) -> Sequence[StoredTape | None]:
        """The stored tapes of the symbols. None where there is none, or where the bytes are not a tape."""
        return await read_tapes(self._redis, self._keys, symbols)

    async def day_of_tapes(self, shard: int) -> int | None:
        """The start (epoch ms) of the day whose tapes are all stored; None if some may be missing."""
        stored = await self._value(self._keys.tapes(shard))
        return None if stored is None else decode_day(stored)

    async def unknown(self, shard: int) -> Sequence[UnknownPiece]:
        """Events that a shard's processor did not understand, oldest first. One may occur twice."""
        with driver_errors():
            stored = await self._redis.lrange(self._keys.unknown(shard), 0, -1)
        return [decode_unknown(data) for data in stored if isinstance(data, bytes)]

    async def board(self, feed: str) -> RowBlock | None:
        """A leaderboard in rank order, e.g. of feed `scanners:top_gainers`."""
        return await self._block(self._keys.board(feed))

    async def reference(self) -> RowBlock | None:
        """Reference data of the whole market, one row per symbol."""
        return await self._block(self._keys.reference())

    async def reference_parts(self) -> StoredParts | None:
        """Which parts of the reference data are complete."""
        stored = await self._value(self._keys.reference_parts())
        return None if stored is None else decode_parts(stored)

    async def tickers(self) -> Mapping[str, Ticker] | None:
        """Name, type and listing exchange by symbol. New ones are announced with the reference block."""
        stored = await self._value(self._keys.tickers())
        return None if stored is None else decode_tickers(stored)

    async def volume_curve(self) -> VolumeCurve | None:
        """The share of a day's volume by time of day. A new one is announced with the reference block."""
        stored = await self._value(self._keys.volume_curve())
        return None if stored is None else decode_volume_curve(stored)

    def _ask_rows(self, pipeline: Any, shard: int) -> None:
        pipeline.get(self._keys.rows(shard))
        pipeline.lrange(self._keys.row_log(shard), 0, -1)

    async def _block(self, key: str) -> RowBlock | None:
        stored = await self._value(key)
        return None if stored is None else decode_row_block(stored)

    async def _value(self, key: str) -> bytes | None:
        with driver_errors():
            stored = await self._redis.get(key)
        return stored if isinstance(stored, bytes) else None


def _laid_over(whole: object, log: Iterable[object]) -> RowBlock | None:
    """The newest rows by the values of the two keys; None without a whole."""
    return newest_rows(decode_row_block(whole), _readable(log)) if isinstance(whole, bytes) else None


def _readable(log: Iterable[object]) -> Iterator[RowBlock]:
    """The blocks of a log up to the first that cannot be read. It is counted."""
    for data in log:
        try:
            yield decode_row_block(data if isinstance(data, bytes) else b"")
        except ContentError as error:
            metrics.STORE_MALFORMED.labels(error.reason).inc()
            return
