"""Samples of what the installation did lately, in the cache, and whose turn it is to add one."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from marketdata.store.connection import driver_errors
from marketdata.store.keys import Keys

MOST_SAMPLES: Final = 180
HISTORY_TTL_SECONDS: Final = 16 * 60

# KEYS: the claim. ARGV: how old the last one must be, lifetime (both ms). Returns 0 if the turn is taken now,
# else how long to wait (ms). A claim from the future is one of before the server's clock was set back.
_CLAIM: Final = """
local clock = redis.call('time')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local age = now - tonumber(redis.call('get', KEYS[1]) or 0)
if age >= 0 and age < tonumber(ARGV[1]) then return ARGV[1] - age end
redis.call('set', KEYS[1], now, 'px', ARGV[2])
return 0
"""


class StoredSamples(msgspec.Struct, frozen=True):
    """The samples as they are stored, oldest first, and the server's time now (epoch ms)."""

    now_ms: int
    values: Sequence[bytes]


class HistoryRecords:
    """The list of samples (`Keys.history`). All methods raise `StoreUnavailable` while the cache is away."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._key, self._claimed_key = keys.history(), keys.history_claimed()
        self._claim = redis.register_script(_CLAIM)

    async def claim(self, least_age_ms: int) -> int:
        """Take the turn to add a sample, if the last turn was taken so long ago.

        Returns 0 if it is taken, and otherwise how long to wait (ms). Of several processes only one gets it.
        """
        with driver_errors():
            return int(
                await self._claim(keys=[self._claimed_key], args=[least_age_ms, HISTORY_TTL_SECONDS * 1_000])
            )

    async def append(self, sample: bytes) -> None:
        """Add a sample. The oldest above `MOST_SAMPLES` go."""
        with driver_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.rpush(self._key, sample)
                pipeline.ltrim(self._key, -MOST_SAMPLES, -1)
                pipeline.expire(self._key, HISTORY_TTL_SECONDS)
                await pipeline.execute()

    async def samples(self) -> StoredSamples:
        """All samples."""
        with driver_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.time()
                pipeline.lrange(self._key, 0, -1)
                answers: list[Any] = await pipeline.execute()
        (seconds, microseconds), values = answers
        return StoredSamples(seconds * 1_000 + microseconds // 1_000, values)
