"""Wanted and actual state of a service, as records in the cache. The service defines their content."""

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
local reported = redis.call('get', KEYS[1])
if reported and reported ~= ARGV[1] then
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

    A wanted state is stored first, and then announced on the channel that has the name of its key. An
    announcement may be lost, so a service that follows the wanted state also reads the record at an interval.
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
        """Store and announce a wanted state if the stored one is still `before`; False if it is not."""
        with driver_errors():
            return bool(await self._replace_wanted(keys=[self._wanted_key], args=[before or b"", after]))

    async def actual(self) -> bytes | None:
        """The state that the service last reported; None if its last report has expired."""
        return await self._get(self._actual_key)

    async def actual_of_instances(self) -> list[bytes]:
        """The unexpired states that the processes of a service reported through `InstanceRecords`."""
        with driver_errors():
            keys: list[Any] = await self._redis.zrange(self._instances_key, 0, -1)
            values: list[Any] = await self._redis.mget(keys) if keys else []
        return [value for value in values if value is not None]

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        """Store the actual state. It expires unless it is reported again."""
        with driver_errors():
            await self._redis.set(self._actual_key, value, px=round(lifetime_seconds * 1_000))

    async def replace_actual(self, before: bytes | None, value: bytes, *, lifetime_seconds: float) -> bool:
        """Store the actual state if none or `before` is stored; False if another one is."""
        lifetime_ms = round(lifetime_seconds * 1_000)
        with driver_errors():
            return bool(
                await self._replace_actual(keys=[self._actual_key], args=[before or b"", value, lifetime_ms])
            )

    async def withdraw_actual(self, value: bytes) -> None:
        """Delete the actual state if it is still `value`, since the service ends."""
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
    """The records of one of several processes: they share the wanted state, and each has an actual state.

    `instance` must be unique to the process (`marketdata.runtime.identity`).
    """

    def __init__(self, redis: Redis, keys: Keys, service: str, instance: str) -> None:
        super().__init__(redis, keys, service)
        self._actual_key = keys.instance(service, instance)
        self._report_instance = redis.register_script(_REPORT_INSTANCE)

    async def report_actual(self, value: bytes, *, lifetime_seconds: float) -> None:
        """Store the actual state of this process. It expires unless it is reported again."""
        with driver_errors():
            await self._report_instance(
                keys=[self._actual_key, self._instances_key], args=[value, round(lifetime_seconds * 1_000)]
            )


class WantedAnnouncements:
    """Receives announcements that a wanted state has changed."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    async def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for a change; False when there was none.

        Raises:
            StoreUnavailable: the cache is away; changes may be missed.
        """
        with driver_errors():
            return await self._pubsub.get_message(timeout=seconds) is not None
