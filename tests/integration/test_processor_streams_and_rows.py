"""What a processor tells once, keeps for a look, and refuses: on a real cache, over the deaths of owners."""

import pytest
from redis.asyncio import Redis

from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from scanners.processor.symbol_rows import MARKET_ROWS, UNKNOWN_SYMBOL
from tests.support.builders import (
    aggregate_wire,
    row_block,
)
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.processor_task import OPENS_MS, SHARD, TAKEOVER_SECONDS, Launch, received_now, stored_rows

pytestmark = pytest.mark.redis


async def highs(snapshots: SnapshotReader) -> list[tuple[str, float, float]]:
    """Every new high that was told, once for each publication."""
    blocks = {(block.epoch, block.tick): block for block in await snapshots.stream(SHARD, "daily_range_high")}
    return [
        (symbol, price, level)
        for block in blocks.values()
        for symbol, price, level in zip(
            block.symbols, block.columns["price"].tolist(), block.columns["level"].tolist(), strict=True
        )
    ]


def rising(second: int) -> Batch:
    start_ms = OPENS_MS + second * 1_000
    return received_now(
        QueueName.AGGREGATE, [aggregate_wire("S0", start_ms=start_ms, h=20.0 + second)], second + 1
    )


async def test_every_new_high_is_told_once_however_often_the_owner_dies(launch: Launch) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    running = launch(MemoryTransport(broker))
    for second in range(24):
        await publisher.publish([rising(second)])
        if second % 4 == 3:
            await running.kill()  # at any point between receiving and acknowledging
            running = launch(MemoryTransport(broker))
    expected = [("S0", 20.0 + second, 19.0 + second) for second in range(1, 24)]

    async def told() -> bool:
        return await highs(running.snapshots) == expected

    await eventually(told, TAKEOVER_SECONDS)


async def test_events_that_waited_meet_the_range_that_the_day_already_had(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    reference = row_block({"S0": {"snapshot_high": 22.0, "snapshot_low": 5.0}}, market_time_ms=OPENS_MS)
    await BlockPublisher(redis, keys).publish_reference(reference)
    broker = MemoryBroker()
    await MemoryTransport(broker).publish([rising(second) for second in range(4)])

    running = launch(MemoryTransport(broker))

    async def told() -> bool:
        return await highs(running.snapshots) == [("S0", 23.0, 22.0)]

    await eventually(told, TAKEOVER_SECONDS)


async def test_what_nobody_understands_can_be_looked_at(launch: Launch) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    running = launch(MemoryTransport(broker))
    wrong = aggregate_wire("S1", start_ms=OPENS_MS, c=-1)
    mixed = received_now(QueueName.AGGREGATE, [wrong, aggregate_wire("S0", start_ms=OPENS_MS)], 1)
    await publisher.publish([received_now(QueueName.UNKNOWN, [{"ev": "FMV", "fmv": 1.5}], 1), mixed])

    async def kept() -> bool:
        pieces = await running.snapshots.unknown(SHARD)
        return sorted(piece.reason for piece in pieces) == ["invalid_field", "unknown_type"]

    await eventually(kept, TAKEOVER_SECONDS)
    assert set(await stored_rows(running.snapshots)) == {"S0"}


async def test_a_flood_of_invented_symbols_is_counted_and_told_and_the_processor_stays_ready(
    launch: Launch, keys: Keys, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    known = row_block({"IPO": {"prev_day_close": 5.0}}, producer="reference")
    await BlockPublisher(redis, keys).publish_reference(known)
    events = [aggregate_wire(f"X{number}", start_ms=OPENS_MS) for number in range(MARKET_ROWS + 10)]
    before = metrics.PROCESSOR_IGNORED.labels(UNKNOWN_SYMBOL)._value.get()
    broker = MemoryBroker()
    running = launch(MemoryTransport(broker))
    reader = running.snapshots
    await MemoryTransport(broker).publish([received_now(QueueName.AGGREGATE, events, 1)])

    async def refused() -> RowBlock | None:
        return await reader.refused(SHARD)

    told = await eventually(refused, TAKEOVER_SECONDS)
    assert told is not None
    assert len(told) == 11
    assert metrics.PROCESSOR_IGNORED.labels(UNKNOWN_SYMBOL)._value.get() == before + 11
    assert running.processor.unready() == {}
    assert "events of symbols that got no row" in caplog.text
    await running.stop()


async def test_a_successor_takes_over_no_more_rows_than_there_may_be_and_all_known_ones(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    rows = {f"X{number}": {"accumulated_volume": 1.0 + number} for number in range(MARKET_ROWS + 500)}
    whole = row_block({"KNOWN": {}, **rows}, market_time_ms=OPENS_MS)
    publisher = BlockPublisher(redis, keys)
    await publisher.publish_tick(SHARD, ShardTick(whole=whole, changed=whole))
    await publisher.publish_reference(row_block({"KNOWN": {"prev_day_close": 5.0}}, producer="reference"))
    running = launch(MemoryTransport(MemoryBroker()))

    async def taken_over() -> RowBlock | None:
        block = await running.snapshots.rows(SHARD)
        return block if block is not None and block.epoch != whole.epoch else None

    block = await eventually(taken_over, TAKEOVER_SECONDS)
    assert block is not None
    assert len(block) == MARKET_ROWS
    assert {"KNOWN", f"X{MARKET_ROWS + 499}"} <= set(block.symbols)
    assert "X0" not in block.symbols
