"""Operators pause, drain and restart processes while they run, and they come back by themselves."""

import json
import signal
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from marketdata.control import Report
from marketdata.runtime.live_settings import read_actual
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from marketdata.store.snapshots import SnapshotReader
from scanners.settings import ProcessorSettings, ScannerSettings
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.processor_task import SHARD, Launch, bars, until_accumulated
from tests.support.running import running_command
from tests.support.scanner_task import ScannerTask
from tests.support.steering import EFFECT_SECONDS, QUICK, CacheSteering, applied, steering_of

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("log_level")]


@pytest.fixture
async def scanner(redis_url: str, redis: Redis, keys: Keys, launch: Launch) -> AsyncIterator[None]:
    """A scanner of some rows."""
    broker = MemoryBroker()
    launch(MemoryTransport(broker))
    await MemoryTransport(broker).publish([bars(0), bars(1)])
    records = InstanceRecords(redis, keys, SCANNER, "one")
    task = ScannerTask(redis_url, keys, "one", records=records, source="one")
    yield
    await task.stop()
    await task.redis.aclose()


async def test_a_paused_processor_gives_its_shard_back_and_continues_where_it_was(
    launch: Launch,
    redis: Redis,
    keys: Keys,
    reader: SnapshotReader,
    processors: CacheSteering[ProcessorSettings],
) -> None:
    broker = MemoryBroker()
    records = InstanceRecords(redis, keys, PROCESSOR, "one")
    launch(MemoryTransport(broker), records=records, own_settings=QUICK, source="one")
    await MemoryTransport(broker).publish([bars(0), bars(1)])
    before = await until_accumulated(reader, 100.0)

    await applied(processors, running=False)
    await eventually(lambda: not broker.owners, 5)
    (report,) = await records.actual_of_instances()
    assert not read_actual(report).works
    await MemoryTransport(broker).publish([bars(2)])

    await applied(processors, running=True)
    after = await until_accumulated(reader, 200.0)
    assert (after.epoch, len(after)) == (before.epoch, len(before))


async def test_a_drained_processor_leaves_its_shard_to_another_one(
    launch: Launch,
    redis: Redis,
    keys: Keys,
    reader: SnapshotReader,
    processors: CacheSteering[ProcessorSettings],
) -> None:
    broker = MemoryBroker()

    def start(name: str) -> None:
        records = InstanceRecords(redis, keys, PROCESSOR, name)
        launch(MemoryTransport(broker), records=records, own_settings=QUICK, source=name)

    start("one")
    await MemoryTransport(broker).publish([bars(0), bars(1)])
    first = await until_accumulated(reader, 100.0)
    start("two")

    async def owner_is_another() -> bool:
        block = await reader.rows(SHARD)
        return block is not None and block.epoch != first.epoch

    await applied(processors, drained=["one"])
    await eventually(owner_is_another, 5)
    await MemoryTransport(broker).publish([bars(2)])
    await until_accumulated(reader, 200.0)


async def test_a_paused_scanner_gives_up_the_lead_and_ranks_again_after_the_pause(
    scanner: None,
    redis: Redis,
    keys: Keys,
    reader: SnapshotReader,
    scanners: CacheSteering[ScannerSettings],
) -> None:
    async def epoch() -> int:
        block = await reader.board(TOP_GAINERS)
        return block.epoch if block is not None else 0

    first = await eventually(epoch, 5)
    await applied(scanners, running=False)

    async def gave_up() -> bool:
        return not await redis.exists(keys.scanner_lease())

    await eventually(gave_up, EFFECT_SECONDS)
    await applied(scanners, running=True)

    async def ranks_anew() -> bool:
        return await epoch() != first

    await eventually(ranks_anew, 5)


async def test_a_process_restarts_in_place_with_another_identity_and_once(
    redis_url: str, unique_prefix: str, redis: Redis
) -> None:
    prefix = f"{unique_prefix}:"
    control = steering_of(redis, Keys(prefix), SCANNER, ScannerSettings())

    async def other_than(before: str) -> Report | None:
        reports = [each for each in await control.reports() if each.source != before]
        return reports[0] if reports else None

    async with running_command("run_scanner", MDC_URL=redis_url, MDC_KEY_PREFIX=prefix) as process:
        first = await eventually(lambda: other_than(""), 30)
        assert first is not None
        await control.change({"restarting": [first.source]})
        second = await eventually(lambda: other_than(first.source), 30)
        assert second is not None
        assert first.source.split(":")[:2] == second.source.split(":")[:2], "the machine and the process id"
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        log = [json.loads(line) for line in (await process.stdout.read()).splitlines()]
        assert [line["event"] for line in log].count("service stopped") == 2
        assert await process.wait() == 0
