"""The list of what was not understood, in a real cache: readable, bounded, and gone after its time."""

import pytest
from redis.asyncio import Redis

from marketdata.errors import ContentError
from marketdata.payloads import UnknownPiece
from marketdata.store.keys import UNKNOWN_TTL_SECONDS, Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from tests.support.builders import row_block

pytestmark = pytest.mark.redis
ROWS = row_block({"AAPL": {"close": 1.5}})


def piece(number: int) -> UnknownPiece:
    return UnknownPiece.cut(b'{"ev":"X\xff%d"}' % number, reason="unknown_type", received_ns=number)


async def test_pieces_are_read_back_byte_for_byte_and_end_after_a_day(redis: Redis, keys: Keys) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    assert await reader.unknown(3) == []
    await publisher.publish_tick(3, ShardTick(whole=ROWS, changed=ROWS, unknown=[piece(1), piece(2)]))
    await publisher.publish_tick(3, ShardTick(whole=ROWS, changed=ROWS, unknown=[piece(3)]))
    await publisher.publish_tick(3, ShardTick(whole=ROWS, changed=ROWS))

    assert await reader.unknown(3) == [piece(1), piece(2), piece(3)]
    assert await reader.unknown(2) == []
    assert 0 < await redis.ttl(keys.unknown(3)) <= UNKNOWN_TTL_SECONDS


async def test_only_the_newest_pieces_are_kept(
    redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketdata.store.publisher.UNKNOWN_PIECES", 4)
    publisher = BlockPublisher(redis, keys)
    for first in range(0, 9, 3):
        pieces = [piece(number) for number in range(first, first + 3)]
        await publisher.publish_tick(0, ShardTick(whole=ROWS, changed=ROWS, unknown=pieces))
    assert [each.received_ns for each in await SnapshotReader(redis, keys).unknown(0)] == [5, 6, 7, 8]


async def test_foreign_bytes_are_named(redis: Redis, keys: Keys) -> None:
    await redis.rpush(keys.unknown(0), b"\x00")
    with pytest.raises(ContentError) as refused:
        await SnapshotReader(redis, keys).unknown(0)
    assert refused.value.reason == "unknown_piece"
