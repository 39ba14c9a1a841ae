"""Wanted and actual state of a service, as records in the cache; what they say is the service's affair."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from marketdata.errors import StoreUnavailable
from marketdata.store.connection import driver_errors
from marketdata.store.keys import Keys

_REPLACE_WANTED: Final = """
if (redis.call('get', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
redis.call('set', KEYS[1], ARGV[2])
redis.call('publish', KEYS[1], '')
return 1
"""

_REPLACE_ACTUAL: Final = """
local told = redis.call('get', KEYS[1])
if told and told ~= ARGV[1] then
  return 0
end
redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""

_REPORT_INSTANCE: Final = """
local now = redis.call('time')[1]
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('zadd', KEYS[2], now, KEYS[1])
redis.call('zremrangebyscore', KEYS[2], '-inf', now - ARGV[2] / 1000 - 1)
return redis.call('pexpire', KEYS[2], ARGV[2])
"""

_WITHDRAW: Final = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0
"""


class ServiceRecords:
    """The records of one service (`Keys.wanted`, `Keys.service`).

    A wanted state is stored first and announced then, on the channel of its key's name; an announcement may
    be lost, so whoever follows it looks at the record from time to time as well.
    All methods raise `StoreUnavailable` while the cache is away.
    """

    def __init__(self, redis: Redis, keys: Keys, service: str) -> None:
        self._redis = redis
        self._wanted_key = keys.wanted(service)
        self._actual_key = keys.service(service)
        self._instances_key = keys.instances(service)
        self._replace_wanted = redis.register_script(_REPLACE_WANTED)
        self._replace_actual = redis.register_script(_REPLACE_ACTUAL)
        self._withdraw = redis.register_script(_WITHDRAW)

    async def wanted(self) -> bytes | None:
        """The wanted state, or None when none is stored."""
        return await self._get(self._wanted_key)

    async def replace_wanted(self, before: bytes | None, after: bytes) -> bool:
        """Store and announce a wanted state, unless another than `before` is stored by now: then False."""
        with driver_errors():
            return bool(await self._replace_wanted(keys=[self._wanted_key], args=[before or b"", after]))

    async def actual(self) -> bytes | None:
        """The state that the service last told, or None when it has not lately."""
        return await self._get(self._actual_key)

    async def actual_of_instances(self) -> list[bytes]:
        """The states that the processes of a service told lately through `InstanceRecords`."""
        with driver_errors():
            keys: list[Any] = await self._redis.zrange(self._instances_key, 0, -1)
            values: list[Any] = await self._redis.mget(keys) if keys else []
        return [value for value in values if value is not None]

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        """Store the actual state; it vanishes unless told again."""
        with driver_errors():
            await self._redis.set(self._actual_key, value, px=round(lifetime_seconds * 1_000))

    async def replace_actual(self, before: bytes | None, value: bytes, *, lifetime_seconds: float) -> bool:
        """Likewise, unless something else than `before` is told by now: then False."""
        lifetime_ms = round(lifetime_seconds * 1_000)
        with driver_errors():
            return bool(
                await self._replace_actual(keys=[self._actual_key], args=[before or b"", value, lifetime_ms])
            )

    async def withdraw_actual(self, value: bytes) -> None:
        """Take back what was told, if it is this still: the service ends."""
        with driver_errors():
            await self._withdraw(keys=[self._actual_key], args=[value])

    @contextlib.asynccontextmanager
    async def announcements(self) -> AsyncIterator["WantedAnnouncements"]:
        """A subscription to changes of the wanted state."""
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            with driver_errors():
                await pubsub.subscribe(self._wanted_key)
            yield WantedAnnouncements(pubsub)
        finally:
            with contextlib.suppress(StoreUnavailable), driver_errors():
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _get(self, key: str) -> bytes | None:
        with driver_errors():
            value = await self._redis.get(key)
        return value.encode() if isinstance(value, str) else value


class InstanceRecords(ServiceRecords):
    """The records of one of several processes of a service: one wanted state, an actual one for each.

    `instance` is unlike that of any other process (`marketdata.runtime.identity`).
    """

    def __init__(self, redis: Redis, keys: Keys, service: str, instance: str) -> None:
        super().__init__(redis, keys, service)
        self._actual_key = keys.instance(service, instance)
        self._report_instance = redis.register_script(_REPORT_INSTANCE)

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        """Store the actual state of this process; it vanishes unless told again."""
        with driver_errors():
            await self._report_instance(
                keys=[self._actual_key, self._instances_key], args=[value, round(lifetime_seconds * 1_000)]
            )


class WantedAnnouncements:
    """Changes of a wanted state, as they are announced."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    async def wait(self, seconds: float) -> bool:
        """Wait for a change; False when there was none for so long.

        Raises:
            StoreUnavailable: the cache is away; changes may be missed.
        """
        with driver_errors():
            return await self._pubsub.get_message(timeout=seconds) is not None
