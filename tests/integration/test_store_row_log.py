"""The stored rows of a shard: a whole and the changes since, which one owner writes and anybody reads."""

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.payloads import RowBlock, encode_row_block
from marketdata.store.announcements import Announcement, AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.row_log import MOST_LOGGED_BLOCKS, LogEnd
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.queues import QueueName
from scanners.processor.owner import StoredShard
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    row_block,
    whole_of,
)
from tests.support.samples import sample

pytestmark = pytest.mark.redis
SHARD = 0
DAYS = ("2026-11-23", "2026-11-24", "2026-11-25")
SYMBOLS = tuple(f"S{number}" for number in range(12))
DEADLINE_SECONDS = 10.0


def rows(closes: Mapping[str, float], tick: int, epoch: int = 1) -> RowBlock:
    return row_block({symbol: {"close": close} for symbol, close in closes.items()}, tick=tick, epoch=epoch)


def whole(closes: Mapping[str, float], tick: int, epoch: int = 1) -> ShardTick:
    block = rows(closes, tick, epoch)
    return ShardTick(whole=block, changed=block)


def logged(closes: Mapping[str, float], tick: int, end: LogEnd, epoch: int = 1) -> ShardTick:
    return ShardTick(whole=None, changed=rows(closes, tick, epoch), log_end=end)


async def stored(redis: Redis, keys: Keys) -> tuple[int, int, dict[str, float | None]] | None:
    """Epoch, tick and closes as a reader gets them; the checkpoint must have the same rows."""
    reader = SnapshotReader(redis, keys)
    block, checkpoint = await reader.rows(SHARD), await reader.checkpoint(SHARD, ())
    if block is None:
        assert checkpoint is None
        return None
    assert checkpoint is not None
    assert encode_row_block(checkpoint.whole) == encode_row_block(block)
    closes = {symbol: row["close"] for symbol, row in block_rows(block).items()}
    return block.epoch, block.tick, closes


