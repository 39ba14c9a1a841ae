"""A processor's state outlives its process, and the cache's restart, without a difference."""

import asyncio
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.runtime.calendar_renewal import keep_renewed
from marketdata.runtime.cancellation import end
from marketdata.store.announcements import Announcement, AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar import SessionHours
from marketdata.transport.base import Batch, QueueDepth, Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from scanners.processor import Processor, ShardProcessor
from scanners.processor.admission import MARKET_ROWS, UNKNOWN_SYMBOL
from scanners.processor.owner import ProcessorConfiguration
from scanners.processor.turn import AnyTurn, Turn
from scanners.registry import RECEIVED_COLUMN, routes
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    row_block,
    trade_wire,
)
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.services import ValkeyServer

pytestmark = pytest.mark.redis

DAY = "2026-11-23"
CALENDAR = calendar_of(DAY)
OPENS_MS = new_york_ms(DAY, "09:30")
INTERVAL_MS = 20
TAKEOVER_SECONDS = 5.0
SHARD = 0


class Running:
    """A processor of one shard in a task of this process."""

    def __init__(
        self, url: str, keys: Keys, transport: Transport, turn: Turn | None = None, **changes: Any
    ) -> None:
        self.redis = connect(url)
        self.snapshots = SnapshotReader(self.redis, keys)
        self.transport = transport
        self.stopping = asyncio.Event()
        self.processor = Processor(
            transport=transport,
            snapshots=self.snapshots,
            publisher=BlockPublisher(self.redis, keys),
            reference_news=AnnouncementReader(url, [keys.reference()]),
            configuration=ProcessorConfiguration(shards=(SHARD,), publish_interval_ms=INTERVAL_MS),
            clock=SystemClock(),
            turn_at=lambda _shard: turn or AnyTurn(),
            **{"calendar": CALENDAR, **changes},
        )
        self.task = asyncio.create_task(self.processor.run(self.stopping))

    async def stop(self) -> None:
        """As SIGTERM does."""
        self.stopping.set()
        async with asyncio.timeout(10):
            await self.task
        await self.redis.aclose()

    async def kill(self) -> None:
        """As SIGKILL does: nothing of its own runs any more, and its connections are gone."""
        if isinstance(self.transport, MemoryTransport):
            self.transport.cut()
        await end(self.task)
        await self.redis.aclose()


Launch = Callable[..., Running]


@pytest.fixture
async def launch(redis_url: str, keys: Keys) -> AsyncIterator[Launch]:
    """Starts processors, and ends those that the test did not."""
    launched: list[Running] = []

    def start(transport: Transport, **changes: Any) -> Running:
        launched.append(Running(redis_url, keys, transport, **changes))
        return launched[-1]

    yield start
    for running in launched:
        await running.kill()


def received_now(queue: QueueName, events: Sequence[dict[str, object]], sequence: int) -> Batch:
    return batch(queue, events, shard=SHARD, sequence=sequence, received_ns=SystemClock().time_ns())


def bars(second: int) -> Batch:
    """One bar of each of three symbols; symbol `S2` falls silent after the first second."""
    events = [
        aggregate_wire(
            f"S{index}",
            start_ms=OPENS_MS + second * 1_000,
            o=10.0 + index,
            c=10.0 + second,
            h=20.0 - second,
            av=100 * second,
        )
        for index in range(3 if second == 0 else 2)
    ]
    return received_now(QueueName.AGGREGATE, events, second + 1)


def market_rows(block: RowBlock) -> dict[str, dict[str, float | None]]:
    """The rows without the time of their arrival, which differs from run to run."""
    return {
        symbol: {name: value for name, value in row.items() if name != RECEIVED_COLUMN}
        for symbol, row in block_rows(block).items()
    }


def undisturbed(batches: Sequence[Batch]) -> dict[str, dict[str, float | None]]:
    shard = ShardProcessor(SHARD, routes=routes(), calendar=CALENDAR, epoch=1)
    shard.apply(batches)
    return market_rows(shard.tick(published_ns=1).whole)


async def stored_rows(reader: SnapshotReader) -> dict[str, dict[str, float | None]]:
    block = await reader.rows(SHARD)
    return {} if block is None else market_rows(block)


