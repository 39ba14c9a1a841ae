"""Processors purge their queues and scanners reset their boards, when operators ask for it."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import msgspec
import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.payloads import RowBlock
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.schema.boards import ALL_BOARDS, TOP_VOLUME
from marketdata.store.instruction_records import InstructionRecords
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.service_records import InstanceRecords
from marketdata.store.shard_state import ShardTick
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueLimits
from scanners.settings import ProcessorSettings
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.instructing import Instructing
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.processor_task import SHARD, Launch, bars, until_accumulated
from tests.support.running import running_command
from tests.support.scanner_task import ScannerTask
from tests.support.steering import QUICK, CacheSteering, applied

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("log_level")]

LIMITS: Final = QueueLimits(ttl_ms=60_000)
START_SECONDS: Final = 60.0
EFFECT_SECONDS: Final = 5.0
SLOW: Final = ProcessorSettings(longest_publish_interval_ms=250, prefetch_count=1)
"""It takes one batch of each queue in a tick, so batches wait."""

BACKLOG: Final = 400
WHOLE_RESET: Final = "began 7 boards anew, and read 2 symbols again"


@pytest.fixture
def processors_asked(redis: Redis, keys: Keys) -> Instructing:
    """The instructions to processors."""
    return Instructing(InstructionRecords(redis, keys, PROCESSOR))


@pytest.fixture
def scanners_asked(redis: Redis, keys: Keys) -> Instructing:
    """The instructions to scanners."""
    return Instructing(InstructionRecords(redis, keys, SCANNER))


def numbered(number: int, *, second: int = 1) -> Batch:
    return msgspec.structs.replace(bars(second), sequence=number)


async def test_a_purge_drops_what_waits_and_the_processor_goes_on_with_what_comes(
    launch: Launch, redis: Redis, keys: Keys, processors_asked: Instructing
) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker, limits=LIMITS)
    running = launch(
        MemoryTransport(broker, limits=LIMITS),
        own_settings=SLOW,
        instructions=InstructionRecords(redis, keys, PROCESSOR),
        source="one",
    )
    await processors_asked.until_carried_out()
    await publisher.publish([bars(0)])
    await until_accumulated(running.snapshots, 0.0)
    await publisher.publish([numbered(number) for number in range(2, BACKLOG + 1)])

    answers = await processors_asked.ask("purge_queue", queue="aggregate")

    (shard,) = running.processor.status().shards
    (intake,) = shard.queues
    assert not answers["one"].is_refused
    assert answers["one"].text == f"purged {intake.purged} batches of shard {SHARD}"
    assert intake.purged > BACKLOG // 2
    assert (intake.received + intake.purged, intake.missing) == (BACKLOG, 0)
    await publisher.publish([numbered(BACKLOG + 1, second=5)])
    await until_accumulated(running.snapshots, 500.0)


async def test_a_processor_refuses_an_unknown_queue_and_one_that_stands_by_says_so(
    launch: Launch, redis: Redis, keys: Keys, processors_asked: Instructing
) -> None:
    broker = MemoryBroker()
    instructions = InstructionRecords(redis, keys, PROCESSOR)
    launch(MemoryTransport(broker), instructions=instructions, source="one")
    await eventually(lambda: broker.owners, EFFECT_SECONDS)
    launch(MemoryTransport(broker), instructions=instructions, source="two")
    await processors_asked.until_carried_out(2)
    refused = await processors_asked.ask("purge_queue", expected=2, queue="trade")
    assert all(each.is_refused and "accepted: one of all" in each.text for each in refused.values())
    answers = await processors_asked.ask("purge_queue", expected=2, queue="all")
    assert answers["one"].text == f"purged 0 batches of shard {SHARD}"
    assert answers["two"].text == "owns no shard, so it purged nothing"


async def test_a_shorter_life_of_batches_applies_while_the_processor_runs(
    launch: Launch, redis: Redis, keys: Keys, processors: CacheSteering[ProcessorSettings]
) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker, limits=LIMITS)
    records = InstanceRecords(redis, keys, PROCESSOR, "one")
    running = launch(
        MemoryTransport(broker, limits=LIMITS), records=records, own_settings=QUICK, source="one"
    )
    old_ns = SystemClock().time_ns() - 10 * 10**9
    await publisher.publish([msgspec.structs.replace(bars(1), received_ns=old_ns)])
    await until_accumulated(running.snapshots, 100.0)

    await applied(processors, message_life_ms=5_000)
    await publisher.publish([msgspec.structs.replace(bars(2), received_ns=old_ns), bars(3)])
    await until_accumulated(running.snapshots, 300.0)
    (shard,) = running.processor.status().shards
    assert [(each.received, each.expired, each.missing) for each in shard.queues] == [(2, 1, 0)]


async def test_a_life_that_is_shorter_than_the_time_between_ticks_is_refused(
    launch: Launch, redis: Redis, keys: Keys, processors: CacheSteering[ProcessorSettings]
) -> None:
    records = InstanceRecords(redis, keys, PROCESSOR, "one")
    launch(MemoryTransport(MemoryBroker()), records=records, own_settings=QUICK, source="one")
    version = await processors.change({"message_life_ms": 1_000, "longest_publish_interval_ms": 1_000})
    effect = await processors.effect(version, EFFECT_SECONDS)
    assert effect.outcome == "refused"
    assert "less than the 1000 ms that a batch lives" in effect.explanation


LaunchScanner = Callable[[str], ScannerTask]


@pytest.fixture
async def launch_scanner(redis_url: str, redis: Redis, keys: Keys) -> AsyncIterator[LaunchScanner]:
    """Starts scanners that carry out instructions, and ends them."""
    launched: list[ScannerTask] = []

    def start(name: str) -> ScannerTask:
        instructions = InstructionRecords(redis, keys, SCANNER)
        launched.append(ScannerTask(redis_url, keys, name, instructions=instructions, source=name))
        return launched[-1]

    yield start
    for running in launched:
        await running.kill()


async def stored_boards(reader: SnapshotReader) -> Mapping[str, RowBlock]:
    found = {name: await reader.board(name) for name in ALL_BOARDS}
    return {name: block for name, block in found.items() if block is not None}


async def all_boards(reader: SnapshotReader) -> Mapping[str, RowBlock]:
    """The boards, once all of them are stored: they are stored one after the other."""

    async def complete() -> Mapping[str, RowBlock] | None:
        found = await stored_boards(reader)
        return found if len(found) == len(ALL_BOARDS) else None

    return await eventually(complete, START_SECONDS) or {}


async def reset_all(asked: Instructing, *, is_refused: bool) -> str:
    """Ask the leader until it answers in this way. On a busy machine it may lose its lease for a moment."""

    async def answered() -> str:
        (answer,) = (await asked.ask("reset_board", board="all")).values()
        return answer.text if answer.is_refused is is_refused and "stands by" not in answer.text else ""

    return await eventually(answered, START_SECONDS)


async def publish_rows(publisher: BlockPublisher) -> None:
    rows = row_block({"A": {"accumulated_volume": 1.0}, "B": {"accumulated_volume": 2.0}})
    await publisher.publish_tick(0, ShardTick(whole=rows, changed=rows))


async def test_the_leader_begins_a_board_anew_and_the_standby_says_that_it_stands_by(
    launch_scanner: LaunchScanner,
    redis: Redis,
    keys: Keys,
    reader: SnapshotReader,
    scanners_asked: Instructing,
) -> None:
    await publish_rows(BlockPublisher(redis, keys))
    leader = launch_scanner("leader")
    await eventually(lambda: leader.scanner.status().role == "leader", EFFECT_SECONDS)
    launch_scanner("standby")
    await scanners_asked.until_carried_out(2)
    before = await all_boards(reader)
    await redis.delete(keys.board(TOP_VOLUME), keys.leaderboard(TOP_VOLUME))

    answers = await scanners_asked.ask("reset_board", expected=2, board=TOP_VOLUME)  # without any new tick

    assert answers["leader"].text == "began 1 board anew, and read 2 symbols again"
    assert answers["standby"].text == "stands by, so it reset nothing"
    after = await stored_boards(reader)
    assert after[TOP_VOLUME].symbols == ("B", "A")
    assert after[TOP_VOLUME].epoch > before[TOP_VOLUME].epoch
    others = set(ALL_BOARDS) - {TOP_VOLUME}
    assert {after[name].epoch for name in others} == {before[name].epoch for name in others}
    (book,) = leader.scanner.status().books
    assert book.closes


async def test_a_reset_is_refused_if_the_cache_fails_in_between(
    launch_scanner: LaunchScanner,
    redis: Redis,
    keys: Keys,
    reader: SnapshotReader,
    scanners_asked: Instructing,
) -> None:
    """The rows of a shard are of another kind, so reading them fails as a command that the server refuses."""
    await publish_rows(BlockPublisher(redis, keys))
    launch_scanner("leader")
    await scanners_asked.until_carried_out()
    await all_boards(reader)
    await redis.delete(keys.row_log(0))
    await redis.set(keys.row_log(0), b"no list")
    assert await reset_all(scanners_asked, is_refused=True)
    await redis.delete(keys.row_log(0))
    assert await reset_all(scanners_asked, is_refused=False) == WHOLE_RESET


@pytest.mark.timeout(150)
async def test_a_scanner_process_resets_its_boards(
    redis_url: str, redis: Redis, keys: Keys, unique_prefix: str, reader: SnapshotReader
) -> None:
    await publish_rows(BlockPublisher(redis, keys))
    asked = Instructing(InstructionRecords(redis, keys, SCANNER))
    async with running_command("run_scanner", MDC_URL=redis_url, MDC_KEY_PREFIX=f"{unique_prefix}:"):
        before = await all_boards(reader)
        await asked.until_carried_out()
        assert await reset_all(asked, is_refused=False) == WHOLE_RESET
        after = await stored_boards(reader)
        assert all(after[name].epoch > before[name].epoch for name in ALL_BOARDS)
