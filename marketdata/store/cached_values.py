"""The store of the reference cache: single values with a time to live, and leases for single flight."""

import contextlib
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from marketdata.runtime.leadership import Leadership, WhenUnreachable
from marketdata.store.connection import driver_errors
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease

LEASE_MS = 10_000


class CachedValues:
    """Values by kind and name; implements `marketdata.reference.cache.ValueStore`.

    `owner` names this process in leases and must differ between processes. If a process dies during a
    request, another one may repeat it after `lease_ms`. All methods raise `StoreUnavailable` while the cache
    is away.
    """

    def __init__(self, redis: Redis, keys: Keys, owner: str, *, lease_ms: int = LEASE_MS) -> None:
        self._redis = redis
        self._keys = keys
        self._owner = owner
        self._lease_ms = lease_ms

    async def get(self, kind: str, name: str) -> bytes | None:
        """The stored value, or None."""
        with driver_errors():
            stored = await self._redis.get(self._keys.fact(kind, name))
        return stored if isinstance(stored, bytes) else None

    async def put(self, kind: str, name: str, data: bytes, *, ttl_seconds: int) -> None:
        """Store a value, which expires after `ttl_seconds`."""
        with driver_errors():
            await self._redis.set(self._keys.fact(kind, name), data, ex=ttl_seconds)

    @contextlib.asynccontextmanager
    async def single_flight(self, kind: str, name: str) -> AsyncIterator[bool]:
        """Hold the right to request a value while the body runs. Yields False if another process has it."""
        lease = Lease(self._redis, self._keys.fact_lease(kind, name), self._owner, self._lease_ms)
        role = Leadership(lease, role=f"search for {kind}", when_unreachable=WhenUnreachable.LEAD_ON)
        async with role.if_free() as ours:
            yield ours
