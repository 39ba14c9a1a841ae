"""Facts about single symbols: asked for once, remembered, also that there is nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ProviderRefused, ProviderUnavailable
from marketdata.reference.cache import CacheKind, ReferenceCache
from marketdata.reference.facts import Float
from tests.support.deadlines import eventually

FLOATS: CacheKind[Float] = CacheKind(name="free_float", type=Float, ttl_seconds=900, absent_ttl_seconds=60)


class MemoryStore:
    """A store in memory, as all processes of a test see it; `held` are rights to ask that others have."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], bytes] = {}
        self.lifetimes: dict[tuple[str, str], int] = {}
        self.held: set[tuple[str, str]] = set()
        self.refusals = 0

    async def get(self, kind: str, name: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.values.get((kind, name))

    async def put(self, kind: str, name: str, data: bytes, *, ttl_seconds: int) -> None:
        self.values[kind, name] = data
        self.lifetimes[kind, name] = ttl_seconds

    @contextlib.asynccontextmanager
    async def single_flight(self, kind: str, name: str) -> AsyncIterator[bool]:
        if (kind, name) in self.held:
            self.refusals += 1
            yield False
            return
        self.held.add((kind, name))
        try:
            yield True
        finally:
            self.held.discard((kind, name))


class Provider:
    """Gives one answer; counts how often it is asked. `open` lets the answers out."""

    def __init__(self, answer: Float | Exception | None) -> None:
        self.answer = answer
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> Float | None:
        self.asked += 1
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def cache_on(store: MemoryStore, patience_seconds: float = 10.0) -> ReferenceCache:
    return ReferenceCache(store, patience_seconds=patience_seconds, poll_seconds=0.001)


async def test_what_was_found_is_not_asked_for_again() -> None:
    store, provider = MemoryStore(), Provider(Float("IBM", 5.0))
    async with cache_on(store) as cache, cache_on(store) as later:
        assert await cache.get(FLOATS, "IBM", provider) == Float("IBM", 5.0)
        assert await later.get(FLOATS, "IBM", provider) == Float("IBM", 5.0)

    assert provider.asked == 1
    assert set(store.lifetimes.values()) == {900}


async def test_that_there_is_nothing_is_remembered_for_a_shorter_time() -> None:
    store, provider = MemoryStore(), Provider(None)
    async with cache_on(store) as cache:
        assert await cache.get(FLOATS, "NOPE", provider) is None
        assert await cache.get(FLOATS, "NOPE", provider) is None

    assert provider.asked == 1
    assert set(store.lifetimes.values()) == {60}


async def test_callers_at_the_same_time_share_one_flight() -> None:
    store, provider = MemoryStore(), Provider(Float("IBM", 5.0))
    provider.open.clear()
    async with cache_on(store) as cache:
        callers = [asyncio.create_task(cache.get(FLOATS, "IBM", provider)) for _ in range(50)]
        await eventually(lambda: provider.asked, 5)
        provider.open.set()
        assert await asyncio.gather(*callers) == [Float("IBM", 5.0)] * 50

    assert provider.asked == 1


async def test_a_caller_that_gives_up_leaves_the_answer_to_the_others() -> None:
    store, provider = MemoryStore(), Provider(Float("IBM", 5.0))
    provider.open.clear()
    async with cache_on(store) as cache:
        first = asyncio.create_task(cache.get(FLOATS, "IBM", provider))
        await eventually(lambda: provider.asked, 5)
        second = asyncio.create_task(cache.get(FLOATS, "IBM", provider))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        provider.open.set()
        assert await second == Float("IBM", 5.0)

    assert provider.asked == 1


async def test_symbols_and_kinds_do_not_wait_for_each_other() -> None:
    store, slow, quick = MemoryStore(), Provider(None), Provider(Float("X", 1.0))
    slow.open.clear()
    async with cache_on(store) as cache:
        waiting = asyncio.create_task(cache.get(FLOATS, "IBM", slow))
        await eventually(lambda: slow.asked, 5)
        assert await cache.get(FLOATS, "X", quick) == Float("X", 1.0)
        slow.open.set()
        await waiting


async def test_while_another_process_asks_its_answer_is_waited_for() -> None:
    store, provider = MemoryStore(), Provider(Float("IBM", 1.0))
    store.held.add(("free_float", "IBM"))
    async with cache_on(store) as cache, cache_on(store) as other:
        waiting = asyncio.create_task(cache.get(FLOATS, "IBM", provider))
        await eventually(lambda: store.refusals, 5)
        store.held.clear()
        assert await other.get(FLOATS, "IBM", provider) == Float("IBM", 1.0)
        assert await waiting == Float("IBM", 1.0)

    assert provider.asked == 1


async def test_when_the_other_process_gives_up_this_one_asks() -> None:
    store, provider = MemoryStore(), Provider(Float("IBM", 1.0))
    store.held.add(("free_float", "IBM"))
    async with cache_on(store) as cache:
        waiting = asyncio.create_task(cache.get(FLOATS, "IBM", provider))
        await eventually(lambda: store.refusals, 5)
        assert provider.asked == 0
        store.held.clear()
        assert await waiting == Float("IBM", 1.0)

    assert provider.asked == 1


async def test_patience_with_another_process_has_an_end() -> None:
    store = MemoryStore()
    store.held.add(("free_float", "IBM"))
    async with cache_on(store, patience_seconds=0.05) as cache:
        with pytest.raises(ProviderUnavailable, match="free_float of IBM"):
            await cache.get(FLOATS, "IBM", Provider(None))


@pytest.mark.parametrize("error", [ProviderRefused("not_entitled"), ProviderUnavailable("away")])
async def test_a_failure_reaches_every_caller_and_is_not_remembered(error: Exception) -> None:
    store, provider = MemoryStore(), Provider(error)
    async with cache_on(store) as cache:
        callers = [cache.get(FLOATS, "IBM", provider) for _ in range(3)]
        failures = await asyncio.gather(*callers, return_exceptions=True)
        assert failures == [error] * 3
        assert provider.asked == 1

        provider.answer = Float("IBM", 2.0)
        assert await cache.get(FLOATS, "IBM", provider) == Float("IBM", 2.0)
    assert store.held == set()


async def test_what_is_still_asked_for_ends_with_the_cache() -> None:
    store, provider = MemoryStore(), Provider(None)
    provider.open.clear()
    async with cache_on(store) as cache:
        waiting = asyncio.create_task(cache.get(FLOATS, "IBM", provider))
        await eventually(lambda: provider.asked, 5)

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert store.held == set()


@given(st.binary(max_size=60))
def test_foreign_bytes_in_the_store_are_asked_for_anew(data: bytes) -> None:
    async def look_up() -> Float | None:
        store = MemoryStore()
        store.values["free_float", "IBM"] = data
        async with cache_on(store) as cache:
            return await cache.get(FLOATS, "IBM", Provider(Float("IBM", 3.0)))

    assert asyncio.run(look_up()) == Float("IBM", 3.0)
