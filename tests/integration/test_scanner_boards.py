"""Boards in the cache follow the rows in the cache, after missed ticks and after a change of the leader."""

import time
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from redis.asyncio import Redis

from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_VOLUME
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from scanners.settings import ScannerSettings
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.scanner_task import ScannerTask
from tests.support.services import ValkeyServer

pytestmark = pytest.mark.redis

TAKEOVER_SECONDS = 5.0
RANKING_SECONDS = ScannerSettings().ranking_interval_ms / 1_000


Launch = Callable[[str], ScannerTask]


@pytest.fixture
async def launch(redis_url: str, keys: Keys) -> AsyncIterator[Launch]:
    """Starts scanners by name, and ends those that the test did not."""
    launched: list[ScannerTask] = []

    def start(owner: str) -> ScannerTask:
        launched.append(ScannerTask(redis_url, keys, owner))
        return launched[-1]

    yield start
    for running in launched:
        await running.kill()


def rows(volumes: Mapping[str, float], *, shard: int = 0, tick: int = 1, epoch: int = 1) -> RowBlock:
    return row_block(
        {symbol: {"accumulated_volume": volume} for symbol, volume in volumes.items()},
        producer=f"shard:{shard}",
        tick=tick,
        epoch=epoch,
    )


async def until_board(reader: SnapshotReader, *symbols: str) -> RowBlock:
    async def reached() -> RowBlock | None:
        block = await reader.board(TOP_VOLUME)
        return block if block is not None and block.symbols == symbols else None

    block = await eventually(reached, TAKEOVER_SECONDS)
    assert block is not None
    return block


async def test_stored_and_announced_rows_make_a_board(launch: Launch, keys: Keys, redis: Redis) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    stored = rows({"A": 1.0})
    await publisher.publish_tick(0, ShardTick(whole=stored, changed=stored))
    running = launch("only")
    await until_board(reader, "A")

    await publisher.publish_tick(
        1, ShardTick(whole=rows({"B": 2.0}, shard=1), changed=rows({"B": 2.0}, shard=1))
    )
    await publisher.publish_tick(
        0, ShardTick(whole=rows({"A": 3.0}, tick=2), changed=rows({"A": 3.0}, tick=2))
    )
    await until_board(reader, "A", "B")

    assert await redis.zrevrange(keys.leaderboard(TOP_VOLUME), 0, -1) == [b"A", b"B"]
    assert running.scanner.unready() == {}
    await running.stop()
    assert await redis.exists(keys.scanner_lease()) == 0


async def test_boards_are_ranked_four_times_a_second_however_often_shards_tick(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    await publisher.publish_tick(0, ShardTick(whole=rows({"A": 1.0}), changed=rows({"A": 1.0})))
    launch("only")
    first = await until_board(reader, "A")
    started = time.monotonic()
    tick = 1
    while time.monotonic() - started < 8 * RANKING_SECONDS:
        tick += 1
        block = rows({"A": 1.0 * tick}, tick=tick)
        await publisher.publish_tick(0, ShardTick(whole=block, changed=block))
    newest = rows({"B": 2.0}, tick=tick + 1)
    await publisher.publish_tick(0, ShardTick(whole=rows({"A": 1.0 * tick, "B": 2.0}), changed=newest))
    last = await until_board(reader, "A", "B")
    rankings = last.tick - first.tick
    assert rankings < tick
    assert rankings <= (time.monotonic() - started) / RANKING_SECONDS + 2


async def test_missed_ticks_are_read_from_the_store(launch: Launch, keys: Keys, redis: Redis) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    await publisher.publish_tick(0, ShardTick(whole=rows({"A": 1.0}), changed=rows({"A": 1.0})))
    launch("only")
    await until_board(reader, "A")

    whole = rows({"A": 1.0, "MISSED": 9.0, "B": 2.0}, tick=7)
    await publisher.publish_tick(0, ShardTick(whole=whole, changed=rows({"B": 2.0}, tick=7)))

    await until_board(reader, "MISSED", "B", "A")


async def test_a_new_owner_of_a_shard_replaces_its_rows(launch: Launch, keys: Keys, redis: Redis) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    await publisher.publish_tick(0, ShardTick(whole=rows({"A": 1.0, "OLD": 5.0}), changed=rows({"A": 1.0})))
    launch("only")
    await until_board(reader, "OLD", "A")
    whole = rows({"A": 1.0}, epoch=2)
    await publisher.publish_tick(0, ShardTick(whole=whole, changed=whole))
    await until_board(reader, "A")


async def test_a_standby_takes_over_from_a_killed_scanner(launch: Launch, keys: Keys, redis: Redis) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    await publisher.publish_tick(0, ShardTick(whole=rows({"A": 1.0}), changed=rows({"A": 1.0})))
    first = launch("first")
    before = await until_board(reader, "A")
    launch("standby")

    await first.kill()
    whole = rows({"A": 1.0, "B": 2.0}, tick=2)
    await publisher.publish_tick(0, ShardTick(whole=whole, changed=rows({"B": 2.0}, tick=2)))

    after = await until_board(reader, "B", "A")
    assert after.epoch > before.epoch
    assert await redis.get(keys.scanner_lease()) == b"standby"


async def test_only_one_scanner_publishes(launch: Launch, keys: Keys, redis: Redis) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    launch("first")
    launch("second")
    epochs = set()
    for tick in range(1, 4):
        symbols = {f"S{number}": float(-number + 10) for number in range(tick)}
        await publisher.publish_tick(
            0, ShardTick(whole=rows(symbols, tick=tick), changed=rows(symbols, tick=tick))
        )
        epochs.add((await until_board(reader, *symbols)).epoch)
    assert len(epochs) == 1


async def test_a_cache_that_restarts_empty_gets_the_boards_back(keys: Keys) -> None:
    with ValkeyServer() as server:
        running = ScannerTask(server.url, keys, "only")
        try:
            async with connect(server.url) as redis:
                publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
                await publisher.publish_tick(0, ShardTick(whole=rows({"A": 1.0}), changed=rows({"A": 1.0})))
                await until_board(reader, "A")
                server.stop()
                await eventually(running.scanner.unready, TAKEOVER_SECONDS)
                server.start()
                await publisher.publish_tick(
                    0, ShardTick(whole=rows({"A": 1.0}, tick=2), changed=rows({}, tick=2))
                )
                await until_board(reader, "A")
                await eventually(lambda: not running.scanner.unready(), TAKEOVER_SECONDS)
        finally:
            await running.kill()
