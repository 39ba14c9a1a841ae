"""`run_processor --workers 2`: each worker purges the queues of its shards, at each kind of broker."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.runtime.report import QueueIntake, read_report
from marketdata.runtime.role_settings import PROCESSOR
from marketdata.store.instruction_records import InstructionRecords
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from tests.support.deadlines import eventually
from tests.support.instructing import Instructing
from tests.support.running_processors import RunningParent, running_parent
from tests.support.transports import batches

pytestmark = [pytest.mark.redis, pytest.mark.timeout(200)]

LIMITS: Final = QueueLimits(ttl_ms=60_000)
START_SECONDS: Final = 60.0
EFFECT_SECONDS: Final = 5.0
SHARDS: Final = (0, 1)
BACKLOG: Final = 400
QUEUE: Final = QueueName.HALTS


@pytest.fixture
async def parent(
    redis_url: str, queues_url: str, unique_prefix: str, tmp_path: Path
) -> AsyncIterator[RunningParent]:
    """Two workers. They take one batch of each queue in a tick, so batches wait."""
    async with running_parent(
        tmp_path,
        MDC_URL=redis_url,
        MDC_KEY_PREFIX=f"{unique_prefix}:",
        MDQ_URL=queues_url,
        MDQ_PREFIX=unique_prefix,
        MDQ_SHARDS=str(len(SHARDS)),
        MARKET_DATA_MESSAGE_TTL=str(LIMITS.ttl_ms),
        PREFETCH_COUNT="1",
    ) as running:
        await eventually(running.is_ready, START_SECONDS)
        yield running


@pytest.fixture
async def publisher(queues_url: str, unique_prefix: str) -> AsyncIterator[Transport]:
    made = create_transport(
        queues_url, prefix=unique_prefix, shard_count=len(SHARDS), limits=LIMITS, clock=SystemClock()
    )
    async with made:
        yield made


async def intakes(redis: Redis, keys: Keys) -> Mapping[int, QueueIntake]:
    """What the owners of the shards report of the queue."""
    stored = await ProcessRecords(redis, keys).overview((), listener="listener", reference="reference")
    return {
        status.shard: intake
        for report in (read_report(each.value) for each in stored.reports)
        for status in report.status.shards
        for intake in status.queues
        if status.owned_since_ms and intake.queue == QUEUE
    }


async def test_what_the_workers_purge_is_told_and_counted_and_nothing_is_missing(
    parent: RunningParent, publisher: Transport, redis: Redis, keys: Keys
) -> None:
    asked = Instructing(InstructionRecords(redis, keys, PROCESSOR))
    await asked.until_carried_out(2)
    numbers = range(1, BACKLOG + 1)
    await publisher.publish(
        [each for shard in SHARDS for each in batches(*numbers, queue=QUEUE, shard=shard)]
    )

    answers = await asked.ask("purge_queue", expected=2, queue=QUEUE.value)

    assert not any(each.is_refused for each in answers.values()), answers
    told = sum(int(each.text.split()[1]) for each in answers.values())
    assert told > BACKLOG

    async def all_counted() -> Mapping[int, QueueIntake] | None:
        found = await intakes(redis, keys)
        done = sum(each.received + each.purged - each.again for each in found.values())
        return found if done == BACKLOG * len(SHARDS) else None

    found = await eventually(all_counted, EFFECT_SECONDS)
    assert found is not None
    assert sum(each.purged for each in found.values()) == told
    assert all((each.missing, each.expired) == (0, 0) for each in found.values())
    assert 'mdp_transport_purged_batches_total{queue="halts"' in await parent.metrics()
    assert {each["restarts"] for each in (await parent.workers()).values()} == {0}
