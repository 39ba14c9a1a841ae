"""The queue transports while their server goes away, comes back, or blocks publishers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis import Redis

from marketdata.clock import SystemClock
from marketdata.errors import OwnershipLost, PublishersBlocked, TransportUnavailable
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from tests.support.deadlines import eventually, scaled
from tests.support.services import RabbitMQServer, Server
from tests.support.transports import batches, receive, sequences

TRADES = (QueueName.TRADES,)
TIMEOUT_SECONDS = 2.0
MARGIN_SECONDS = 2.0
pytestmark = pytest.mark.timeout(scaled(150))  # RabbitMQ boots several times, slowly on a busy machine


@pytest.fixture
async def transport(queue_server: Server, unique_prefix: str) -> AsyncIterator[Transport]:
    """An open transport of that server."""
    made = create_transport(
        queue_server.url,
        prefix=unique_prefix,
        shard_count=1,
        limits=QueueLimits(),
        clock=SystemClock(),
        operation_timeout_seconds=scaled(TIMEOUT_SECONDS),
    )
    async with made:
        yield made


async def assert_unavailable_in_time(call: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(scaled(TIMEOUT_SECONDS + MARGIN_SECONDS)):
        with pytest.raises(TransportUnavailable):
            await call()


async def test_calls_fail_in_time_while_the_server_is_down_and_work_once_it_is_back(
    queue_server: Server, transport: Transport
) -> None:
    subscription = transport.subscribe(0, TRADES, prefetch=10)
    await subscription.acquire()
    await transport.publish(batches(1))
    held = await receive(subscription, 1)
    waiting = asyncio.create_task(subscription.receive(wait_seconds=60))

    queue_server.kill()
    await assert_unavailable_in_time(lambda: waiting)
    await assert_unavailable_in_time(lambda: transport.publish(batches(2)))
    await assert_unavailable_in_time(transport.depths)
    await assert_unavailable_in_time(transport.open)
    with pytest.raises(OwnershipLost):
        await subscription.receive(wait_seconds=0)
    with pytest.raises(OwnershipLost):
        await subscription.acknowledge(held)
    await assert_unavailable_in_time(subscription.acquire)

    await asyncio.to_thread(queue_server.start)
    await transport.publish(batches(3))
    await subscription.acquire()
    assert sequences(await receive(subscription, 1)) == [3]


async def test_a_restart_between_two_calls_goes_unnoticed_by_the_publisher(
    queue_server: Server, transport: Transport
) -> None:
    subscription = transport.subscribe(0, TRADES, prefetch=10)
    await subscription.acquire()
    await transport.publish(batches(1))

    await asyncio.to_thread(queue_server.restart)
    await transport.publish(batches(2))
    with pytest.raises((TransportUnavailable, OwnershipLost)):
        await subscription.receive(wait_seconds=0)
    await subscription.acquire()
    assert sequences(await receive(subscription, 1)) == [2]


def block_publishers(server: Server, *, block: bool) -> None:
    """Let the server be out of memory, or not."""
    if isinstance(server, RabbitMQServer):
        watermark = ("absolute", "1") if block else ("0.4",)
        server.control("set_vm_memory_high_watermark", *watermark)
    else:
        with Redis.from_url(server.url) as redis:
            redis.config_set("maxmemory", 1 if block else 0)


async def test_publishing_to_a_server_without_memory_fails_in_time_and_works_once_it_has_some(
    queue_server: Server, transport: Transport
) -> None:
    await transport.publish(batches(1))
    await asyncio.to_thread(block_publishers, queue_server, block=True)
    try:
        # RabbitMQ takes what is under way before it looks at its alarm.
        await eventually(lambda: refused(transport), 10)
        with pytest.raises(PublishersBlocked):
            await transport.publish(batches(2))
        assert len(await transport.depths()) == len(QueueName), "what waits can still be seen"
    finally:
        await asyncio.to_thread(block_publishers, queue_server, block=False)

    async def taken() -> bool:
        return not await refused(transport)

    await eventually(taken, 10)


async def refused(transport: Transport) -> bool:
    try:
        async with asyncio.timeout(scaled(TIMEOUT_SECONDS + MARGIN_SECONDS)):
            await transport.publish(batches(2))
    except TransportUnavailable:
        return True
    return False
