"""The cache of the pages in Redis or Valkey, with JSON values.

Django's own backend stores pickles, and reading a pickle can run code. So anyone who can write to the cache
server could run code in the web processes. JSON contains only data.
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
    """JSON for values that it restores unchanged: None, booleans, numbers, text, lists and dicts of these."""

    def dumps(self, value: Any) -> bytes:
        """The bytes to store. An integer is stored as its digits, so that Redis can increment it.

        Raises:
            TypeError: JSON would not restore an equal value, as for a tuple, an object or a key that is not
                text.
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
            UnreadableValueError: the bytes are not JSON: an earlier release or another program wrote them.
        """
        try:
            return json.loads(stored)
        except (ValueError, RecursionError):
            raise UnreadableValueError from None


_SERIALIZER: Final = DataSerializer()


class _DataClient(RedisCacheClient):
    """Treats a value that cannot be read as missing."""

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
    """Django's cache backend for Redis, without pickle. `LOCATION` is a list: a URL may contain a comma."""

    def __init__(self, server: list[str], params: dict[str, Any]) -> None:
        options = {**params.get("OPTIONS", {}), "serializer": _SERIALIZER}
        super().__init__(server, {**params, "OPTIONS": options})
        self._class = _DataClient
