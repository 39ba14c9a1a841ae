"""What is stored and announced can be read back, in this order, and errors are named."""

import asyncio
import contextlib

import pytest
from redis.asyncio import Redis

from marketdata.errors import ConfigurationError, ContentError, StoreUnavailable
from marketdata.payloads import encode_row_block
from marketdata.schema.boards import TOP_VOLUME
from marketdata.store.announcements import (
    MOST_PER_BATCH,
    Announcement,
    AnnouncementReader,
    MissedAnnouncements,
)
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from tests.support.builders import block_rows, row_block
from tests.support.samples import sample

pytestmark = pytest.mark.redis
DEADLINE_SECONDS = 10.0


async def test_stored_rows_are_read_back(redis: Redis, keys: Keys) -> None:
    whole = row_block({"AAPL": {"close": 1.5}, "MSFT": {"volume": 0.0}})
    await BlockPublisher(redis, keys).publish_tick(
        3, ShardTick(whole=whole, changed=row_block({"AAPL": {"close": 1.5}}))
    )

    stored = await SnapshotReader(redis, keys).rows(3)

    assert stored is not None
    assert block_rows(stored) == {
        "AAPL": {"close": 1.5, "volume": None},
        "MSFT": {"close": None, "volume": 0.0},
    }


async def test_nothing_stored_reads_as_none(redis: Redis, keys: Keys) -> None:
    reader = SnapshotReader(redis, keys)
    assert await reader.rows(0) is None
    assert await reader.board(TOP_VOLUME) is None
    assert await reader.reference() is None


async def test_every_stored_value_has_a_lifetime(redis: Redis, keys: Keys) -> None:
    publisher = BlockPublisher(redis, keys)
    block = row_block({"AAPL": {"rank": 1.0}})
    await publisher.publish_tick(
        0,
        ShardTick(whole=block, changed=block, private_columns={"minutes": block}, streams={"halts": [block]}),
    )
    await publisher.publish_board(TOP_VOLUME, block, {"AAPL": 7.0})
    await publisher.publish_reference(block)

    lifetimes = {key: await redis.ttl(key) async for key in redis.scan_iter(match=f"{keys.prefix}*")}

    assert len(lifetimes) == 6
    assert all(seconds > 0 for seconds in lifetimes.values()), lifetimes


async def test_a_checkpoint_is_the_rows_and_the_stored_private_columns(redis: Redis, keys: Keys) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    assert await reader.checkpoint(0, ("minutes",)) is None
    rows, private = row_block({"AAPL": {"close": 1.5}}), row_block({"AAPL": {"end": 7.0}})

    whole = await publisher.publish_tick(
        0,
        ShardTick(
            whole=rows, changed=rows, private_columns={"minutes": private}, private_groups=("minutes",)
        ),
    )

    stored = await reader.checkpoint(0, ("minutes", "never_stored"))
    assert stored is not None
    assert block_rows(stored.whole) == block_rows(rows)
    assert {name: block_rows(block) for name, block in stored.private_columns.items()} == {
        "minutes": block_rows(private)
    }
    assert whole
    await redis.delete(keys.private_columns(0, "minutes"))
    assert not await publisher.publish_tick(
        0, ShardTick(whole=rows, changed=rows, private_groups=("minutes",))
    )


