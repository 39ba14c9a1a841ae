"""`run_processor --workers 2`: two real processes under a parent share the shards and replace each other."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from marketdata.clock import SystemClock
from marketdata.runtime.cancellation import end
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.transport.base import Batch, Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from scanners.processor import ShardProcessor
from scanners.registry import RECEIVED_COLUMN, routes
from tests.support.builders import aggregate_wire, batch, block_rows, whole_of
from tests.support.deadlines import eventually, scaled
from tests.support.running_processors import RunningParent, running_parent

pytestmark = [pytest.mark.redis, pytest.mark.timeout(150)]

START_SECONDS: Final = 60.0
TAKEOVER_SECONDS: Final = 5.0
STOP_SECONDS: Final = 10.0
FEED_INTERVAL_SECONDS: Final = 0.1
SHARDS: Final = (0, 1)
BALANCED: Final = {0: "processor-0", 1: "processor-1"}
CALENDAR: Final = exchange_calendar_around(SystemClock().time_ns())
DAY: Final = CALENDAR.trading_day(SystemClock().time_ns() // 1_000_000)

Rows = dict[str, dict[str, float | None]]


class Feed:
    """Publishes one bar of each symbol again and again, and remembers every batch."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.second = 0
        self.published: dict[int, list[Batch]] = {shard: [] for shard in SHARDS}

    async def run(self) -> None:
        while True:
            batches = [self._bars(shard) for shard in SHARDS]
            for made in batches:
                self.published[made.shard].append(made)
            await self._transport.publish(batches)
            self.second += 1
            await asyncio.sleep(FEED_INTERVAL_SECONDS)  # the pace of the feed, not a wait for anything

    def _bars(self, shard: int) -> Batch:
        start_ms = DAY.regular_open_ms + self.second * 1_000
        swing = self.second % 7
        events = [
            aggregate_wire(
                f"S{shard}{index}",
                start_ms=start_ms,
                o=10.0 + index,
                h=20.0 + swing,
                l=5.0 - swing / 10,
                av=100 * (self.second + 1),
            )
            for index in range(3)
        ]
        now_ns = SystemClock().time_ns()
        return batch(QueueName.AGGREGATE, events, shard=shard, sequence=self.second + 1, received_ns=now_ns)


@pytest.fixture
async def transport(queues_url: str, unique_prefix: str) -> AsyncIterator[Transport]:
    made = create_transport(
        queues_url, prefix=unique_prefix, shard_count=len(SHARDS), limits=QueueLimits(), clock=SystemClock()
    )
    async with made:
        yield made


@pytest.fixture
async def snapshots(redis_url: str, unique_prefix: str) -> AsyncIterator[SnapshotReader]:
    async with connect(redis_url) as redis:
        yield SnapshotReader(redis, Keys(f"{unique_prefix}:"))


@pytest.fixture
async def parent(
    redis_url: str, queues_url: str, unique_prefix: str, tmp_path: Path
) -> AsyncIterator[RunningParent]:
    async with running_parent(
        tmp_path,
        MDC_URL=redis_url,
        MDC_KEY_PREFIX=f"{unique_prefix}:",
        MDQ_URL=queues_url,
        MDQ_PREFIX=unique_prefix,
        MDQ_SHARDS=str(len(SHARDS)),
    ) as running:
        yield running


async def is_balanced(parent: RunningParent) -> bool:
    return await parent.owners() == BALANCED and await parent.is_ready()


async def stored(snapshots: SnapshotReader, shard: int) -> Rows:
    block = await snapshots.rows(shard)
    return {} if block is None else market_rows(block_rows(block))


def market_rows(rows: Rows) -> Rows:
    """The rows without the time of their arrival, which differs from run to run."""
    return {
        symbol: {name: value for name, value in row.items() if name != RECEIVED_COLUMN}
        for symbol, row in rows.items()
    }


def undisturbed(shard: int, batches: list[Batch]) -> Rows:
    processor = ShardProcessor(shard, routes=routes(), calendar=CALENDAR, epoch=1)
    processor.apply(batches)
    return market_rows(block_rows(whole_of(processor.tick(published_ns=1))))


async def until_served(snapshots: SnapshotReader, feed: Feed, shard: int) -> float:
    """Seconds until the store shows something of this shard that is published from now on."""
    started, newer_than = time.monotonic(), 100 * (feed.second + 1)

    async def shown() -> bool:
        volume = (await stored(snapshots, shard)).get(f"S{shard}0", {}).get("accumulated_volume")
        return volume is not None and volume > newer_than

    await eventually(shown, TAKEOVER_SECONDS)
    return time.monotonic() - started


async def test_workers_share_the_shards_and_replace_each_other(
    parent: RunningParent, transport: Transport, snapshots: SnapshotReader
) -> None:
    await eventually(parent.is_ready, START_SECONDS)
    await eventually(lambda: is_balanced(parent), START_SECONDS)
    feed = Feed(transport)
    feeding = asyncio.create_task(feed.run())
    for shard in SHARDS:
        await until_served(snapshots, feed, shard)
    killed = (await parent.workers())["processor-0"]

    os.kill(killed["pid"], signal.SIGKILL)

    await until_served(snapshots, feed, shard=0)

    async def is_back() -> bool:
        worker = (await parent.workers())["processor-0"]
        return worker["restarts"] == 1 and worker["state"] == "running" and await is_balanced(parent)

    await eventually(is_back, START_SECONDS)
    for shard in SHARDS:
        await until_served(snapshots, feed, shard)
    await end(feeding)

    async def is_as_undisturbed() -> bool:
        return all(
            [await stored(snapshots, shard) == undisturbed(shard, feed.published[shard]) for shard in SHARDS]
        )

    await eventually(is_as_undisturbed, TAKEOVER_SECONDS)


async def test_a_stop_ends_the_parent_and_its_workers(parent: RunningParent) -> None:
    await eventually(parent.is_ready, START_SECONDS)
    pids = [worker["pid"] for worker in (await parent.workers()).values()]
    assert len(pids) == 2

    parent.process.terminate()

    async with asyncio.timeout(scaled(STOP_SECONDS)):
        assert await parent.process.wait() == 0
    assert not any(map(psutil.pid_exists, pids))
