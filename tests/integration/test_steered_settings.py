"""Settings that operators change take effect in running processes within two seconds, without a restart."""

import logging
import time
from collections.abc import Iterator

import msgspec
import pytest
from redis.asyncio import Redis

from marketdata.control import RevisionOutcome
from marketdata.errors import ConfigurationError, ContentError
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.runtime.settings import declarations, values_of
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords, ServiceRecords
from marketdata.store.snapshots import SnapshotReader
from scanners.settings import ProcessorSettings, ScannerSettings
from tests.support.deadlines import eventually, scaled
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.processor_task import SHARD, Launch, bars, until_accumulated
from tests.support.scanner_task import ScannerTask
from tests.support.steering import CacheSteering, steering_of

pytestmark = pytest.mark.redis

EFFECT_SECONDS = 2.0
SLOW_MS = 4_900
OWN = ProcessorSettings(longest_publish_interval_ms=SLOW_MS)
AS_REPORTED = msgspec.json.decode(msgspec.json.encode(values_of(OWN)))
ACCEPTED = ", ".join(declarations(ProcessorSettings))


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """Processors of these tests live in this process, whose level they change."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)


@pytest.fixture
def control(redis: Redis, keys: Keys) -> CacheSteering[ProcessorSettings]:
    return steering_of(redis, keys, PROCESSOR, OWN)


@pytest.fixture
async def broker(
    launch: Launch, redis: Redis, keys: Keys, control: CacheSteering[ProcessorSettings]
) -> MemoryBroker:
    """Of a processor that publishes once in five seconds and follows the wanted settings."""
    broker = MemoryBroker()
    launch(
        MemoryTransport(broker),
        records=InstanceRecords(redis, keys, PROCESSOR, "this one"),
        own_settings=OWN,
        source="this one",
    )
    await eventually(control.reports, 10)
    return broker


async def test_another_publish_interval_takes_effect_while_the_processor_runs(
    control: CacheSteering[ProcessorSettings], broker: MemoryBroker, redis: Redis, keys: Keys
) -> None:
    version = await control.change({"longest_publish_interval_ms": 50})
    effect = await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
    assert (effect.outcome, effect.explanation) == (RevisionOutcome.APPLIED, "applied by 1 of 1 processes")

    reader = SnapshotReader(redis, keys)
    started = time.monotonic()
    for second in range(1, 4):  # each in a tick of its own
        await MemoryTransport(broker).publish([bars(second)])
        await until_accumulated(reader, 100.0 * second)
    assert time.monotonic() - started < 2 * SLOW_MS / 1_000, "three slow ticks are two intervals apart"


async def test_the_log_level_takes_effect_and_can_be_taken_back(
    control: CacheSteering[ProcessorSettings], broker: MemoryBroker
) -> None:
    del broker
    version = await control.change({"log_level": "ERROR"})
    assert (
        await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
    ).outcome is RevisionOutcome.APPLIED
    assert logging.root.level == logging.ERROR

    version = await control.change({}, unset=["log_level"])
    effect = await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
    assert effect.outcome is RevisionOutcome.APPLIED
    assert logging.root.level == logging.INFO
    assert (await control.reports())[0].values == AS_REPORTED


async def test_a_value_that_the_process_cannot_take_is_refused_with_the_reason_and_changes_nothing(
    control: CacheSteering[ProcessorSettings], broker: MemoryBroker
) -> None:
    del broker
    version = await control.change({"longest_publish_interval_ms": 6_000, "log_level": "ERROR"})
    effect = await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
    assert effect.outcome is RevisionOutcome.REFUSED
    assert "longest_publish_interval_ms is 6000; accepted: less than the 5000 ms" in effect.explanation
    assert "refused by this one" in effect.explanation
    assert (await control.reports())[0].version == 0
    assert (await control.reports())[0].values["longest_publish_interval_ms"] == SLOW_MS
    assert logging.root.level != logging.ERROR


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (
            {"longest_publish_interval_ms": "20"},
            "is '20'; accepted: a whole number from 50 to 10000 ms",
        ),
        (
            {"log_level": "LOUD"},
            "is 'LOUD'; accepted: one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        ),
        ({"colour": "red"}, f"there is no setting 'colour'; accepted: {ACCEPTED}"),
    ],
)
async def test_what_no_process_would_accept_is_not_stored(
    control: CacheSteering[ProcessorSettings], changes: dict[str, object], refusal: str
) -> None:
    with pytest.raises(ConfigurationError, match=refusal):
        await control.change(changes)
    assert await control.wanted() == OWN


async def test_what_something_else_wrote_is_refused_and_the_process_goes_on(
    control: CacheSteering[ProcessorSettings], broker: MemoryBroker, redis: Redis, keys: Keys
) -> None:
    del broker
    await redis.set(keys.wanted(PROCESSOR), b'{"version": 3, "longest_publish_interval_ms": "often"}')

    async def refusal() -> str:
        return (await control.reports())[0].refusal

    assert "longest_publish_interval_ms" in await eventually(refusal, 5)
    with pytest.raises(ContentError):
        await control.wanted()


async def test_a_cache_that_lost_the_wanted_settings_gets_them_back(
    control: CacheSteering[ProcessorSettings], broker: MemoryBroker, redis: Redis, keys: Keys
) -> None:
    del broker
    version = await control.change({"longest_publish_interval_ms": 100})
    assert (
        await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
    ).outcome is RevisionOutcome.APPLIED
    await redis.delete(keys.wanted(PROCESSOR))

    async def restored() -> bool:
        return (await control.wanted()).longest_publish_interval_ms == 100

    await eventually(restored, 5)


async def test_a_setting_that_needs_a_restart_is_refused_by_command_and_process_with_the_variable(
    control: CacheSteering[ProcessorSettings], broker: MemoryBroker, redis: Redis, keys: Keys
) -> None:
    del broker
    refusal = "show_test_issues changes with a restart only; set SHOW_TEST_ISSUES for that"
    with pytest.raises(ConfigurationError, match=refusal):
        await control.change({"show_test_issues": True})

    await redis.set(keys.wanted(PROCESSOR), b'{"version": 3, "show_test_issues": true, "log_level": "ERROR"}')
    effect = await control.effect(3, deadline_seconds=scaled(EFFECT_SECONDS))
    assert (effect.outcome, effect.explanation) == (
        RevisionOutcome.REFUSED,
        f"refused by this one: {refusal}",
    )
    assert (await control.reports())[0].values == AS_REPORTED
    assert logging.root.level != logging.ERROR


async def test_another_prefetch_takes_effect_with_another_subscription_and_nothing_is_lost(
    control: CacheSteering[ProcessorSettings], broker: MemoryBroker, redis: Redis, keys: Keys
) -> None:
    await control.change({"longest_publish_interval_ms": 50})
    reader = SnapshotReader(redis, keys)
    await MemoryTransport(broker).publish([bars(0), bars(1)])
    before = await until_accumulated(reader, 100.0)
    first = broker.owners[SHARD]
    await control.change({"prefetch_count": 7})
    await eventually(lambda: broker.owners.get(SHARD, first) is not first, 5)
    await MemoryTransport(broker).publish([bars(2)])
    after = await until_accumulated(reader, 200.0)
    assert (after.epoch, len(after)) == (before.epoch, len(before))


async def test_a_scanner_applies_a_setting_also_while_it_stands_by(
    redis_url: str, redis: Redis, keys: Keys
) -> None:
    scanners = [
        ScannerTask(redis_url, keys, name, records=InstanceRecords(redis, keys, SCANNER, name), source=name)
        for name in ("first", "second")
    ]
    control = steering_of(redis, keys, SCANNER, ScannerSettings())

    async def both_report() -> bool:
        return len(await control.reports()) == 2

    try:
        await eventually(both_report, 10)
        version = await control.change({"log_level": "ERROR"})
        effect = await control.effect(version, deadline_seconds=scaled(EFFECT_SECONDS))
        assert (effect.outcome, effect.explanation) == (
            RevisionOutcome.APPLIED,
            "applied by 2 of 2 processes",
        )
        assert logging.root.level == logging.ERROR
    finally:
        for scanner in scanners:
            await scanner.stop()
            await scanner.redis.aclose()
    assert await control.reports() == []


async def test_each_process_reports_for_itself_until_it_ends(redis: Redis, keys: Keys) -> None:
    first, second = (InstanceRecords(redis, keys, PROCESSOR, name) for name in ("first", "second"))
    await first.report_actual(b"one", lifetime_seconds=60)
    await second.report_actual(b"two", lifetime_seconds=60)
    reader = ServiceRecords(redis, keys, PROCESSOR)
    assert sorted(await reader.actual_of_instances()) == [b"one", b"two"]
    await first.withdraw_actual(b"one")
    assert await reader.actual_of_instances() == [b"two"]


async def test_a_process_that_is_gone_is_not_reported_any_longer(redis: Redis, keys: Keys) -> None:
    gone, alive = (InstanceRecords(redis, keys, PROCESSOR, name) for name in ("gone", "alive"))
    await gone.report_actual(b"gone", lifetime_seconds=0.05)

    async def only_the_living() -> bool:
        await alive.report_actual(b"alive", lifetime_seconds=0.05)
        return await redis.zcard(keys.instances(PROCESSOR)) == 1

    await eventually(only_the_living, 10)
    assert await ServiceRecords(redis, keys, PROCESSOR).actual_of_instances() in ([b"alive"], [])