async def test_a_stream_keeps_its_newest_blocks_in_order(
    redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketdata.store.publisher.STREAM_BLOCKS", 3)
    publisher = BlockPublisher(redis, keys)
    rows = row_block({"AAPL": {"close": 1.5}})
    for tick in range(1, 6):
        block = row_block({"AAPL": {"price": float(tick)}}, tick=tick)
        await publisher.publish_tick(0, ShardTick(whole=rows, changed=rows, streams={"halts": [block]}))

    assert [block.tick for block in await SnapshotReader(redis, keys).stream(0, "halts")] == [3, 4, 5]


async def test_sorted_set_holds_exactly_the_newest_board(redis: Redis, keys: Keys) -> None:
    publisher = BlockPublisher(redis, keys)
    board = row_block({"A": {"rank": 1.0}}, producer=TOP_VOLUME)
    await publisher.publish_board(TOP_VOLUME, board, {"A": 3.0, "B": 2.0})
    await publisher.publish_board(TOP_VOLUME, board, {"C": 9.0, "A": 4.0})

    ranked = await redis.zrevrange(keys.leaderboard(TOP_VOLUME), 0, -1, withscores=True)
    assert ranked == [(b"C", 9.0), (b"A", 4.0)]

    await publisher.publish_board(TOP_VOLUME, board, {})
    assert await redis.exists(keys.leaderboard(TOP_VOLUME)) == 0


async def test_foreign_bytes_are_named_as_such(redis: Redis, keys: Keys) -> None:
    await redis.set(keys.reference(), b"not a block")
    with pytest.raises(ContentError, match="row_block"):
        await SnapshotReader(redis, keys).reference()


async def test_an_absent_server_is_unavailable(unused_tcp_port: int, keys: Keys) -> None:
    async with connect(f"redis://127.0.0.1:{unused_tcp_port}") as absent:
        with pytest.raises(StoreUnavailable, match="ConnectionError"):
            await SnapshotReader(absent, keys).rows(0)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MDC_URL"):
        connect("amqp://localhost")


async def test_whoever_hears_the_news_can_read_it(redis_url: str, redis: Redis, keys: Keys) -> None:
    reader = AnnouncementReader(redis_url, [keys.rows(0), keys.rows(1)])
    async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(aiter(reader)) as news:
        assert await anext(news) == MissedAnnouncements()
        whole = row_block({"AAPL": {"close": 1.0}, "MSFT": {"close": 2.0}}, tick=5)
        changed = row_block({"MSFT": {"close": 2.0}}, tick=5)
        await BlockPublisher(redis, keys).publish_tick(1, ShardTick(whole=whole, changed=changed))
        heard = await anext(news)

    assert isinstance(heard, Announcement)
    assert heard.channel == keys.rows(1)
    assert (heard.block.tick, heard.block.symbols) == (5, ("MSFT",))
    stored = await SnapshotReader(redis, keys).rows(1)
    assert stored is not None
    assert (stored.tick, stored.symbols) == (5, ("AAPL", "MSFT"))


async def test_all_announcements_that_wait_come_in_one_batch(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    reader = AnnouncementReader(redis_url, [keys.reference()])
    block = encode_row_block(row_block({f"S{number}": {"close": 1.0} for number in range(10_000)}))
    async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(reader.batches()) as batches:
        assert (await anext(batches)).news == (MissedAnnouncements(),)
        for _ in range(2 * MOST_PER_BATCH):
            await redis.publish(keys.reference(), block)
        sizes: list[int] = []
        while sum(sizes) < 2 * MOST_PER_BATCH:
            batch = await anext(batches)
            sizes.append(len(batch.news))
            assert batch.more_wait or sum(sizes) == 2 * MOST_PER_BATCH
        assert max(sizes) == MOST_PER_BATCH


async def test_malformed_announcements_are_counted_and_skipped(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    reader = AnnouncementReader(redis_url, [keys.reference()])
    block = row_block({"AAPL": {"avg_volume": 1.0}})
    before = sample("mdp_store_malformed_messages_total", reason="row_block")
    async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(aiter(reader)) as news:
        await anext(news)
        await redis.publish(keys.reference(), b"\xffgarbage")
        await BlockPublisher(redis, keys).publish_reference(block)
        heard = await anext(news)

    assert isinstance(heard, Announcement)
    assert heard.block.symbols == ("AAPL",)
    assert sample("mdp_store_malformed_messages_total", reason="row_block") == before + 1


async def test_reader_comes_back_and_says_that_something_may_be_missing(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    reader = AnnouncementReader(redis_url, [keys.rows(0)])
    block = row_block({"AAPL": {"close": 1.0}})
    async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(aiter(reader)) as news:
        assert await anext(news) == MissedAnnouncements()
        await redis.client_kill_filter(_type="pubsub")
        assert await anext(news) == MissedAnnouncements()
        await BlockPublisher(redis, keys).publish_tick(0, ShardTick(whole=block, changed=block))
        assert isinstance(await anext(news), Announcement)
