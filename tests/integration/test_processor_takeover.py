"""A processor's state outlives its process, and the cache's restart, without a difference."""

import asyncio
import datetime as dt
import functools

import numpy as np
import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.runtime.calendar_renewal import keep_renewed
from marketdata.runtime.cancellation import end
from marketdata.store.announcements import Announcement, AnnouncementReader
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar import SessionHours
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from tests.support.builders import (
    calendar_of,
    new_york_ms,
    row_block,
    trade_wire,
)
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.processor_task import (
    DAY,
    OPENS_MS,
    SHARD,
    TAKEOVER_SECONDS,
    Launch,
    ProcessorTask,
    bars,
    expected_rows,
    market_rows,
    received_now,
    stored_rows,
    until_accumulated,
)
from tests.support.services import ValkeyServer

pytestmark = pytest.mark.redis


async def test_events_become_stored_rows_and_are_acknowledged(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    broker = MemoryBroker()
    running = launch(MemoryTransport(broker))
    publisher = MemoryTransport(broker)
    trade = trade_wire("S0", timestamp_ms=OPENS_MS, p=3.5)
    await publisher.publish([bars(0), received_now(QueueName.TRADES, [trade], 1)])

    async def last_price() -> bool:
        return (await stored_rows(running.snapshots)).get("S0", {}).get("last_price") == 3.5

    await eventually(last_price, TAKEOVER_SECONDS)
    assert running.processor.unready() == {}
    await running.stop()
    successor = launch(MemoryTransport(broker))
    await publisher.publish([bars(1)])
    await until_accumulated(successor.snapshots, 100)
    await successor.stop()


async def test_a_processor_that_outlives_its_calendar_reads_a_new_one(
    launch: Launch, keys: Keys, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = functools.partial(keep_renewed, renewal_seconds=0.05)
    monkeypatch.setattr("scanners.processor.service.keep_renewed", often)
    date = dt.date.fromisoformat(DAY)
    sessions = [SessionHours(date, OPENS_MS, OPENS_MS + 23_400_000)]
    sessions += [SessionHours(date + dt.timedelta(days=1), OPENS_MS + 86_400_000, OPENS_MS + 109_800_000)]
    broker = MemoryBroker()
    running = launch(
        MemoryTransport(broker), calendar=calendar_of("2025-11-24"), read_sessions=lambda _time_ns: sessions
    )
    publisher, second = MemoryTransport(broker), 0

    async def counted() -> bool:
        nonlocal second
        second += 1
        await publisher.publish([bars(second)])
        return bool(await stored_rows(running.snapshots))

    assert await eventually(counted, TAKEOVER_SECONDS)
    await running.stop()


async def test_a_killed_processor_is_replaced_and_its_rows_equal_an_undisturbed_run(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    day = [bars(second) for second in range(6)]
    first = launch(MemoryTransport(broker))
    await publisher.publish(day[:2])
    before = await until_accumulated(first.snapshots, 100)
    standby = launch(MemoryTransport(broker))

    await publisher.publish(day[2:4])
    await first.kill()
    await publisher.publish(day[4:])
    after = await until_accumulated(standby.snapshots, 500)
    await standby.stop()

    assert after.epoch != before.epoch
    assert await stored_rows(SnapshotReader(redis, keys)) == expected_rows(day)


async def test_a_processor_takes_over_through_redis_lists(
    launch: Launch, redis_url: str, keys: Keys, redis: Redis
) -> None:
    async def transport() -> Transport:
        made = create_transport(
            redis_url,
            prefix=keys.prefix,
            shard_count=2,
            limits=QueueLimits(),
            clock=SystemClock(),
        )
        await made.open()
        return made

    publisher = await transport()
    first = launch(await transport())
    await publisher.publish([bars(0), bars(1)])
    await until_accumulated(first.snapshots, 100)
    standby = launch(await transport())
    await first.stop()
    await publisher.publish([bars(2)])
    await until_accumulated(standby.snapshots, 200)
    await standby.stop()
    await publisher.close()
    assert await stored_rows(SnapshotReader(redis, keys)) == expected_rows([bars(0), bars(1), bars(2)])


async def test_reference_data_reaches_rows_that_exist_and_rows_to_come(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    references = BlockPublisher(redis, keys)
    await references.publish_reference(row_block({"S0": {"prev_day_close": 5.0}}))
    running = launch(MemoryTransport(broker))

    async def previous_closes() -> dict[str, float | None]:
        return {
            symbol: row["prev_day_close"] for symbol, row in (await stored_rows(running.snapshots)).items()
        }

    async def expect(expected: dict[str, float | None]) -> None:
        async def reached() -> bool:
            return await previous_closes() == expected

        await eventually(reached, TAKEOVER_SECONDS)

    await publisher.publish([bars(0)])
    await expect({"S0": 5.0, "S1": None, "S2": None})
    await references.publish_reference(row_block({"S1": {"prev_day_close": 4.0}}))
    await expect({"S0": None, "S1": 4.0, "S2": None})
    await running.stop()


async def test_the_volume_curve_that_stands_beside_the_reference_data_is_used_and_follows_it(
    launch: Launch, keys: Keys, redis: Redis
) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    references = BlockPublisher(redis, keys)
    averages = row_block({"S0": {"avg_volume": 1_000.0}})
    minutes_of_day = 16 * 60
    curve = VolumeCurve(
        shares=np.linspace(0, 1, minutes_of_day + 1),
        symbols=("SPY",),
        sessions=20,
        last_date=dt.date(2026, 11, 20),
    )
    running = launch(MemoryTransport(broker))
    await references.publish_reference(averages)
    await publisher.publish([bars(0), bars(1)])
    await until_accumulated(running.snapshots, 100)
    assert (await stored_rows(running.snapshots))["S0"]["relative_volume_at_time"] is None

    await references.publish_reference(averages, volume_curve=curve)

    minute = (OPENS_MS + 2_000 - new_york_ms(DAY, "04:00")) / 60_000
    expected = 100 / (1_000 * minute / minutes_of_day)

    async def follows() -> bool:
        row = (await stored_rows(running.snapshots))["S0"]
        return row["relative_volume_at_time"] == pytest.approx(expected)

    await eventually(follows, TAKEOVER_SECONDS)
    await running.stop()


async def test_a_cache_that_restarts_empty_gets_the_whole_shard_at_once(keys: Keys) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    with ValkeyServer() as server:
        running = ProcessorTask(server.url, keys, MemoryTransport(broker))
        try:
            await publisher.publish([bars(0), bars(1)])
            await until_accumulated(running.snapshots, 100)
            server.stop()
            await eventually(lambda: "cache" in running.processor.unready(), TAKEOVER_SECONDS)
            server.start()
            await until_accumulated(running.snapshots, 100)
            assert await stored_rows(running.snapshots) == expected_rows([bars(0), bars(1)])
            await eventually(lambda: not running.processor.unready(), TAKEOVER_SECONDS)
        finally:
            await running.kill()


async def test_queues_that_go_away_leave_the_rows_alone(launch: Launch, keys: Keys, redis: Redis) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    running = launch(MemoryTransport(broker))
    await publisher.publish([bars(0), bars(1)])
    before = await until_accumulated(running.snapshots, 100)
    broker.go_away()
    await eventually(lambda: "queues" in running.processor.unready(), TAKEOVER_SECONDS)
    broker.come_back()
    await publisher.publish([bars(2)])
    after = await until_accumulated(running.snapshots, 200)
    await running.stop()
    assert after.epoch == before.epoch
    assert market_rows(after) == expected_rows([bars(0), bars(1), bars(2)])


async def test_a_stop_publishes_what_was_applied(launch: Launch, keys: Keys, redis: Redis) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    running = launch(MemoryTransport(broker))
    await publisher.publish([bars(0)])
    await until_accumulated(running.snapshots, 0)
    await publisher.publish([bars(1)])
    await eventually(lambda: not broker.queue(QueueName.AGGREGATE, SHARD), TAKEOVER_SECONDS)
    await running.stop()
    assert await stored_rows(SnapshotReader(redis, keys)) == expected_rows([bars(0), bars(1)])


async def test_a_quiet_shard_still_gives_a_sign_of_life(launch: Launch, redis_url: str, keys: Keys) -> None:
    launch(MemoryTransport(MemoryBroker()))
    ticks: list[int] = []

    async def listen() -> None:
        async for item in AnnouncementReader(redis_url, [keys.rows(SHARD)]):
            if isinstance(item, Announcement):
                ticks.append(item.block.tick)  # noqa: PERF401 - the test watches the list grow

    listening = asyncio.create_task(listen())
    await eventually(lambda: len(ticks) >= 2, TAKEOVER_SECONDS)
    await end(listening)
    assert ticks[1] == ticks[0] + 1
