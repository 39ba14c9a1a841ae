"""The depths of the queues on the metrics page: as the broker tells them, or not at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from prometheus_client import REGISTRY

from marketdata.transport.monitor import QueueMonitor
from tests.support.deadlines import eventually, scaled
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.transports import batches

INTERVAL_SECONDS = 0.01


def shown_depth(shard: int) -> float | None:
    labels = {"queue": "trades", "shard": str(shard)}
    return REGISTRY.get_sample_value("mdp_transport_queue_batches", labels)


@contextlib.asynccontextmanager
async def watching(transport: MemoryTransport) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    monitor = QueueMonitor(transport, interval_seconds=INTERVAL_SECONDS)
    task = asyncio.create_task(monitor.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, scaled(5))


async def test_the_depth_of_every_queue_is_shown_and_kept_up_to_date() -> None:
    transport = MemoryTransport()
    await transport.publish(batches(1, 2, shard=1))
    async with watching(transport):
        await eventually(lambda: (shown_depth(0), shown_depth(1)) == (0, 2), 5)
        await transport.publish(batches(1, shard=0))
        await eventually(lambda: (shown_depth(0), shown_depth(1)) == (1, 2), 5)


async def test_no_depth_is_shown_while_the_broker_is_away_and_none_by_a_process_that_stopped() -> None:
    broker = MemoryBroker()
    transport = MemoryTransport(broker)
    async with watching(transport):
        await eventually(lambda: shown_depth(0) == 0, 5)
        broker.go_away()
        await eventually(lambda: shown_depth(0) is None, 5)
        broker.come_back()
        await eventually(lambda: shown_depth(0) == 0, 5)
    assert shown_depth(0) is None
