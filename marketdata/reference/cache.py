"""A cache of facts about single symbols, in front of the provider (cache-aside).

A fact is remembered for the time to live of its kind, and its absence for a shorter time (negative caching).
Concurrent requests for the same fact cause one request to the provider (single flight): callers in one
process share a task, and of several processes the one that holds a lease sends the request, while the others
wait for the stored answer. Nothing here blocks the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeAlias, TypeVar

import msgspec

from marketdata.errors import ProviderUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.runtime.cancellation import end

CACHED_VERSION: Final = 2
PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Ask: TypeAlias = Callable[[], Awaitable[T | None]]

log = get_logger(__name__)


class CacheKind(msgspec.Struct, Generic[T_co], frozen=True, kw_only=True):
    """One kind of fact: its name in keys and metrics, its type, and how long it is remembered.

    `absent_ttl_seconds`: how long it is remembered that the provider has no such fact about a symbol.
    """

    name: str
    type: Any
    ttl_seconds: int
    absent_ttl_seconds: int


class ValueStore(Protocol):
    """The store that all processes share. `marketdata.store.cached_values` implements it."""

    async def get(self, kind: str, name: str) -> bytes | None:
        """The stored value, or None."""

    async def put(self, kind: str, name: str, data: bytes, *, ttl_seconds: int) -> None:
        """Store a value, which expires after `ttl_seconds`."""

    def single_flight(self, kind: str, name: str) -> AbstractAsyncContextManager[bool]:
        """Hold the right to request a value while the body runs. Yields False if another process has it."""


class ReferenceCache:
    """Facts by kind and name. An async context manager; leaving it cancels requests under way.

    Concurrency: for use within one event loop.
    """

    def __init__(
        self,
        store: ValueStore,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._patience_seconds = patience_seconds
        self._poll_seconds = poll_seconds
        self._flights: dict[tuple[str, str], asyncio.Task[Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await end(*self._flights.values())

    async def get(self, kind: CacheKind[T], name: str, ask: Ask[T]) -> T | None:
        """The fact of a kind about `name`, from the cache or else from `ask`; None when there is none.

        If one caller is cancelled, the other callers still get the answer.

        Raises:
            ProviderUnavailable: the provider stayed away, or another process took too long to ask it.
            StoreUnavailable: the cache is away.
            ProviderRefused, ContentError: raised by `ask`; such a failure is not remembered.
        """
        key = (kind.name, name)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._look_up(kind, name, ask), name=f"look up {kind.name}")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._end_flight(key, done))
        else:
            _count(kind, "shared")
        answer: T | None = await asyncio.shield(flight)
        return answer

    def _end_flight(self, key: tuple[str, str], flight: asyncio.Task[Any]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # marks it as retrieved, also when every caller was cancelled

    async def _look_up(self, kind: CacheKind[T], name: str, ask: Ask[T]) -> T | None:
        try:
            async with asyncio.timeout(self._patience_seconds):
                while True:
                    remembered = await self._remembered(kind, name)
                    if remembered is not None:
                        return remembered.value
                    async with self._store.single_flight(kind.name, name) as ours:
                        if ours:
                            return await self._ask(kind, name, ask)
                    await asyncio.sleep(self._poll_seconds)
        except TimeoutError as error:
            message = f"{kind.name} of {name}: no answer within {self._patience_seconds:g} s"
            raise ProviderUnavailable(message) from error

    async def _ask(self, kind: CacheKind[T], name: str, ask: Ask[T]) -> T | None:
        # The process that had the right before us may have stored the answer since our last look.
        remembered = await self._remembered(kind, name)
        if remembered is not None:
            return remembered.value
        value = await ask()
        _count(kind, "asked")
        ttl = kind.absent_ttl_seconds if value is None else kind.ttl_seconds
        data = _encoder.encode((CACHED_VERSION, value))
        await self._store.put(kind.name, name, data, ttl_seconds=ttl)
        return value

    async def _remembered(self, kind: CacheKind[T], name: str) -> "_Remembered[T] | None":
        data = await self._store.get(kind.name, name)
        if data is None:
            return None
        try:
            version, stored = _decoder.decode(data)
            if version != CACHED_VERSION:
                return None
            value = None if bytes(stored) == _NOTHING else msgspec.msgpack.decode(stored, type=kind.type)
        except (msgspec.MsgspecError, UnicodeError) as error:
            metrics.STORE_MALFORMED.labels("cached_value").inc()
            log.warning("cached value is not understood, asked for anew", kind=kind.name, error=str(error))
            return None
        _count(kind, "remembered" if value is not None else "remembered_absent")
        return _Remembered(value)


class _Remembered(msgspec.Struct, Generic[T], frozen=True):
    """An answer in the cache. None means that the provider has no such fact."""

    value: T | None


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])
_NOTHING: Final = _encoder.encode(None)


def _count(kind: CacheKind[Any], outcome: str) -> None:
    metrics.REFERENCE_LOOKUPS.labels(kind=kind.name, outcome=outcome).inc()
