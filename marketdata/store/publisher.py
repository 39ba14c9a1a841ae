"""Writing state and telling the world: the only module that publishes to Redis.

Store, then publish: in one transaction the value is set first and its announcement follows, so
whoever hears the news can read it. After an error either both happened or neither; a
repeated announcement bears the same epoch and tick, by which readers recognise it.
"""

from collections.abc import Mapping

from redis.asyncio import Redis

from marketdata.observability import metrics
from marketdata.payloads import RowBlock, encode_row_block
from marketdata.store.connection import driver_errors
from marketdata.store.keys import BOARD_TTL_SECONDS, REFERENCE_TTL_SECONDS, ROWS_TTL_SECONDS, Keys


class BlockPublisher:
    """Stores and announces row blocks. Every method raises `StoreUnavailable` while the cache is away."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def publish_rows(self, shard: int, whole: RowBlock, changed: RowBlock) -> None:
        """Store all rows of a shard and announce those that changed, of the same epoch and tick."""
        stored = encode_row_block(whole)
        announced = stored if changed is whole else encode_row_block(changed)
        await self._set_and_announce(self._keys.rows(shard), stored, announced, ROWS_TTL_SECONDS)

    async def publish_board(self, feed: str, block: RowBlock, scores: Mapping[str, float]) -> None:
        """Store and announce a leaderboard, and replace its sorted set by `scores` (symbol -> score)."""
        encoded = encode_row_block(block)
        key = self._keys.board(feed)
        sorted_set = self._keys.leaderboard(feed)
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, encoded, ex=BOARD_TTL_SECONDS)
                pipeline.delete(sorted_set)
                if scores:
                    pipeline.zadd(sorted_set, dict(scores))
                    pipeline.expire(sorted_set, BOARD_TTL_SECONDS)
                pipeline.publish(key, encoded)
                await pipeline.execute()
        metrics.STORE_PUBLISHED_BYTES.inc(2 * len(encoded))

    async def publish_reference(self, block: RowBlock) -> None:
        """Store and announce reference data of the whole market."""
        encoded = encode_row_block(block)
        await self._set_and_announce(self._keys.reference(), encoded, encoded, REFERENCE_TTL_SECONDS)

    async def _set_and_announce(self, key: str, stored: bytes, announced: bytes, ttl_seconds: int) -> None:
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, stored, ex=ttl_seconds)
                pipeline.publish(key, announced)
                await pipeline.execute()
        metrics.STORE_PUBLISHED_BYTES.inc(len(stored) + len(announced))
