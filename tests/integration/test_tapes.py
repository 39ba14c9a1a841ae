"""The newest trades of every symbol outlive processes, crashes and the cache's restarts, and can be read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.payloads import RowBlock
from marketdata.runtime.cancellation import end
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import TAPE_TTL_SECONDS, Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.tapes import (
    HEADER_BYTES,
    RECORD,
    RECORD_BYTES,
    TAPE_TRADES,
    TapeWrites,
    encode_header,
)
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from scanners.processor import Processor, ShardProcessor
from scanners.processor.owner import ProcessorConfiguration
from scanners.registry import routes
from scanners.settings import ProcessorSettings
from scanners.tape import SUMMARY_COLUMNS
from tests.support.builders import batch, block_rows, calendar_of, new_york_ms, trade_wire, whole_of
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.services import ValkeyServer

pytestmark = pytest.mark.redis

DAY = "2026-11-23"
CALENDAR = calendar_of(DAY, "2026-11-24")
OPENS_MS = new_york_ms(DAY, "09:30")
DAY_START_MS = new_york_ms(DAY, "04:00")
NEXT_DAY_MS = new_york_ms("2026-11-24", "04:00")
SHARD = 0
SYMBOLS = ("S0", "S1", "S2")
DEADLINE_SECONDS = 10.0
Rows = dict[str, dict[str, float | None]]
Event = dict[str, object]
Trade = tuple[object, ...]


class ProcessorOfTapes:
    """A processor of one shard in a task of this process."""

    def __init__(self, url: str, keys: Keys, broker: MemoryBroker) -> None:
        self.redis = connect(url)
        self.transport = MemoryTransport(broker)
        self.processor = Processor(
            transport=self.transport,
            snapshots=SnapshotReader(self.redis, keys),
            publisher=BlockPublisher(self.redis, keys),
            reference_news=AnnouncementReader(url, [keys.reference()]),
            calendar=CALENDAR,
            configuration=ProcessorConfiguration(shards=(SHARD,)),
            own_settings=ProcessorSettings(longest_publish_interval_ms=20),
            clock=SystemClock(),
        )
        self.task = asyncio.create_task(self.processor.run(asyncio.Event()))

    async def kill(self) -> None:
        """As SIGKILL does: nothing of its own runs any more, and its connections are gone."""
        self.transport.cut()
        await end(self.task)
        await self.redis.aclose()


Launch = Callable[[MemoryBroker], ProcessorOfTapes]


@pytest.fixture
async def launch(redis_url: str, keys: Keys) -> AsyncIterator[Launch]:
    """Starts processors, and ends those that the test did not."""
    launched: list[ProcessorOfTapes] = []

    def start(broker: MemoryBroker) -> ProcessorOfTapes:
        launched.append(ProcessorOfTapes(redis_url, keys, broker))
        return launched[-1]

    yield start
    for running in launched:
        await running.kill()


def prints(first: int, count: int) -> Sequence[Event]:
    """Trades of three symbols in a random order, of which the first symbol has by far the most."""
    chance = np.random.default_rng(first)
    draws = zip(
        chance.choice(3, size=count, p=(0.8, 0.15, 0.05)).tolist(),
        chance.uniform(1, 9, size=count).tolist(),
        chance.integers(0, 900, size=count).tolist(),
        chance.integers(0, 1_000_000, size=count).tolist(),
        strict=True,
    )
    events = [
        trade_wire(
            SYMBOLS[symbol],
            timestamp_ms=OPENS_MS + 7 * number,
            q=number,
            p=price,
            s=size,
            ds=f"{size}.{fraction:06d}",
        )
        for number, (symbol, price, size, fraction) in enumerate(draws, first)
    ]
    return [events[index] for index in chance.permutation(count)]


def prints_until(number: int) -> list[Event]:
    return [event for first in range(0, number, 500) for event in prints(first, 500)]


def batch_of(events: Sequence[Event]) -> Batch:
    return batch(QueueName.TRADES, events, shard=SHARD, received_ns=SystemClock().time_ns())


def undisturbed(events: Sequence[Event]) -> Rows:
    shard = ShardProcessor(SHARD, routes=routes(), calendar=CALENDAR, epoch=1)
    shard.apply([batch_of(events)])
    return tape_columns(whole_of(shard.tick(published_ns=1)))


def tape_columns(block: RowBlock) -> Rows:
    return {
        symbol: {name: row[name] for name in (*SUMMARY_COLUMNS, "last_sequence_number")}
        for symbol, row in block_rows(block).items()
    }


async def until_stored(snapshots: SnapshotReader, events: Sequence[Event]) -> None:
    """Wait until the rows equal those of a run without a crash, and check every trade of the tapes."""
    expected = undisturbed(events)

    async def equal() -> bool:
        block = await snapshots.rows(SHARD)
        return block is not None and tape_columns(block) == expected

    await eventually(equal, DEADLINE_SECONDS)
    for symbol in SYMBOLS:
        assert await read_trades(snapshots, symbol) == newest_first(events, symbol)


async def read_trades(snapshots: SnapshotReader, symbol: str) -> Sequence[Trade]:
    tape = await snapshots.tape(symbol)
    if tape is None:
        return ()
    return list(zip(tape.timestamps, tape.sequence_numbers, tape.prices, tape.sizes, strict=True))


def newest_first(events: Sequence[Event], symbol: str) -> Sequence[Trade]:
    """The plain computation: the greatest by time and number."""
    trades = {(e["t"], e["q"], e["p"], float(str(e["ds"]))) for e in events if e["sym"] == symbol}
    return sorted(trades, reverse=True)[:TAPE_TRADES]


async def test_tapes_are_stored_with_the_rows_and_every_key_has_a_lifetime(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    broker, snapshots = MemoryBroker(), SnapshotReader(redis, keys)
    launch(broker)
    publisher = MemoryTransport(broker)
    assert await snapshots.tape("S0") is None
    for first in range(0, 3_000, 500):
        await publisher.publish([batch_of(prints(first, 500))])
        await until_stored(snapshots, prints_until(first + 500))
    lifetimes = {key: await redis.ttl(key) async for key in redis.scan_iter(match=f"{keys.prefix}mdp:*")}
    assert all(seconds > 0 for seconds in lifetimes.values()), lifetimes
    assert await snapshots.day_of_tapes(SHARD) == DAY_START_MS
    assert await redis.strlen(keys.tape("S0")) == HEADER_BYTES + TAPE_TRADES * RECORD_BYTES


async def test_a_killed_processor_is_followed_by_one_with_the_same_tapes(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    """Some trades come twice: those of the unfinished tick by redelivery, others from the feed."""
    broker, snapshots = MemoryBroker(), SnapshotReader(redis, keys)
    publisher = MemoryTransport(broker)
    for first in range(0, 4_000, 1_000):
        running = launch(broker)
        await publisher.publish([batch_of(prints(first, 500)), batch_of(prints_until(first)[-700:])])
        if first % 2_000 == 0:  # else it dies with some of them applied and not stored
            await until_stored(snapshots, prints_until(first + 500))
        await publisher.publish([batch_of(prints(first + 500, 500))])
        await running.kill()
    launch(broker)
    await until_stored(snapshots, prints_until(4_000))


async def test_a_cache_that_restarts_empty_gets_all_tapes_again(keys: Keys) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    with ValkeyServer() as server:
        running = ProcessorOfTapes(server.url, keys, broker)
        async with connect(server.url) as redis:
            snapshots = SnapshotReader(redis, keys)
            await publisher.publish([batch_of(prints_until(2_000))])
            await until_stored(snapshots, prints_until(2_000))
            server.restart()
            await until_stored(snapshots, prints_until(2_000))
            await running.kill()
            running = ProcessorOfTapes(server.url, keys, broker)
            await publisher.publish([batch_of(prints(2_000, 500))])
            await until_stored(snapshots, prints_until(2_500))
            await running.kill()


async def test_a_cache_that_is_emptied_unnoticed_gets_all_tapes_again(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    broker, snapshots = MemoryBroker(), SnapshotReader(redis, keys)
    launch(broker)
    publisher = MemoryTransport(broker)
    await publisher.publish([batch_of(prints_until(2_000))])
    await until_stored(snapshots, prints_until(2_000))
    await redis.delete(*[key async for key in redis.scan_iter(match=f"{keys.prefix}mdp:*")])
    await publisher.publish([batch_of(prints(2_000, 10))])

    async def complete() -> bool:
        return await snapshots.day_of_tapes(SHARD) == DAY_START_MS

    await eventually(complete, DEADLINE_SECONDS)
    await until_stored(snapshots, [*prints_until(2_000), *prints(2_000, 10)])


async def test_the_next_day_begins_with_empty_tapes_for_successors_too(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    broker, snapshots = MemoryBroker(), SnapshotReader(redis, keys)
    running = launch(broker)
    publisher = MemoryTransport(broker)
    await publisher.publish([batch_of(prints_until(2_000))])
    await until_stored(snapshots, prints_until(2_000))
    morning = [trade_wire("S1", timestamp_ms=NEXT_DAY_MS + 5, q=1, ds="3.5", s=3)]
    await publisher.publish([batch_of(morning)])

    async def alone() -> bool:
        return await read_trades(snapshots, "S1") == newest_first(morning, "S1")

    await eventually(alone, DEADLINE_SECONDS)
    await running.kill()
    launch(broker)
    again = [trade_wire("S0", timestamp_ms=NEXT_DAY_MS + 6, q=2, ds="4.5", s=4)]
    await publisher.publish([batch_of(again)])

    async def counted() -> bool:
        block = await snapshots.rows(SHARD)
        rows = {} if block is None else tape_columns(block)
        counts = {symbol: row["trade_count"] for symbol, row in rows.items()}
        return counts == {"S0": 1, "S1": 1}  # S2, which reference data does not know, left with its day

    await eventually(counted, DEADLINE_SECONDS)
    assert await read_trades(snapshots, "S0") == newest_first(again, "S0")


async def test_foreign_bytes_are_no_tape(redis: Redis, keys: Keys) -> None:
    await redis.set(keys.tape("S0"), b"not a tape")
    writes = TapeWrites(["S1"], [0], [encode_header(DAY_START_MS)])
    await BlockPublisher(redis, keys).store_tapes(writes)
    reader = SnapshotReader(redis, keys)
    none, empty, absent = await reader.tapes(("S0", "S1", "S2"))
    assert (none, absent) == (None, None)
    assert empty is not None
    assert (empty.day_start_ms, len(empty.ring)) == (DAY_START_MS, 0)
    assert TAPE_TTL_SECONDS - 60 < await redis.ttl(keys.tape("S1")) <= TAPE_TTL_SECONDS


async def test_symbols_of_any_letters_have_a_tape(redis: Redis, keys: Keys) -> None:
    symbols = ["BRK.A", "Ω\n$1", "x" * 32]
    header = encode_header(DAY_START_MS)
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    await publisher.store_tapes(TapeWrites(symbols, [0] * 3, [header] * 3))
    record = np.zeros(1, dtype=RECORD).tobytes()
    await publisher.store_tapes(TapeWrites(symbols, [HEADER_BYTES] * 3, [record, record * 2, record * 3]))
    stored = await reader.tapes(symbols)
    assert [None if tape is None else len(tape.ring) for tape in stored] == [1, 2, 3]
