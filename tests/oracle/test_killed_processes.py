"""Real processes, killed at random while a day is fed at speed through RabbitMQ: the oracle is right."""

import asyncio
import contextlib
import os
import random
import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.payloads import RowBlock
from marketdata.providers.massive.framing import FrameRouter
from marketdata.runtime.cancellation import end
from marketdata.schema.boards import ALL_BOARDS
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.synthetic_market.daily import DailyPrices
from marketdata.tapes import newest_first
from marketdata.trading_calendar import TradingDay
from marketdata.trading_calendar.exchange import exchange_calendar_around
from marketdata.transport.base import Batch, Transport
from marketdata.transport.queues import QueueLimits
from marketdata.transport.registry import create_transport
from scanners.registry import routes, streams, table_columns
from scanners.scanner import Scanner
from scanners.scanner.service import LEASE_TTL_MS
from tests.oracle.comparison import answer_of, differences
from tests.oracle.disturbance import Arrived, arrivals, disturbed
from tests.oracle.invented_reference import invented_reference, reference_block, volume_curve
from tests.oracle.market import Oracle
from tests.oracle.outcome import Outcome, told_once
from tests.oracle.reference import ReferenceData
from tests.oracle.simulated_days import stretch, universe
from tests.oracle.terms import MINUTE_MS, Day
from tests.support.deadlines import eventually
from tests.support.running_processors import RunningParent, running_parent

pytestmark = [pytest.mark.redis, pytest.mark.rabbitmq, pytest.mark.timeout(300)]

SEED: Final = 11
SHARDS: Final = 2
PARTS: Final = 4
"""Of the day; in each a processor dies while it is fed."""
START_SECONDS: Final = 60.0
TAKEOVER_SECONDS: Final = 5.0
PART_SECONDS: Final = 3.0
MESSAGE_TTL_MS: Final = 20_000
"""So long that nothing expires while no process owns a shard, however slow the machine."""
CALENDAR: Final = exchange_calendar_around(SystemClock().time_ns())
LOST: Final = re.compile(r"^mdp_transport_(?:expired|missing|dropped)_batches_total{.*} (\S+)$", re.MULTILINE)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with connect(redis_url) as client:
        yield client


@pytest.fixture
async def transport(rabbitmq_url: str, unique_prefix: str) -> AsyncIterator[Transport]:
    made = create_transport(
        rabbitmq_url,
        prefix=unique_prefix,
        shard_count=SHARDS,
        limits=QueueLimits(ttl_ms=MESSAGE_TTL_MS),
        clock=SystemClock(),
    )
    async with made:
        yield made


class Feed:
    """Publishes what arrives at a steady pace, and lets the oracle see it as it was received."""

    def __init__(self, transport: Transport, oracle: Oracle) -> None:
        self._transport = transport
        self._oracle = oracle
        self._router = FrameRouter(SHARDS)
        self._sequences: dict[tuple[str, int], int] = {}
        self.published = 0

    def has_published(self, groups: int) -> bool:
        return self.published >= groups

    async def run(self, arrived: Sequence[Arrived]) -> None:
        pause_seconds = PART_SECONDS / len(arrived)
        for group in arrived:
            received_ns = SystemClock().time_ns()
            for event in group.events:
                self._oracle.take(
                    event, received_ms=received_ns // 1_000_000, feed_time_ms=group.feed_time_ms
                )
            await self._transport.publish(self._batches(group, received_ns))
            self.published += 1
            await asyncio.sleep(pause_seconds)  # the pace of the feed, not a wait for anything

    def _batches(self, group: Arrived, received_ns: int) -> Sequence[Batch]:
        for frame in group.frames:
            self._router.add(frame)
        batches = []
        for part in self._router.take().parts:
            sequence = self._sequences[part.queue, part.shard] = (
                self._sequences.get((part.queue, part.shard), 0) + 1
            )
            batches.append(
                Batch(
                    format="massive",
                    queue=part.queue,
                    shard=part.shard,
                    source="oracle",
                    sequence=sequence,
                    received_ns=received_ns,
                    feed_time_ms=group.feed_time_ms,
                    event_count=part.event_count,
                    body=part.body,
                )
            )
        return batches