async def test_changes_are_announced_and_read_with_the_rows_before_them(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    publisher = BlockPublisher(redis, keys)
    reader = AnnouncementReader(redis_url, [keys.rows(SHARD)])
    async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(aiter(reader)) as news:
        await anext(news)
        assert await publisher.publish_tick(SHARD, whole({"A": 1.0, "B": 2.0}, tick=1))
        assert await publisher.publish_tick(SHARD, logged({"B": 3.0}, 2, LogEnd(1, 1)))
        assert await publisher.publish_tick(SHARD, logged({"C": 4.0}, 3, LogEnd(1, 2)))
        heard = [await anext(news) for _ in range(3)]
    announced = [(item.channel, item.block.tick) for item in heard if isinstance(item, Announcement)]
    assert announced == [(keys.rows(SHARD), tick) for tick in (1, 2, 3)]
    assert await stored(redis, keys) == (1, 3, {"A": 1.0, "B": 3.0, "C": 4.0})
    assert 0 < await redis.ttl(keys.row_log(SHARD)) <= await redis.ttl(keys.rows(SHARD)) + 1

    assert await publisher.publish_tick(SHARD, whole({"A": 5.0}, tick=4))
    assert await stored(redis, keys) == (1, 4, {"A": 5.0})
    assert await redis.exists(keys.row_log(SHARD)) == 0


async def test_an_owner_learns_that_its_whole_or_its_log_is_lost(redis: Redis, keys: Keys) -> None:
    publisher = BlockPublisher(redis, keys)
    for lost in (keys.rows(SHARD), keys.row_log(SHARD)):
        assert await publisher.publish_tick(SHARD, whole({"A": 1.0}, tick=1))
        assert await publisher.publish_tick(SHARD, logged({"A": 2.0}, 2, LogEnd(1, 1)))
        await redis.delete(lost)
        assert not await publisher.publish_tick(SHARD, logged({"A": 3.0}, 3, LogEnd(1, 2)))
        assert await stored(redis, keys) in (None, (1, 1, {"A": 1.0})), "older, but never a mixture"


async def test_an_owner_learns_that_another_one_wrote(redis: Redis, keys: Keys) -> None:
    publisher = BlockPublisher(redis, keys)
    assert await publisher.publish_tick(SHARD, whole({"A": 1.0}, tick=1, epoch=1))
    assert await publisher.publish_tick(SHARD, whole({"A": 5.0}, tick=1, epoch=2))
    assert not await publisher.publish_tick(SHARD, logged({"A": 2.0}, 2, LogEnd(1, 1), epoch=1))
    assert await stored(redis, keys) == (2, 1, {"A": 5.0})
    assert not await publisher.publish_tick(SHARD, logged({"A": 6.0}, 2, LogEnd(1, 1), epoch=2))
    assert await stored(redis, keys) == (2, 1, {"A": 5.0})


async def test_a_block_that_cannot_be_read_ends_the_log_and_is_counted(redis: Redis, keys: Keys) -> None:
    publisher = BlockPublisher(redis, keys)
    await publisher.publish_tick(SHARD, whole({"A": 1.0}, tick=1))
    await publisher.publish_tick(SHARD, logged({"A": 2.0}, 2, LogEnd(1, 1)))
    await redis.rpush(keys.row_log(SHARD), b"\xffgarbage")
    before = sample("mdp_store_malformed_messages_total", reason="row_block")
    assert not await publisher.publish_tick(SHARD, logged({"A": 3.0}, 3, LogEnd(1, 2)))
    assert await SnapshotReader(redis, keys).rows(SHARD) is not None
    assert sample("mdp_store_malformed_messages_total", reason="row_block") == before + 1
    assert await stored(redis, keys) == (1, 2, {"A": 2.0})


async def test_a_log_that_somebody_else_fills_stays_bounded(redis: Redis, keys: Keys) -> None:
    publisher = BlockPublisher(redis, keys)
    for tick in range(2 * MOST_LOGGED_BLOCKS):
        await publisher.publish_tick(SHARD, logged({"A": 1.0}, tick, LogEnd(1, 1)))
    assert await redis.llen(keys.row_log(SHARD)) == MOST_LOGGED_BLOCKS


class Owner:
    """A processor that publishes into the cache, and its double, whose ticks always have all rows."""

    def __init__(self, epoch: int, redis: Redis, keys: Keys) -> None:
        self.epoch = epoch
        self._second = itertools.count()
        self._processors = [
            ShardProcessor(SHARD, routes=routes(), calendar=calendar_of(*DAYS), epoch=epoch) for _ in range(2)
        ]
        for processor in self._processors:
            processor.apply_reference(row_block({symbol: {} for symbol in SYMBOLS[:6]}))
        self._stored = StoredShard(
            SHARD,
            snapshots=SnapshotReader(redis, keys),
            publisher=BlockPublisher(redis, keys),
            clock=SystemClock(),
        )

    def bars(self, day: str, numbers: set[int]) -> None:
        start_ms = new_york_ms(day, "10:00") + 1_000 * next(self._second)
        events = [aggregate_wire(SYMBOLS[number], start_ms=start_ms) for number in sorted(numbers)]
        for processor in self._processors if events else ():
            processor.apply([batch(QueueName.AGGREGATE, events)])

    async def publish(self) -> RowBlock:
        """Publish a tick. Returns all its rows, as the double has them."""
        await self._stored.publish(self._processors[0])
        return whole_of(self._processors[1].tick(published_ns=1))


operations = st.one_of(
    st.tuples(st.just("bars"), st.integers(0, 1), st.sets(st.integers(0, 11), max_size=3)),
    st.tuples(st.just("day"), st.integers(0, 1), st.just(set[int]())),
    st.tuples(st.just("lose"), st.integers(0, 1), st.just(set[int]())),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(operations, max_size=25))
def test_a_reader_gets_the_rows_of_one_owner_at_one_tick_and_after_a_tick_the_newest(
    redis_url: str, played: list[tuple[str, int, set[int]]]
) -> None:
    asyncio.run(play(redis_url, played))


async def play(redis_url: str, played: list[tuple[str, int, set[int]]]) -> None:
    """Two owners that both believe that the shard is theirs write in turn, and the cache loses keys."""
    keys = Keys(f"row_log:{uuid.uuid4().hex}:")
    async with connect(redis_url) as redis:
        reader = SnapshotReader(redis, keys)
        owners, days = [Owner(1, redis, keys), Owner(2, redis, keys)], [0, 0]
        published: list[tuple[int, str]] = []
        for operation, chosen, numbers in played:
            if operation == "lose":
                await redis.delete((keys.rows, keys.row_log)[chosen](SHARD))
                left = await reader.rows(SHARD)
                assert left is None or (left.epoch, str(block_rows(left))) in published
                continue
            if operation == "day":
                days[chosen] = min(days[chosen] + 1, len(DAYS) - 1)
            owners[chosen].bars(DAYS[days[chosen]], numbers or {0})
            expected = await owners[chosen].publish()
            read = await reader.rows(SHARD)
            assert read is not None
            assert (read.epoch, read.symbols) == (expected.epoch, expected.symbols)
            assert str(block_rows(read)) == str(block_rows(expected))
            published.append((read.epoch, str(block_rows(read))))
        if found := [key async for key in redis.scan_iter(match=f"{keys.prefix}*")]:
            await redis.delete(*found)
