"""The symbols that got no row, in a real cache: replaced as a whole, and gone after a day."""

import pytest
from redis.asyncio import Redis

from marketdata.store.keys import ROWS_TTL_SECONDS, Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from tests.support.builders import block_rows, row_block

pytestmark = pytest.mark.redis
ROWS = row_block({"AAPL": {"close": 1.5}})


async def test_refused_symbols_are_read_back_and_end_after_a_day(redis: Redis, keys: Keys) -> None:
    publisher, reader = BlockPublisher(redis, keys), SnapshotReader(redis, keys)
    await publisher.publish_tick(3, ShardTick(whole=ROWS, changed=ROWS))
    assert await reader.refused(3) is None
    await publisher.publish_tick(
        3, ShardTick(whole=ROWS, changed=ROWS, refused=row_block({"X": {"events": 4.0}}))
    )
    await publisher.publish_tick(
        3, ShardTick(whole=ROWS, changed=ROWS, refused=row_block({"Y": {"events": 9.0}}))
    )
    await publisher.publish_tick(3, ShardTick(whole=ROWS, changed=ROWS))

    stored = await reader.refused(3)
    assert stored is not None
    assert block_rows(stored) == {"Y": {"events": 9.0}}
    assert await reader.refused(2) is None
    assert 0 < await redis.ttl(keys.refused(3)) <= ROWS_TTL_SECONDS
