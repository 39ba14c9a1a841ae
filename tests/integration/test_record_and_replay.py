"""A recorded market, replayed: the rest of the platform cannot tell it from the first time."""

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import aiohttp
import msgspec
import pytest

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError, ContentError
from marketdata.feeds import Frame
from marketdata.listener import Listener
from marketdata.providers.emulator import ApiKey, ProtocolSettings
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.rest.source import RestSource
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.providers.registry import recorded_format
from marketdata.recording.format import Metadata
from marketdata.recording.reader import RecordingReader
from marketdata.recording.recorder import Recorder, RecorderConfig
from marketdata.recording.selection import Selection
from marketdata.reference.loader import ReferenceLoader
from marketdata.replay_server.service import ReplayConfig, ReplayService
from marketdata.runtime.service import Service
from marketdata.simulator.service import SimulatorService
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from tests.support.deadlines import eventually, scaled
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.running import running
from tests.support.simulator import simulator_config, trading_calendar
from tests.unit.marketdata.recording.recordings import OPENING_MS, frames_from, write_recording

KEY = "full-plan"
PROTOCOL = ProtocolSettings(api_keys=(ApiKey(KEY),))
SUBSCRIPTIONS = ("A.*", "AM.*", "T.*", "Q.*", "LULD.*")
SHARDS = 2
SIMULATED_SECONDS_PER_SECOND = 20.0
MARKET_MINUTE_MS = 60_000
KEPT = QueueLimits(ttl_ms=3_600_000, max_batches=1_000_000)
Contents = dict[tuple[QueueName, int], bytes]


@contextlib.asynccontextmanager
async def serving(service: Service) -> AsyncIterator[None]:
    async with running(service):
        await eventually(lambda: not service.unready(), 20)
        yield


def listener_of(
    address: str, queues: MemoryBroker | Transport, tap: Callable[[Sequence[Frame]], object] | None = None
) -> Listener:
    configuration = MassiveConfiguration(api_key=KEY, feed=address, secure=False, subscriptions=SUBSCRIPTIONS)
    if isinstance(queues, MemoryBroker):
        queues = MemoryTransport(queues, shard_count=SHARDS, limits=KEPT)
    return Listener(
        MassiveProvider(configuration),
        queues,
        shard_count=SHARDS,
        source="listener",
        ttl_ms=KEPT.ttl_ms,
        on_frames=tap,
    )


def contents(broker: MemoryBroker) -> Contents:
    """The events of each queue and shard, byte for byte: how they were grouped into batches is chance."""
    return {
        place: b",".join(batch.body[1:-1] for batch in batches) for place, batches in broker.waiting.items()
    }


def events(broker: MemoryBroker) -> int:
    return sum(batch.event_count for batches in broker.waiting.values() for batch in batches)


async def record_a_minute(directory: Path) -> Contents:
    """The queues' contents after a minute of a simulated market that crosses the end of a minute."""
    config = msgspec.structs.replace(
        simulator_config(PROTOCOL, start="2026-11-20T10:59:30"), speed=SIMULATED_SECONDS_PER_SECOND
    )
    simulator = SimulatorService(config, trading_calendar())
    broker = MemoryBroker()
    metadata = Metadata(
        feed="simulator",
        subscriptions=SUBSCRIPTIONS,
        simulator_seed=config.seed,
        simulator_symbols=config.symbol_count,
    )
    async with serving(simulator):
        with Recorder(
            RecorderConfig(directory=directory, metadata=metadata, frame_reader=FORMAT)
        ) as recorder:
            async with serving(listener_of(simulator.address, broker, recorder.record)):
                end_ms = simulator.market.now_ms + MARKET_MINUTE_MS
                await eventually(lambda: simulator.market.now_ms >= end_ms, 30)
    return contents(broker)


@pytest.fixture(scope="module")
def recorded_minute(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Contents]:
    directory = tmp_path_factory.mktemp("recordings")
    expected = asyncio.run(record_a_minute(directory))
    (path,) = directory.iterdir()
    return path, expected


async def test_a_recorded_minute_fills_the_queues_with_the_same_bytes(
    recorded_minute: tuple[Path, Contents],
) -> None:
    path, expected = recorded_minute
    assert {queue for queue, _ in expected} >= {QueueName.AGGREGATE, QueueName.TRADES, QueueName.QUOTES}
    broker = MemoryBroker()
    with Selection([path], recorded_format) as selection:
        replay = ReplayService(
            ReplayConfig(protocol=PROTOCOL, port=0, speed=None), selection, trading_calendar()
        )
        async with serving(replay), serving(listener_of(replay.address, broker)):
            await asyncio.wait_for(replay.finished.wait(), scaled(30))
            await eventually(lambda: _sizes(contents(broker)) == _sizes(expected), 15)
    assert contents(broker) == expected


