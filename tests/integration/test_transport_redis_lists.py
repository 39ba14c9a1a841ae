"""What only Redis can do to us: foreign keys, a lease taken away, keys without an end."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from redis.asyncio import Redis

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ConfigurationError, OwnershipLost, TopologyMismatch
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.redis_lists import RedisListTransport
from tests.support.deadlines import eventually
from tests.support.samples import sample
from tests.support.transports import batches, receive, sequences

TRADES = (QueueName.TRADES,)


def make(
    url: str, prefix: str, clock: Clock | None = None, *, limits: QueueLimits | None = None
) -> RedisListTransport:
    return RedisListTransport(
        url, prefix=prefix, shard_count=1, limits=limits or QueueLimits(), clock=clock or SystemClock()
    )


@pytest.fixture
async def transport(redis_url: str, unique_prefix: str) -> AsyncIterator[RedisListTransport]:
    async with make(redis_url, unique_prefix) as made:
        yield made


async def test_every_key_has_an_end(
    transport: RedisListTransport, redis: "Redis", unique_prefix: str
) -> None:
    subscription = transport.subscribe(0, TRADES, prefetch=1)
    await transport.publish(batches(1, 2))
    await subscription.acquire()
    await receive(subscription, 1)
    keys = [key async for key in redis.scan_iter(f"{unique_prefix}:*")]
    assert len(keys) == 4
    for key in keys:
        assert 0 < await redis.pttl(key) <= 5_000


class LaterClock(SystemClock):
    """A clock that runs ten seconds ahead."""

    def time_ns(self) -> int:
        return super().time_ns() + 10 * 10**9


async def test_the_publisher_counts_what_a_full_queue_gave_up(redis_url: str, unique_prefix: str) -> None:
    cause = {"queue": "trades", "reason": "queue_full"}
    before = sample("mdp_transport_dropped_batches_total", **cause)
    limits = QueueLimits(max_batches=10)
    async with make(redis_url, unique_prefix, limits=limits) as transport:
        await transport.publish(batches(*range(1, 11)))
        assert sample("mdp_transport_dropped_batches_total", **cause) == before
        await transport.publish(batches(*range(11, 14)))
    assert sample("mdp_transport_dropped_batches_total", **cause) == before + 3


async def test_what_grew_too_old_goes_and_is_counted_when_something_is_published(
    redis_url: str, unique_prefix: str
) -> None:
    clock = LaterClock()
    expired = sample("mdp_transport_expired_batches_total", queue="trades")
    async with make(redis_url, unique_prefix) as now, make(redis_url, unique_prefix, clock) as later:
        await now.publish(batches(1, 2))
        await later.publish([msgspec.structs.replace(batches(3)[0], received_ns=clock.time_ns())])
        assert sample("mdp_transport_expired_batches_total", queue="trades") == expired + 2
        subscription = later.subscribe(0, TRADES, prefetch=10)
        await subscription.acquire()
        assert sequences(await receive(subscription, 1)) == [3]
    assert sample("mdp_transport_expired_batches_total", queue="trades") == expired + 2


async def test_a_backlog_that_grew_too_old_is_passed_over_in_one_call(
    redis_url: str, unique_prefix: str
) -> None:
    clock = LaterClock()
    expired = sample("mdp_transport_expired_batches_total", queue="trades")
    fresh = msgspec.structs.replace(batches(201)[0], received_ns=clock.time_ns())
    async with make(redis_url, unique_prefix) as now, make(redis_url, unique_prefix, clock) as later:
        await now.publish([*batches(*range(1, 201)), fresh])
        subscription = later.subscribe(0, TRADES, prefetch=3)
        await subscription.acquire()
        assert sequences(await subscription.receive(wait_seconds=0)) == [201]
    assert sample("mdp_transport_expired_batches_total", queue="trades") == expired + 200


async def test_an_owner_whose_lease_went_to_another_gets_and_removes_nothing(
    transport: RedisListTransport, redis: "Redis", unique_prefix: str
) -> None:
    subscription = transport.subscribe(0, TRADES, prefetch=10)
    await subscription.acquire()
    await transport.publish(batches(1, 2))
    held = await receive(subscription, 2)
    await redis.set(f"{unique_prefix}:owner:0", "another", px=3_000)
    with pytest.raises(OwnershipLost):
        await subscription.acknowledge(held)
    with pytest.raises(OwnershipLost):
        await subscription.receive(wait_seconds=0)
    await redis.delete(f"{unique_prefix}:owner:0")
    await subscription.acquire()
    assert sequences(await receive(subscription, 2)) == [1, 2]


async def test_the_lease_is_renewed_while_the_owner_lives(
    transport: RedisListTransport, redis: "Redis", unique_prefix: str
) -> None:
    subscription = transport.subscribe(0, TRADES, prefetch=10)
    await subscription.acquire()
    left_ms = await redis.pttl(f"{unique_prefix}:owner:0")

    async def renewed() -> bool:
        nonlocal left_ms
        before, left_ms = left_ms, await redis.pttl(f"{unique_prefix}:owner:0")
        return bool(left_ms > before)

    await eventually(renewed, 3)


async def test_a_foreign_value_is_set_aside_alone(
    transport: RedisListTransport, redis: "Redis", unique_prefix: str
) -> None:
    await transport.publish(batches(1))
    await redis.rpush(f"{unique_prefix}:trades:0", b"hello, this is not a batch")
    subscription = transport.subscribe(0, TRADES, prefetch=10)
    await subscription.acquire()
    assert sequences(await receive(subscription, 1)) == [1]
    await transport.publish(batches(2))
    assert sequences(await receive(subscription, 1)) == [2]


async def test_a_foreign_key_in_place_of_a_queue_is_explained(
    transport: RedisListTransport, redis: "Redis", unique_prefix: str
) -> None:
    await redis.set(f"{unique_prefix}:trades:0", "something else", px=10_000)
    with pytest.raises(TopologyMismatch, match="MDQ_PREFIX"):
        await transport.publish(batches(1))


async def test_wrong_credentials_are_a_configuration_error_that_keeps_the_password(
    redis_url: str, unique_prefix: str
) -> None:
    transport = make(redis_url.replace("redis://", "redis://nobody:s3cret@"), unique_prefix)
    with pytest.raises(ConfigurationError, match="MDQ_URL") as refusal:
        await transport.open()
    assert "s3cret" not in str(refusal.value)
    await transport.close()
