"""One request for a symbol however many ask, among connections and among processes, through a real cache."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from marketdata.reference.cache import CacheKind, ReferenceCache
from marketdata.reference.facts import Float
from marketdata.store.cached_values import CachedValues
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from tests.support.deadlines import eventually, scaled
from tests.support.scripted_provider import ScriptedRest

ROOT = Path(__file__).resolve().parents[2]
FLOATS: CacheKind[Float] = CacheKind(name="free_float", type=Float, ttl_seconds=900, absent_ttl_seconds=60)
ASKING = """
import asyncio, sys
import datetime as dt
from marketdata.reference.newcomers import FREE_FLOAT
from marketdata.reference.cache import ReferenceCache
from marketdata.providers.massive.rest.source import RestSource
from marketdata.store.cached_values import CachedValues
from marketdata.store.connection import connect
from marketdata.store.keys import Keys

async def main(rest_url, cache_url, prefix, owner):
    values = CachedValues(connect(cache_url), Keys(prefix), owner, lease_ms=2_000)
    async with RestSource(rest_url, "key") as source, ReferenceCache(values) as cache:
        found = await cache.get(FREE_FLOAT, "IBM", lambda: source.free_float("IBM", dt.date(2026, 11, 16)))
        print(None if found is None else found.free_float, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@contextlib.asynccontextmanager
async def cache_of(redis_url: str, prefix: str, owner: str) -> AsyncIterator[ReferenceCache]:
    """The cache as another process has it: over a connection and under a name of its own."""
    async with contextlib.aclosing(connect(redis_url)) as redis:
        values = CachedValues(redis, Keys(prefix), owner, lease_ms=2_000)
        async with ReferenceCache(values, poll_seconds=0.005) as cache:
            yield cache


async def start_asking(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", ASKING, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def output_of(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(scaled(30)):
        output, _ = await process.communicate()
    return output.decode().strip()


class HeldAnswer:
    """The float of IBM, which keeps whoever asks waiting until `release`."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.asked = 0

    async def __call__(self) -> Float | None:
        self.asked += 1
        await self.release.wait()
        return Float("IBM", 5_000.0)


async def test_two_connections_ask_once_and_both_get_the_answer(redis_url: str, unique_prefix: str) -> None:
    answer = HeldAnswer()
    async with (
        cache_of(redis_url, unique_prefix, "one") as one,
        cache_of(redis_url, unique_prefix, "other") as other,
    ):
        callers = [
            asyncio.create_task(cache.get(FLOATS, "IBM", answer)) for cache in (one, other) for _ in range(5)
        ]
        await eventually(lambda: answer.asked, 5)
        answer.release.set()
        async with asyncio.timeout(scaled(10)):
            assert await asyncio.gather(*callers) == [Float("IBM", 5_000.0)] * 10

    assert answer.asked == 1


@pytest.mark.parametrize(("found", "lifetime"), [(Float("IBM", 1.0), 900), (None, 60)])
async def test_presence_and_absence_are_kept_for_their_own_times(
    redis_url: str, unique_prefix: str, found: Float | None, lifetime: int
) -> None:
    async def ask() -> Float | None:
        return found

    async with cache_of(redis_url, unique_prefix, "one") as cache:
        assert await cache.get(FLOATS, "IBM", ask) == found
    async with contextlib.aclosing(connect(redis_url)) as redis:
        keys = Keys(unique_prefix)
        assert lifetime - 5 < await redis.ttl(keys.fact("free_float", "IBM")) <= lifetime
        assert not await redis.exists(keys.fact_lease("free_float", "IBM"))


async def test_two_processes_send_one_request(redis_url: str, unique_prefix: str) -> None:
    def answer(_request: web.Request) -> object:
        return {"results": [{"ticker": "IBM", "free_float": 5_000}]}

    async with ScriptedRest({"/stocks/vX/float": answer}) as rest:
        processes = [
            await start_asking(rest.url, redis_url, unique_prefix, owner)
            for owner in ("one", "other", "third")
        ]
        assert [await output_of(process) for process in processes] == ["5000.0"] * 3
        assert len(rest.requests) == 1
        assert rest.requests[0].query["ticker"] == "IBM"


async def test_when_the_asking_process_is_killed_another_takes_over(
    redis_url: str, unique_prefix: str
) -> None:
    answer = HeldAnswer()
    answer.release.set()
    async with contextlib.aclosing(connect(redis_url)) as redis:
        lease = Keys(unique_prefix).fact_lease("free_float", "IBM")

        async def lease_is_held() -> bool:
            return bool(await redis.exists(lease))

        # Nothing listens there: the process goes on trying, and holds the right to ask meanwhile.
        asking = await start_asking("http://127.0.0.1:9", redis_url, unique_prefix, "killed")
        await eventually(lease_is_held, 20)
        os.kill(asking.pid, signal.SIGKILL)
        await asking.wait()
        async with cache_of(redis_url, unique_prefix, "one") as cache, asyncio.timeout(scaled(10)):
            assert await cache.get(FLOATS, "IBM", answer) == Float("IBM", 5_000.0)

    assert answer.asked == 1