async def test_the_queues_of_either_server_hold_the_same_bytes_too(
    recorded_minute: tuple[Path, Contents], queues_url: str, unique_prefix: str
) -> None:
    path, expected = recorded_minute
    config = ReplayConfig(protocol=PROTOCOL, port=0, speed=None)
    with Selection([path], recorded_format) as selection:
        replay = ReplayService(config, selection, trading_calendar())
        queues = server_queues(queues_url, unique_prefix)
        async with serving(replay), serving(listener_of(replay.address, queues)):
            await asyncio.wait_for(replay.finished.wait(), scaled(30))
            async with server_queues(queues_url, unique_prefix) as reader, asyncio.timeout(scaled(15)):
                found = await taken_from(reader, expected)
    assert found == expected


def server_queues(url: str, prefix: str) -> Transport:
    return create_transport(url, prefix=prefix, shard_count=SHARDS, limits=KEPT, clock=SystemClock())


async def taken_from(transport: Transport, expected: Contents) -> Contents:
    """The events of each queue and shard, as `contents`, once there are as many bytes as expected."""
    bodies: dict[tuple[QueueName, int], list[bytes]] = {}
    for shard in range(SHARDS):
        wanted = sum(len(body) for place, body in expected.items() if place[1] == shard)
        subscription = transport.subscribe(shard, tuple(QueueName), prefetch=1_000)
        await subscription.acquire()
        while _joined_size(bodies, shard) < wanted:
            deliveries = await subscription.receive(wait_seconds=0.5)
            for delivery in deliveries:
                batch = delivery.batch
                bodies.setdefault((batch.queue, batch.shard), []).append(batch.body[1:-1])
            await subscription.acknowledge(deliveries)
        assert await subscription.receive(wait_seconds=0.2) == []
        await subscription.close()
    return {place: b",".join(found) for place, found in bodies.items()}


def _joined_size(bodies: Mapping[tuple[QueueName, int], Sequence[bytes]], shard: int) -> int:
    return sum(sum(map(len, found)) + len(found) - 1 for place, found in bodies.items() if place[1] == shard)


def _sizes(found: Contents) -> dict[tuple[QueueName, int], int]:
    return {place: len(body) for place, body in found.items()}


async def test_reference_data_of_a_recorded_simulator_is_that_of_its_market(
    recorded_minute: tuple[Path, Contents],
) -> None:
    path, _ = recorded_minute
    simulator = SimulatorService(simulator_config(PROTOCOL, start="2026-11-20T10:59:30"), trading_calendar())
    async with serving(simulator):
        expected = await load_reference(simulator.address)
    with Selection([path], recorded_format) as selection:
        replay = ReplayService(ReplayConfig(protocol=PROTOCOL, port=0), selection, trading_calendar())
        async with serving(replay):
            loaded = await load_reference(replay.address)
    assert loaded == expected
    assert loaded[0] == dt.date(2026, 11, 20)


async def load_reference(address: str) -> tuple[dt.date, dict[str, list[float]]]:
    """Date and columns, without absent values and without the range of the running day, which goes on."""
    async with RestSource(f"http://{address}", KEY) as source:
        loaded = await ReferenceLoader(source, lambda _ns: trading_calendar()).load()
    columns = {name: column.tolist() for name, column in loaded.block.columns.items()}
    return loaded.date, {
        name: [value for value in values if not math.isnan(value)]
        for name, values in columns.items()
        if not name.startswith("snapshot_")
    }


@pytest.fixture
def real_feed(tmp_path: Path) -> Path:
    """Twenty frames from 09:30 on, without a word about a synthetic market."""
    return write_recording(tmp_path, [frames_from(OPENING_MS, 20)])


async def test_without_a_seed_reference_data_is_refused_as_not_in_the_plan(real_feed: Path) -> None:
    with Selection([real_feed], recorded_format) as selection:
        replay = ReplayService(ReplayConfig(protocol=PROTOCOL, port=0), selection, trading_calendar())
        async with serving(replay):
            with pytest.raises(ContentError, match=r"no_reference_data: .* before 2026-11-20"):
                await load_reference(replay.address)
            answers = [await ask(replay.address, path) for path in ("/v3/reference/tickers", "/nowhere")]
    assert [status for status, _ in answers] == [403, 404]
    assert b"NOT_AUTHORIZED" in answers[0][1]


