"""A role has one holder at a time, and another takes over when it stops renewing."""

import pytest
from redis.asyncio import Redis

from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from tests.support.deadlines import eventually

pytestmark = pytest.mark.redis


@pytest.fixture
def key(keys: Keys) -> str:
    return keys.scanner_lease()


async def test_a_second_owner_waits_until_the_first_releases(redis: Redis, key: str) -> None:
    first, second = Lease(redis, key, "first", 60_000), Lease(redis, key, "second", 60_000)
    assert await first.acquire()
    assert not await second.acquire()

    await second.release()
    assert not await second.acquire(), "releasing a lease of another owner must not free it"

    await first.release()
    assert await second.acquire()
    assert not await first.renew()


async def test_a_lease_that_is_not_renewed_passes_on(redis: Redis, key: str) -> None:
    first, second = Lease(redis, key, "first", 50), Lease(redis, key, "second", 60_000)
    assert await first.acquire()
    await eventually(second.acquire, within_seconds=5)
    assert not await first.renew()


async def test_renewal_prolongs(redis: Redis, key: str) -> None:
    lease = Lease(redis, key, "first", 60_000)
    assert await lease.acquire()
    await redis.pexpire(key, 1_000)
    assert await lease.renew()
    assert await redis.pttl(key) > 1_000


async def test_an_expired_lease_that_nobody_took_is_taken_again(redis: Redis, key: str) -> None:
    lease = Lease(redis, key, "first", 60_000)
    assert await lease.acquire()
    await redis.delete(key)
    assert await lease.renew()
    assert await redis.get(key) == b"first"
