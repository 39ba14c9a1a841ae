"""A processor of one shard in a task of the test, with bars as its input, and the rows that it must store."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from marketdata.clock import SystemClock
from marketdata.payloads import RowBlock
from marketdata.runtime.cancellation import end
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.base import Batch, Transport
from marketdata.transport.queues import QueueName
from scanners.processor import Processor, ShardProcessor
from scanners.processor.owner import ProcessorConfiguration
from scanners.processor.turn import AnyTurn, Turn
from scanners.registry import RECEIVED_COLUMN, routes
from scanners.settings import ProcessorSettings
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    whole_of,
)
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryTransport

DAY = "2026-11-23"
CALENDAR = calendar_of(DAY)
OPENS_MS = new_york_ms(DAY, "09:30")
INTERVAL_MS = 20
TAKEOVER_SECONDS = 5.0
SHARD = 0
CONFIGURATION = ProcessorConfiguration(shards=(SHARD,))
OWN_SETTINGS = ProcessorSettings(longest_publish_interval_ms=INTERVAL_MS)


class ProcessorTask:
    """A processor of one shard in a task of this process."""

    def __init__(
        self, url: str, keys: Keys, transport: Transport, turn: Turn | None = None, **changes: Any
    ) -> None:
        self.redis = connect(url)
        self.snapshots = SnapshotReader(self.redis, keys)
        self.transport = transport
        self.stopping = asyncio.Event()
        self.processor = Processor(
            transport=transport,
            snapshots=self.snapshots,
            publisher=BlockPublisher(self.redis, keys),
            reference_news=AnnouncementReader(url, [keys.reference()]),
            clock=SystemClock(),
            turn_at=lambda _shard: turn or AnyTurn(),
            **{
                "calendar": CALENDAR,
                "configuration": CONFIGURATION,
                "own_settings": OWN_SETTINGS,
                **changes,
            },
        )
        self.task = asyncio.create_task(self.processor.run(self.stopping))

    async def stop(self) -> None:
        """Stop the processor, as SIGTERM does."""
        self.stopping.set()
        async with asyncio.timeout(10):
            await self.task
        await self.redis.aclose()

    async def kill(self) -> None:
        """Kill the processor, as SIGKILL does: its tasks end and its connections are lost."""
        if isinstance(self.transport, MemoryTransport):
            self.transport.cut()
        await end(self.task)
        await self.redis.aclose()


Launch = Callable[..., ProcessorTask]


def received_now(queue: QueueName, events: Sequence[dict[str, object]], sequence: int) -> Batch:
    return batch(queue, events, shard=SHARD, sequence=sequence, received_ns=SystemClock().time_ns())


def bars(second: int) -> Batch:
    """One bar for each of three symbols. Symbol `S2` has a bar only in the first second."""
    events = [
        aggregate_wire(
            f"S{index}",
            start_ms=OPENS_MS + second * 1_000,
            o=10.0 + index,
            c=10.0 + second,
            h=20.0 - second,
            av=100 * second,
        )
        for index in range(3 if second == 0 else 2)
    ]
    return received_now(QueueName.AGGREGATE, events, second + 1)


def market_rows(block: RowBlock) -> dict[str, dict[str, float | None]]:
    """The rows without the time of receipt, which differs between runs."""
    return {
        symbol: {name: value for name, value in row.items() if name != RECEIVED_COLUMN}
        for symbol, row in block_rows(block).items()
    }


def expected_rows(batches: Sequence[Batch]) -> dict[str, dict[str, float | None]]:
    """The rows after these batches, from a processor that is not interrupted."""
    shard = ShardProcessor(SHARD, routes=routes(), calendar=CALENDAR, epoch=1)
    shard.apply(batches)
    return market_rows(whole_of(shard.tick(published_ns=1)))


async def stored_rows(reader: SnapshotReader) -> dict[str, dict[str, float | None]]:
    block = await reader.rows(SHARD)
    return {} if block is None else market_rows(block)


async def until_accumulated(reader: SnapshotReader, volume: float) -> RowBlock:
    async def newest() -> RowBlock | None:
        block = await reader.rows(SHARD)
        rows = {} if block is None else market_rows(block)
        return block if rows.get("S0", {}).get("accumulated_volume") == volume else None

    block = await eventually(newest, TAKEOVER_SECONDS)
    assert block is not None
    return block
