"""Operators switch analyzers, streams and boards off and on while processor and scanner run."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from marketdata.control import RevisionOutcome
from marketdata.errors import ConfigurationError
from marketdata.payloads import RowBlock
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.runtime.settings import S
from marketdata.schema.boards import TOP_GAINERS, TOP_VOLUME
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from marketdata.store.snapshots import SnapshotReader
from scanners.settings import ProcessorSettings, ScannerSettings
from tests.support.deadlines import eventually, scaled
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
from tests.support.steering import CacheSteering, steering_of

pytestmark = pytest.mark.redis

EFFECT_SECONDS = 2.0
OWN = ProcessorSettings(longest_publish_interval_ms=50)


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    level = logging.root.level
    yield
    logging.root.setLevel(level)


@pytest.fixture
def reader(redis: Redis, keys: Keys) -> SnapshotReader:
    return SnapshotReader(redis, keys)


@pytest.fixture
def processors(redis: Redis, keys: Keys) -> CacheSteering[ProcessorSettings]:
    return steering_of(redis, keys, PROCESSOR, OWN)


@pytest.fixture
def scanners(redis: Redis, keys: Keys) -> CacheSteering[ScannerSettings]:
    return steering_of(redis, keys, SCANNER, ScannerSettings())


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
    return launch(MemoryTransport(broker), records=records, own_settings=OWN, source=name)


async def change(control: CacheSteering[S], **values: object) -> None:
    version = await control.change(values)
    effect = await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
    assert effect.outcome is RevisionOutcome.APPLIED, effect.explanation


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
    await change(processors, analyzers_off=["daily_range"])
    off = market_rows(await rows_with(reader, off="day_high"))
    assert (off["S0"]["day_high"], off["S0"]["accumulated_volume"]) == (None, 100)

    await change(processors, analyzers_off=[])
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
    await change(processors, analyzers_off=["daily_range", "trades"])
    await rows_with(reader, off="day_high")
    await change(processors, analyzers_off=["trades"])
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
    await change(processors, analyzers_off=["leaderboard"])
    await eventually(lambda: board(True, 0), 5)
    await change(processors, analyzers_off=[])
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
    await change(scanners, boards_off=[TOP_VOLUME])
    await eventually(lambda: sizes(0, 3), EFFECT_SECONDS)
    await change(scanners, boards_off=[])
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
