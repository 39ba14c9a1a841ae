"""Reading the newest stored state: what a process needs when it starts or has missed something."""

from collections.abc import Mapping, Sequence

from redis.asyncio import Redis

from marketdata.payloads import RowBlock, UnknownPiece, decode_row_block, decode_unknown
from marketdata.reference.flaws import StoredParts, decode_parts
from marketdata.reference.tickers import Ticker, decode_tickers
from marketdata.reference.volume_curve import VolumeCurve, decode_volume_curve
from marketdata.store.connection import driver_errors
from marketdata.store.keys import STREAM_BLOCKS, Keys
from marketdata.store.shard_state import Checkpoint
from marketdata.store.tapes import read_tapes
from marketdata.tapes import StoredTape, TradeTape, decode_day, newest_first


class SnapshotReader:
    """The stored row blocks, and what is stored beside them. Every method gives None where nothing is stored.

    All of them raise `StoreUnavailable` while the cache is away, and `ContentError` when the key
    holds bytes that are not such a value of this version.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def rows(self, shard: int) -> RowBlock | None:
        """All rows of a shard at its newest tick: also the checkpoint of the shard's processor."""
        return await self._block(self._keys.rows(shard))

    async def checkpoint(self, shard: int, sheets: Sequence[str]) -> Checkpoint | None:
        """All rows of a shard and those of its sheets that are stored, as of the same tick."""
        names = [self._keys.rows(shard), *(self._keys.sheet(shard, name) for name in sheets)]
        with driver_errors():
            whole, *others = await self._redis.mget(names)
        if not isinstance(whole, bytes):
            return None
        found = zip(sheets, others, strict=True)
        return Checkpoint(
            decode_row_block(whole),
            {name: decode_row_block(data) for name, data in found if isinstance(data, bytes)},
        )

    async def refused(self, shard: int) -> RowBlock | None:
        """The symbols that got no row in a shard, with the events that each had in the day, most first."""
        return await self._block(self._keys.refused(shard))

    async def stream(self, shard: int, name: str, newest: int = STREAM_BLOCKS) -> Sequence[RowBlock]:
        """What happened in a shard, oldest first: the `newest` blocks.

        A block may occur twice, of the same epoch and tick.
        """
        with driver_errors():
            stored = await self._redis.lrange(self._keys.stream(shard, name), -newest, -1)
        return [decode_row_block(data) for data in stored if isinstance(data, bytes)]

    async def tape(self, symbol: str) -> TradeTape | None:
        """The last 1,000 trades of a symbol, newest first: of the last day on which it traded."""
        (tape,) = await self.tapes((symbol,))
        return None if tape is None else newest_first(tape)

    async def tapes(self, symbols: Sequence[str]) -> Sequence[StoredTape | None]:
        """The tapes of symbols as they are stored; None also for bytes that are none, which are counted."""
        return await read_tapes(self._redis, self._keys, symbols)

    async def day_of_tapes(self, shard: int) -> int | None:
        """The start of the day (epoch ms) whose tapes are all stored."""
        stored = await self._value(self._keys.tapes(shard))
        return None if stored is None else decode_day(stored)

    async def unknown(self, shard: int) -> Sequence[UnknownPiece]:
        """What a shard's processor could not understand of late, oldest first. A piece may occur twice."""
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
        """How whole the reference data is."""
        stored = await self._value(self._keys.reference_parts())
        return None if stored is None else decode_parts(stored)

    async def tickers(self) -> Mapping[str, Ticker] | None:
        """Name, type and listing exchange by symbol. A new reference block announces new ones."""
        stored = await self._value(self._keys.tickers())
        return None if stored is None else decode_tickers(stored)

    async def volume_curve(self) -> VolumeCurve | None:
        """The market's share of a day's volume by time of day. A new reference block announces a new one."""
        stored = await self._value(self._keys.volume_curve())
        return None if stored is None else decode_volume_curve(stored)

    async def _block(self, key: str) -> RowBlock | None:
        stored = await self._value(key)
        return None if stored is None else decode_row_block(stored)

    async def _value(self, key: str) -> bytes | None:
        with driver_errors():
            stored = await self._redis.get(key)
        return stored if isinstance(stored, bytes) else None
