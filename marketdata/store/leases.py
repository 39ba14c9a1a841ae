"""Leases in the cache: one process holds a key at a time, and another takes over when that process dies."""

from typing import Final

from redis.asyncio import Redis

from marketdata.store.connection import driver_errors

_RENEW: Final = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
"""

_RELEASE: Final = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0
"""


class Lease:
    """A key that expires unless its holder renews it. `marketdata.runtime.leadership` renews it.

    All methods raise `StoreUnavailable` while the cache is away.
    """

    def __init__(self, redis: Redis, key: str, owner: str, ttl_ms: int) -> None:
        self._redis = redis
        self._key = key
        self._owner = owner
        self._ttl_ms = ttl_ms
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)

    @property
    def ttl_ms(self) -> int:
        """How long the lease outlives its last renewal."""
        return self._ttl_ms

    async def acquire(self) -> bool:
        """Take the lease if it is free or already ours; False while another owner holds it."""
        return await self.renew()

    async def renew(self) -> bool:
        """Prolong the lease, or take it again if it expired. False: another owner holds it."""
        with driver_errors():
            return bool(await self._renew(keys=[self._key], args=[self._owner, self._ttl_ms]))

    async def is_held(self) -> bool:
        """Whether any process holds the lease right now."""
        with driver_errors():
            return bool(await self._redis.exists(self._key))

    async def release(self) -> None:
        """Give the lease up, so that a standby need not wait for its expiry. No effect if it is not ours."""
        with driver_errors():
            await self._release(keys=[self._key], args=[self._owner])
