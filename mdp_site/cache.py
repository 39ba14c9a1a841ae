"""The pages' cache in Redis or Valkey, with values that are data and nothing else.

Django's own backend pickles, and reading a pickle runs what it says: whoever can write to the server would
run code in the web processes. Here a value is JSON text.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from django.core.cache.backends.redis import RedisCache, RedisCacheClient

from marketdata.observability.logs import get_logger

Key: TypeAlias = str | bytes | memoryview

log = get_logger(__name__)


class UnreadableValueError(Exception):
    """The bytes under a key are not what `DataSerializer` writes."""


class DataSerializer:
    """JSON for what it can give back as it was: None, booleans, numbers, text, lists and dicts of them."""

    def dumps(self, value: Any) -> bytes:
        """The bytes to store. A whole number is its digits, which Redis can count up by itself.

        Raises:
            TypeError: the value would not come back equal: a tuple, an object, a key that is no text.
        """
        try:
            text = json.dumps(value)
            faithful = json.loads(text) == value
        except (TypeError, ValueError) as error:
            raise TypeError(f"the cache holds data only: {error}") from None
        if not faithful:
            raise TypeError(f"the cache holds data only: a {type(value).__name__} would come back changed")
        return text.encode()

    def loads(self, stored: bytes | str) -> Any:
        """The value of stored bytes.

        Raises:
            UnreadableValueError: they are no JSON; an earlier release, or somebody else, wrote them.
        """
        try:
            return json.loads(stored)
        except (ValueError, RecursionError):
            raise UnreadableValueError from None


_SERIALIZER: Final = DataSerializer()


class _DataClient(RedisCacheClient):
    """Takes a value that cannot be read for one that is not there."""

    def get(self, key: Key, default: Any) -> Any:
        return self.get_many([key]).get(key, default)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Any]:
        wanted = list(keys)
        found: dict[Key, Any] = {}
        for key, stored in zip(wanted, self.get_client(None).mget(wanted), strict=True):
            try:
                if stored is not None:
                    found[key] = _SERIALIZER.loads(stored)
            except UnreadableValueError:
                log.warning("cached value cannot be read", key=str(key))
        return found


class DataCache(RedisCache):
    """Django's cache backend for Redis, without pickle. `LOCATION` is a list: a URL may hold a comma."""

    def __init__(self, server: list[str], params: dict[str, Any]) -> None:
        options = {**params.get("OPTIONS", {}), "serializer": _SERIALIZER}
        super().__init__(server, {**params, "OPTIONS": options})
        self._class = _DataClient
