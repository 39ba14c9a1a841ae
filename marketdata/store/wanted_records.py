"""The wanted settings of several services at once, as records in the cache."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from marketdata.store.connection import driver_errors
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords


class WantedRecords:
    """The records of the services (`Keys.wanted`). All methods raise `StoreUnavailable`."""

    def __init__(self, redis: Redis, keys: Keys, services: Sequence[str]) -> None:
        self._redis = redis
        self._keys = {service: keys.wanted(service) for service in services}
        self._records = {service: ServiceRecords(redis, keys, service) for service in services}

    async def read(self) -> dict[str, bytes | None]:
        """The record of each service, by one command; None where there is none."""
        with driver_errors():
            values: list[Any] = await self._redis.mget(list(self._keys.values()))
        return dict(zip(self._keys, values, strict=True))

    async def replace(self, service: str, before: bytes | None, after: bytes) -> bool:
        """Store and announce a record if the stored one is still `before`; False if it is not."""
        return await self._records[service].replace_wanted(before, after)