async def ask(address: str, path: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.read()


async def test_the_market_status_follows_the_recorded_time(real_feed: Path) -> None:
    with Selection([real_feed], recorded_format) as selection:
        config = ReplayConfig(protocol=PROTOCOL, port=0, speed=None)
        replay = ReplayService(config, selection, trading_calendar())
        async with serving(replay):
            _, before = await ask(replay.address, "/v1/marketstatus/now")
            async with serving(listener_of(replay.address, MemoryBroker())):
                await asyncio.wait_for(replay.finished.wait(), scaled(10))
            _, after = await ask(replay.address, "/v1/marketstatus/now")
    statuses = [msgspec.json.decode(body) for body in (before, after)]
    assert [status["market"] for status in statuses] == ["open", "open"]
    assert statuses[1]["serverTime"] == "2026-11-20T09:30:19-05:00"


async def test_a_recording_stands_still_while_nobody_is_subscribed(tmp_path: Path) -> None:
    frames = frames_from(OPENING_MS, 40, step_ms=50)
    first, second = MemoryBroker(), MemoryBroker()
    with Selection([write_recording(tmp_path, [frames])], recorded_format) as selection:
        replay = ReplayService(ReplayConfig(protocol=PROTOCOL, port=0), selection, trading_calendar())
        async with serving(replay):
            async with serving(listener_of(replay.address, first)):
                await eventually(lambda: events(first) >= 20, 10)
            assert not replay.finished.is_set()
            async with serving(listener_of(replay.address, second)):
                await asyncio.wait_for(replay.finished.wait(), scaled(10))
                # A frame that was on its way to the first client when it left is gone with it.
                await eventually(lambda: events(first) + events(second) >= 2 * len(frames) - 2, 5)
    assert events(first) + events(second) <= 2 * len(frames)


async def test_rubbish_and_binary_frames_arrive_as_they_came(tmp_path: Path) -> None:
    trade = frames_from(OPENING_MS, 1)[0]
    received_ns = trade.received_ns
    rubbish = [
        Frame(b"\xff\xfe not text", received_ns),
        Frame("{}", received_ns),
        Frame("no JSON", received_ns),
    ]
    as_bytes = Frame(str(trade.data).encode(), received_ns)
    broker = MemoryBroker()
    with Selection([write_recording(tmp_path, [[*rubbish, as_bytes, trade]])], recorded_format) as selection:
        config = ReplayConfig(protocol=PROTOCOL, port=0, speed=None)
        replay = ReplayService(config, selection, trading_calendar())
        async with serving(replay), serving(listener_of(replay.address, broker)):
            await eventually(lambda: events(broker) == len(rubbish) + 4, 10)
    counted = {queue: 0 for queue, _ in broker.waiting}
    for (queue, _), batches in broker.waiting.items():
        counted[queue] += sum(batch.event_count for batch in batches)
    assert counted == {QueueName.UNKNOWN: 3, QueueName.TRADES: 2, QueueName.QUOTES: 2}


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        (("massive", "elsewhere"), "of different providers: elsewhere, massive"),
        (("elsewhere",), "'elsewhere' cannot be served; providers with an emulator: massive"),
    ],
)
def test_recordings_that_no_one_emulator_can_serve_are_refused(
    tmp_path: Path, formats: Sequence[str], words: str
) -> None:
    paths = []
    for number, name in enumerate(formats):
        (folder := tmp_path / name).mkdir()
        metadata = Metadata(format=name, subscriptions=("T.*", "Q.*"))
        frames = frames_from(OPENING_MS + number * MARKET_MINUTE_MS, 2)
        paths.append(write_recording(folder, [frames], metadata=metadata))
    with Selection(paths, lambda _name: FORMAT) as selection, pytest.raises(ConfigurationError, match=words):
        ReplayService(ReplayConfig(protocol=PROTOCOL, port=0), selection, trading_calendar())


async def test_a_loop_begins_again_at_the_end(real_feed: Path) -> None:
    broker = MemoryBroker()
    with Selection([real_feed], recorded_format) as selection:
        config = ReplayConfig(protocol=PROTOCOL, port=0, speed=None, loop=True)
        replay = ReplayService(config, selection, trading_calendar())
        async with serving(replay), serving(listener_of(replay.address, broker)):
            await eventually(lambda: events(broker) > 3 * 40, 10)
        assert not replay.finished.is_set()


async def test_symbols_reach_the_queues_alone(recorded_minute: tuple[Path, Contents]) -> None:
    path, expected = recorded_minute
    with RecordingReader(path) as reader:
        trades = [
            event
            for block in reader.blocks()
            for frame in block
            for event in msgspec.json.decode(frame.data)
            if event["ev"] == "T"
        ]
    symbol = trades[0]["sym"]
    broker = MemoryBroker()
    config = ReplayConfig(protocol=PROTOCOL, port=0, speed=None, symbols=frozenset({symbol}))
    with Selection([path], recorded_format) as selection:
        replay = ReplayService(config, selection, trading_calendar())
        async with serving(replay), serving(listener_of(replay.address, broker)):
            await asyncio.wait_for(replay.finished.wait(), scaled(30))
            wanted = [event for event in trades if event["sym"] == symbol]
            await eventually(lambda: len(trades_in(broker)) == len(wanted), 10)
    assert trades_in(broker) == wanted
    assert contents(broker) != expected


def trades_in(broker: MemoryBroker) -> list[dict[str, object]]:
    return [
        event
        for (queue, _), batches in broker.waiting.items()
        if queue is QueueName.TRADES
        for batch in batches
        for event in msgspec.json.decode(batch.body)
    ]
