"""A processor is unready while a dependency of it fails, and no longer."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from marketdata.store.keys import Keys
from marketdata.transport.base import QueueDepth
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.processor_task import SHARD, TAKEOVER_SECONDS, ProcessorTask
from tests.support.services import ValkeyServer

pytestmark = pytest.mark.redis


class AskedTransport(MemoryTransport):
    """Counts how often it was asked for the depths of the queues."""

    asked = 0

    async def depths(self) -> Sequence[QueueDepth]:
        self.asked += 1
        return await super().depths()


class OneTurn:
    """The shard may be asked for once; from then on another worker has it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.able: Callable[[], bool] = lambda: True
        self._turns = 1

    async def wait_until_allowed(self, stopping: asyncio.Event) -> None:
        if self._turns:
            self._turns -= 1
        else:
            await stopping.wait()

    async def run(self, stopping: asyncio.Event, can_work: Callable[[], bool]) -> None:
        self.able = can_work


async def test_a_worker_whose_turn_is_over_is_ready_again_when_the_broker_is_back(
    redis_url: str, keys: Keys
) -> None:
    broker = MemoryBroker()
    turn = OneTurn()
    transport = AskedTransport(broker)
    running = ProcessorTask(redis_url, keys, transport, turn)
    try:
        await eventually(lambda: SHARD in broker.owners, TAKEOVER_SECONDS)
        broker.go_away()
        await eventually(lambda: "queues" in running.processor.unready(), TAKEOVER_SECONDS)
        assert not turn.able()
        await eventually(lambda: transport.asked, TAKEOVER_SECONDS)
        assert running.processor.unready() == {"queues": "the memory broker is away"}
        broker.come_back()
        await eventually(lambda: not running.processor.unready(), TAKEOVER_SECONDS)
        assert turn.able()
    finally:
        await running.kill()


async def test_owner_and_standby_are_ready_again_when_the_cache_is_back(keys: Keys) -> None:
    broker = MemoryBroker()
    with ValkeyServer() as server:
        both = [ProcessorTask(server.url, keys, MemoryTransport(broker)) for _ in range(2)]
        try:
            await eventually(lambda: not any(one.processor.unready() for one in both), TAKEOVER_SECONDS)
            server.stop()
            await eventually(
                lambda: any("cache" in one.processor.unready() for one in both), TAKEOVER_SECONDS
            )
            # Whoever complains of the cache gives the shard up, which then goes to and fro between the two.
            broker.owners.clear()
            broker.notify()
            await eventually(
                lambda: all("cache" in one.processor.unready() for one in both), TAKEOVER_SECONDS
            )
            server.start()
            await eventually(lambda: not any(one.processor.unready() for one in both), 2 * TAKEOVER_SECONDS)
        finally:
            for one in both:
                await one.kill()
