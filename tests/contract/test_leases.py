"""Every lease keeps the promises of `RenewableLease`, on a real server, and a role under it changes hands."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import pytest

from marketdata.runtime.leadership import Leadership, RenewableLease, WhenUnreachable
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.transport.queues import QueueName
from marketdata.transport.redis_lists.keys import Names
from marketdata.transport.redis_lists.lease import ShardLease
from marketdata.transport.redis_lists.server import Server
from tests.support.deadlines import eventually, scaled

pytestmark = pytest.mark.redis

WITHIN_SECONDS = 5.0
LEASE_MS = 600

Leases: TypeAlias = Callable[[str], RenewableLease]
"""The lease of the one role, for the contender of this name."""


class ShortShardLease(ShardLease):
    """With a time that a test can wait for."""

    ttl_ms = LEASE_MS  # type: ignore[misc]


@contextlib.asynccontextmanager
async def leases_of_roles(prefix: str, url: str) -> AsyncIterator[Leases]:
    key = Keys(f"{prefix}:").scanner_lease()
    async with contextlib.aclosing(connect(url)) as redis:
        yield lambda owner: Lease(redis, key, owner, LEASE_MS)


@contextlib.asynccontextmanager
async def leases_of_shards(prefix: str, url: str) -> AsyncIterator[Leases]:
    names, server = Names(prefix), Server(url, timeout_seconds=5.0)
    keys = [names.lease(0), names.queue(QueueName.TRADES, 0), names.unacknowledged(QueueName.TRADES, 0)]
    yield lambda owner: ShortShardLease(server, keys, owner, queue_ttl_ms=5_000)
    await server.close()


@pytest.fixture(params=[leases_of_roles, leases_of_shards])
async def leases(request: pytest.FixtureRequest, unique_prefix: str, redis_url: str) -> AsyncIterator[Leases]:
    async with request.param(unique_prefix, redis_url) as made:
        yield made


def contender(lease: RenewableLease) -> Leadership:
    return Leadership(
        lease, role="test", when_unreachable=WhenUnreachable.STEP_DOWN, standby_seconds=LEASE_MS / 5_000
    )


async def test_a_lease_has_one_owner_until_that_one_releases_it(leases: Leases) -> None:
    first, second = leases("first"), leases("second")
    assert await first.acquire()
    assert await first.acquire(), "it is ours already"
    assert not await second.acquire()
    assert not await second.renew()
    await second.release()
    assert not await second.acquire(), "to release a lease of another owner must not free it"
    await first.release()
    assert await second.acquire()
    assert not await first.renew()


async def test_a_lease_that_nobody_renews_passes_on(leases: Leases) -> None:
    first, second = leases("first"), leases("second")
    assert await first.acquire()
    await eventually(second.acquire, WITHIN_SECONDS)
    assert not await first.renew()


async def test_a_leader_keeps_its_role_and_a_standby_gets_it_at_its_end(leases: Leases) -> None:
    first, second, stopping = contender(leases("first")), contender(leases("second")), asyncio.Event()
    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        assert await first.acquire(stopping)
        waiting = asyncio.create_task(second.acquire(stopping))
        async with first.renewing(stopping):
            done, _ = await asyncio.wait([waiting], timeout=3 * LEASE_MS / 1_000)
            assert not done
            assert first.leads
        await first.release()
        assert await waiting
        await second.release()


async def test_a_leader_that_is_cut_off_is_replaced_when_its_lease_ends(leases: Leases) -> None:
    first, second, never = contender(leases("first")), contender(leases("second")), asyncio.Event()
    async with asyncio.timeout(scaled(WITHIN_SECONDS)):
        assert await first.acquire(never)
        assert await second.acquire(never), "nobody renews the first one's lease"
        assert not first.leads
        async with first.renewing(never) as over:
            await over.wait()
        await second.release()
