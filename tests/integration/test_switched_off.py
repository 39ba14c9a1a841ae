"""Operators switch analyzers, streams and boards off and on while processor and scanner run."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from marketdata.errors import ConfigurationError
from marketdata.payloads import RowBlock
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.schema.boards import TOP_GAINERS, TOP_VOLUME
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from marketdata.store.snapshots import SnapshotReader
from scanners.settings import ProcessorSettings, ScannerSettings
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.processor_task import (
    SHARD,
    Launch,
    ProcessorTask,
    bars,
    market_rows,
    until_accumulated,
)
from tests.support.scanner_task import ScannerTask
from tests.support.steering import EFFECT_SECONDS, QUICK, CacheSteering, applied

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("log_level")]


@pytest.fixture
async def broker(launch: Launch, redis: Redis, keys: Keys, reader: SnapshotReader) -> MemoryBroker:
    """Of a processor that has applied bars, the first one."""
    broker = MemoryBroker()
    start_processor(launch, broker, redis, keys, "first")
    await MemoryTransport(broker).publish([bars(0), bars(1)])
    await until_accumulated(reader, 100.0)
    return broker


@pytest.fixture
async def scanner(redis_url: str, redis: Redis, keys: Keys) -> AsyncIterator[None]:
    task = ScannerTask(
        redis_url, keys, "one", records=InstanceRecords(redis, keys, SCANNER, "one"), source="one"
    )
    yield
    await task.stop()
    await task.redis.aclose()


def start_processor(
    launch: Launch, broker: MemoryBroker, redis: Redis, keys: Keys, name: str
) -> ProcessorTask:
    records = InstanceRecords(redis, keys, PROCESSOR, name)
    return launch(MemoryTransport(broker), records=records, own_settings=QUICK, source=name)


async def rows_with(reader: SnapshotReader, *, off: str = "", partial: str = "") -> RowBlock:
    async def stored() -> RowBlock | None:
        block = await reader.rows(SHARD)
        is_wanted = (
            block is not None and (not off or off in block.off) and (not partial or partial in block.partial)
        )
        return block if is_wanted else None

    block = await eventually(stored, EFFECT_SECONDS)
    assert block is not None
    return block


async def test_an_analyzer_is_switched_off_and_on_in_two_seconds_and_its_columns_say_so(
    processors: CacheSteering[ProcessorSettings], broker: MemoryBroker, reader: SnapshotReader
) -> None:
    await applied(processors, analyzers_off=["daily_range"])
    off = market_rows(await rows_with(reader, off="day_high"))
    assert (off["S0"]["day_high"], off["S0"]["accumulated_volume"]) == (None, 100)

    await applied(processors, analyzers_off=[])
    await MemoryTransport(broker).publish([bars(2)])
    block = await rows_with(reader, partial="day_high")
    assert "day_high" not in block.off
    assert market_rows(await until_accumulated(reader, 200.0))["S0"]["day_high"] == 18.0


async def test_the_next_owner_keeps_the_switch_and_what_is_partial(
    processors: CacheSteering[ProcessorSettings],
    launch: Launch,
    reader: SnapshotReader,
    redis: Redis,
    keys: Keys,
) -> None:
    broker = MemoryBroker()
    first = start_processor(launch, broker, redis, keys, "first")
    await MemoryTransport(broker).publish([bars(0), bars(1)])
    await until_accumulated(reader, 100.0)
    await applied(processors, analyzers_off=["daily_range", "trades"])
    await rows_with(reader, off="day_high")
    await applied(processors, analyzers_off=["trades"])
    before = await rows_with(reader, partial="day_high")
    start_processor(launch, broker, redis, keys, "second")
    await first.kill()

    async def of_another() -> RowBlock | None:
        block = await reader.rows(SHARD)
        return block if block is not None and block.epoch != before.epoch else None

    after = await eventually(of_another, 10)
    assert after is not None
    assert (after.off, dict(after.partial)) == (before.off, dict(before.partial))


async def test_a_board_whose_ranking_column_is_off_is_off_until_it_can_be_ranked(
    processors: CacheSteering[ProcessorSettings],
    broker: MemoryBroker,
    reader: SnapshotReader,
    scanner: None,
) -> None:
    async def board(is_off: bool, symbols: int) -> bool:
        block = await reader.board(TOP_VOLUME)
        return block is not None and (len(block.off) == len(block.columns), len(block)) == (is_off, symbols)

    await eventually(lambda: board(False, 2), 5)
    await applied(processors, analyzers_off=["leaderboard"])
    await eventually(lambda: board(True, 0), 5)
    await applied(processors, analyzers_off=[])
    await MemoryTransport(broker).publish([bars(2)])
    await eventually(lambda: board(False, 2), 5)


async def test_boards_are_switched_and_bounded_by_the_scanner(
    scanners: CacheSteering[ScannerSettings], broker: MemoryBroker, reader: SnapshotReader, scanner: None
) -> None:
    del broker

    async def sizes(volume: int, gainers: int) -> bool:
        blocks = [await reader.board(name) for name in (TOP_VOLUME, TOP_GAINERS)]
        return [None if block is None else len(block) for block in blocks] == [volume, gainers]

    await eventually(lambda: sizes(2, 3), 5)
    await applied(scanners, boards_off=[TOP_VOLUME])
    await eventually(lambda: sizes(0, 3), EFFECT_SECONDS)
    await applied(scanners, boards_off=[])
    await eventually(lambda: sizes(2, 3), EFFECT_SECONDS)


async def test_an_unknown_name_is_refused_and_the_message_names_those_that_there_are(
    processors: CacheSteering[ProcessorSettings], scanners: CacheSteering[ScannerSettings]
) -> None:
    with pytest.raises(
        ConfigurationError, match="accepted: none or some of leaderboard, daily_range, trades"
    ):
        await processors.change({"analyzers_off": "leaderbord"})
    with pytest.raises(ConfigurationError, match="accepted: none or some of scanners:top_gainers"):
        await scanners.change({"boards_off": ["top_gainers"]})
    with pytest.raises(
        ConfigurationError, match="board_size is '9'; accepted: a whole number from 10 to 500"
    ):
        await scanners.change({"board_size": "9"})