async def until_accumulated(reader: SnapshotReader, volume: float) -> RowBlock:
    async def newest() -> RowBlock | None:
        block = await reader.rows(SHARD)
        rows = {} if block is None else market_rows(block)
        return block if rows.get("S0", {}).get("accumulated_volume") == volume else None

    block = await eventually(newest, TAKEOVER_SECONDS)
    assert block is not None
    return block


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
    assert await stored_rows(SnapshotReader(redis, keys)) == undisturbed(day)


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
    assert await stored_rows(SnapshotReader(redis, keys)) == undisturbed([bars(0), bars(1), bars(2)])


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
        running = Running(server.url, keys, MemoryTransport(broker))
        try:
            await publisher.publish([bars(0), bars(1)])
            await until_accumulated(running.snapshots, 100)
            server.stop()
            await eventually(lambda: "cache" in running.processor.unready(), TAKEOVER_SECONDS)
            server.start()
            await until_accumulated(running.snapshots, 100)
            assert await stored_rows(running.snapshots) == undisturbed([bars(0), bars(1)])
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
    assert market_rows(after) == undisturbed([bars(0), bars(1), bars(2)])


class AskedTransport(MemoryTransport):
    """Counts how often it was asked for the depths of the queues."""

    asked = 0

    async def depths(self) -> Sequence[QueueDepth]:
        self.asked += 1
        return await super().depths()


class OneTurn:
    """The shard may be asked for once; from then on another worker has it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.able: Callable[[], bool] = lambda: True
        self._turns = 1

    async def come(self, stopping: asyncio.Event) -> None:
        if self._turns:
            self._turns -= 1
        else:
            await stopping.wait()

    async def run(self, stopping: asyncio.Event, is_able: Callable[[], bool]) -> None:
        self.able = is_able


async def test_a_worker_whose_turn_is_over_is_ready_again_when_the_broker_is_back(
    redis_url: str, keys: Keys
) -> None:
    broker = MemoryBroker()
    turn = OneTurn()
    transport = AskedTransport(broker)
    running = Running(redis_url, keys, transport, turn)
    try:
        await eventually(lambda: SHARD in broker.owners, TAKEOVER_SECONDS)
        broker.go_away()
        await eventually(lambda: "queues" in running.processor.unready(), TAKEOVER_SECONDS)
        assert not turn.able()
        await eventually(lambda: transport.asked, TAKEOVER_SECONDS)
        assert running.processor.unready() == {"queues": "the memory broker is away"}
        broker.come_back()
        await eventually(lambda: not running.processor.unready(), TAKEOVER_SECONDS)
        assert turn.able()
    finally:
        await running.kill()


async def test_owner_and_standby_are_ready_again_when_the_cache_is_back(keys: Keys) -> None:
    broker = MemoryBroker()
    with ValkeyServer() as server:
        both = [Running(server.url, keys, MemoryTransport(broker)) for _ in range(2)]
        try:
            await eventually(lambda: not any(one.processor.unready() for one in both), TAKEOVER_SECONDS)
            server.stop()
            await eventually(
                lambda: any("cache" in one.processor.unready() for one in both), TAKEOVER_SECONDS
            )
            # Whoever complains of the cache gives the shard up, which then goes to and fro between the two.
            broker.owners.clear()
            broker.notify()
            await eventually(
                lambda: all("cache" in one.processor.unready() for one in both), TAKEOVER_SECONDS
            )
            server.start()
            await eventually(lambda: not any(one.processor.unready() for one in both), 2 * TAKEOVER_SECONDS)
        finally:
            for one in both:
                await one.kill()


async def test_a_stop_publishes_what_was_applied(launch: Launch, keys: Keys, redis: Redis) -> None:
    broker = MemoryBroker()
    publisher = MemoryTransport(broker)
    running = launch(MemoryTransport(broker))
    await publisher.publish([bars(0)])
    await until_accumulated(running.snapshots, 0)
    await publisher.publish([bars(1)])
    await eventually(lambda: not broker.queue(QueueName.AGGREGATE, SHARD), TAKEOVER_SECONDS)
    await running.stop()
    assert await stored_rows(SnapshotReader(redis, keys)) == undisturbed([bars(0), bars(1)])


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
    await publisher.publish_rows(SHARD, whole, whole)
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