class ScannersInTurn:
    """A scanner that dies with its lease, and another that takes its place."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._url = url
        self._keys = keys
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.start()

    def start(self) -> None:
        client = connect(self._url)
        scanner = Scanner(
            lease=Lease(client, self._keys.scanner_lease(), f"scanner-{len(self._tasks)}", LEASE_TTL_MS),
            rows_news=AnnouncementReader(self._url, [self._keys.rows(shard) for shard in range(SHARDS)]),
            snapshots=SnapshotReader(client, self._keys),
            publisher=BlockPublisher(client, self._keys),
            keys=self._keys,
            shard_count=SHARDS,
            clock=SystemClock(),
        )

        async def run() -> None:
            async with client:
                await scanner.run(self._stopping)

        self._tasks.append(asyncio.create_task(run()))

    async def replace(self) -> None:
        """Kill: the lease is not given up."""
        self.start()
        await end(self._tasks[-2])

    async def stop(self) -> None:
        self._stopping.set()
        await self._tasks[-1]


@pytest.fixture
async def parent(
    redis_url: str, rabbitmq_url: str, unique_prefix: str, tmp_path: Path
) -> AsyncIterator[RunningParent]:
    async with running_parent(
        tmp_path,
        MDC_URL=redis_url,
        MDC_KEY_PREFIX=f"{unique_prefix}:",
        MDQ_URL=rabbitmq_url,
        MDQ_PREFIX=unique_prefix,
        MDQ_SHARDS=str(SHARDS),
        MARKET_DATA_MESSAGE_TTL=str(MESSAGE_TTL_MS),
    ) as running:
        yield running


@pytest.fixture
async def scanners(redis_url: str, unique_prefix: str) -> AsyncIterator[ScannersInTurn]:
    running = ScannersInTurn(redis_url, Keys(f"{unique_prefix}:"))
    yield running
    await running.stop()


async def test_processes_killed_at_random_come_to_what_the_oracle_says(
    parent: RunningParent, scanners: ScannersInTurn, transport: Transport, redis: Redis, unique_prefix: str
) -> None:
    day = CALENDAR.trading_day(SystemClock().time_ns() // 1_000_000)
    chance = random.Random(SEED)
    reference = _reference(day, chance)
    oracle = Oracle([_oracle_day(day)], reference)
    keys, arrived = Keys(f"{unique_prefix}:"), _arrived(day, chance)
    snapshots = SnapshotReader(redis, keys)
    await eventually(parent.is_ready, START_SECONDS)
    await BlockPublisher(redis, keys).publish_reference(
        reference_block(reference), volume_curve=volume_curve(reference)
    )
    feed = Feed(transport, oracle)
    for part in range(PARTS):
        groups = arrived[part * len(arrived) // PARTS : (part + 1) * len(arrived) // PARTS]
        published = feed.published + chance.randrange(len(groups) // 4, len(groups) // 2)
        feeding = asyncio.create_task(feed.run(groups))
        await eventually(partial(feed.has_published, published), START_SECONDS)
        assert not feeding.done()
        await _kill_an_owner(parent, snapshots, chance)
        if part == PARTS // 2:
            await scanners.replace()
        await feeding
        await eventually(parent.is_ready, START_SECONDS)
    await _until_as_the_oracle_says(snapshots, oracle)
    assert sum(float(count) for count in LOST.findall(await parent.metrics())) == 0


async def _kill_an_owner(parent: RunningParent, snapshots: SnapshotReader, chance: random.Random) -> None:
    """SIGKILL for the owner of some shard; another must publish that shard within the time allowed."""
    shard = chance.randrange(SHARDS)

    async def is_owned() -> bool:
        return shard in await parent.owners() and await snapshots.rows(shard) is not None

    await eventually(is_owned, START_SECONDS)
    owner, before = (await parent.owners())[shard], await snapshots.rows(shard)
    assert before is not None

    os.kill((await parent.workers())[owner]["pid"], signal.SIGKILL)

    async def has_a_successor() -> bool:
        block = await snapshots.rows(shard)
        return block is not None and block.epoch != before.epoch

    await eventually(has_a_successor, TAKEOVER_SECONDS)


async def _until_as_the_oracle_says(snapshots: SnapshotReader, oracle: Oracle) -> None:
    answer = answer_of(oracle)
    columns = table_columns(routes())
    found: list[str] = ["nothing was compared"]

    async def is_equal() -> bool:
        found[:] = list(differences(await _outcome(snapshots), answer, columns))
        return not found

    with contextlib.suppress(AssertionError):
        await eventually(is_equal, START_SECONDS)
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:20])


async def _outcome(snapshots: SnapshotReader) -> Outcome:
    rows = [block for shard in range(SHARDS) if (block := await snapshots.rows(shard)) is not None]
    boards = {name: await snapshots.board(name) for name in ALL_BOARDS}
    symbols = [symbol for block in rows for symbol in block.symbols]
    tapes = dict(zip(symbols, await snapshots.tapes(symbols), strict=True))
    return Outcome(
        rows=rows,
        streams={name: await _stream(snapshots, name) for name in streams(routes())},
        boards={feed: block for feed, block in boards.items() if block is not None},
        tapes={symbol: newest_first(tape) for symbol, tape in tapes.items() if tape is not None},
    )


async def _stream(snapshots: SnapshotReader, name: str) -> Sequence[RowBlock]:
    return told_once([block for shard in range(SHARDS) for block in await snapshots.stream(shard, name)])


def _oracle_day(day: TradingDay) -> Day:
    return Day(
        start_ms=day.day_start_ms,
        regular_open_ms=day.regular_open_ms,
        regular_close_ms=day.regular_close_ms,
        after_hours_end_ms=day.after_hours_end_ms,
        next_start_ms=day.next_day_start_ms,
    )


def _reference(day: TradingDay, chance: random.Random) -> ReferenceData:
    """Facts without a snapshot, which counts from when a processor hears of it: kills make that uncertain."""
    prices: Mapping[str, float] = dict(
        zip(universe(SEED).symbols, DailyPrices(universe(SEED), SEED).closes(day.date).tolist(), strict=True)
    )
    return invented_reference(prices, day.day_start_ms - 1, chance)


def _arrived(day: TradingDay, chance: random.Random) -> Sequence[Arrived]:
    """Pieces of the day around its turning points, disturbed on the way."""
    minute = MINUTE_MS
    pieces = (
        (day.day_start_ms, 10),
        (day.regular_open_ms - 5 * minute, 15),
        (day.regular_close_ms - 5 * minute, 10),
        (day.after_hours_end_ms - 5 * minute, 5),
    )
    sent = [
        each
        for begin_ms, minutes in pieces
        for each in stretch(SEED, begin_ms, begin_ms + minutes * minute, sessions=CALENDAR)
    ]
    return list(arrivals(disturbed(sent, chance), chance))
