"""Recordings as a provider, and a third provider: one folder, one line, one recording."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from marketdata.errors import ConfigurationError
from marketdata.events import HaltSign, TradeRule
from marketdata.feeds import ConnectionTarget, Frame
from marketdata.listener.batches import BatchMaker, Ledger
from marketdata.observability.tracing import Tracing
from marketdata.providers import _template, registry
from marketdata.providers.base import Provider, ProviderState
from marketdata.providers.registry import (
    batch_decoder,
    provider_names,
    provider_plugin,
    recorded_format,
    wire_format,
)
from marketdata.recording.format import Metadata
from marketdata.recording.reader import RecordingReader
from marketdata.recording.summary import summarize
from marketdata.recording.writer import RecordingWriter
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS
from mdp_site.env import Environment
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import block_rows, calendar_of, new_york_ms, trade_wire, whole_of
from tests.support.deadlines import eventually, scaled

DAY: Final = "2026-11-23"
START_MS: Final = new_york_ms(DAY, "10:00:00")


def record(folder: Path, events: list[dict[str, object]], format_name: str) -> Path:
    """A recording with a frame for each event, a second apart."""
    folder.mkdir(exist_ok=True)
    frames = [
        Frame(json.dumps([event]), (START_MS + 50 + index * 1_000) * NS_PER_MS)
        for index, event in enumerate(events)
    ]
    frame_reader = wire_format(format_name if format_name in provider_names() else "massive")
    writer = RecordingWriter(folder, Metadata(format=format_name), frames[0].received_ns, frame_reader)
    writer.write(frames)
    return writer.finish()


def trades(*prices: float) -> list[dict[str, object]]:
    return [
        trade_wire("AAPL", timestamp_ms=START_MS + index * 1_000, p=price, q=index)
        for index, price in enumerate(prices)
    ]


def replay_of(path: Path, **settings: str) -> Provider:
    plugin = provider_plugin("replay")
    variables = {"REPLAY_FILES": str(path), "REPLAY_SPEED": "max", **settings}
    of_replay = plugin.read_settings(Environment(variables))
    return plugin.create(of_replay, plugin.target(of_replay))


@asynccontextmanager
async def playing(provider: Provider) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(provider.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        async with asyncio.timeout(scaled(5)):
            await task


async def batches_of(provider: Provider, frames: int) -> list[Batch]:
    """What the listener makes of the next so many frames."""
    maker = BatchMaker(provider, 1, "test", Tracing(), Ledger())
    batches: list[Batch] = []
    async with asyncio.timeout(scaled(10)):
        while frames > 0:
            taken = await provider.frames()
            frames -= len(taken)
            batches += maker.batches(taken, provider.route(taken, 1))
    return batches


def rows_of(batches: list[Batch]) -> dict[str, dict[str, float | None]]:
    shard = ShardProcessor(0, routes=routes(), calendar=calendar_of(DAY, "2026-11-24"), epoch=1)
    shard.apply(batches)
    return block_rows(whole_of(shard.tick(published_ns=1)))


async def test_a_recording_goes_through_the_platform_as_its_feed_did(tmp_path: Path) -> None:
    provider = replay_of(record(tmp_path, trades(10.0, 11.0, 12.0), "massive"))
    async with playing(provider):
        batches = await batches_of(provider, 3)
        await eventually(lambda: provider.status.reason == "finished", scaled(5))
        assert provider.status.state is ProviderState.MARKET_CLOSED
        assert provider.connection.confirmed == ("*",)

    assert {batch.format for batch in batches} == {"massive"}
    assert rows_of(batches)["AAPL"]["last_price"] == 12.0
    assert batches[-1].feed_time_ms == START_MS + 2_050
    assert batches[-1].received_ns > START_MS * NS_PER_MS


async def test_recordings_of_before_the_format_was_noted_are_those_of_massive(tmp_path: Path) -> None:
    provider = replay_of(record(tmp_path, trades(10.0), ""))
    assert provider.format == "massive"


async def test_a_replay_stops_and_turns_to_another_recording_while_it_waits(tmp_path: Path) -> None:
    slow = record(tmp_path / "one", trades(10.0, 11.0, 12.0), "massive")
    other = record(tmp_path / "two", trades(99.0), "massive")
    provider = replay_of(slow, REPLAY_SPEED="0.1")
    async with playing(provider):
        first = await batches_of(provider, 1)
        provider.set_target(None)
        await eventually(lambda: provider.status.state is ProviderState.STOPPED, scaled(5))
        provider.set_target(ConnectionTarget(feed=str(other), market="stocks", subscriptions=("*",)))
        second = await batches_of(provider, 1)
    assert [rows_of(batches)["AAPL"]["last_price"] for batches in (first, second)] == [10.0, 99.0]


async def test_a_replay_begins_again_if_it_shall(tmp_path: Path) -> None:
    provider = replay_of(record(tmp_path, trades(10.0, 11.0), "massive"), REPLAY_LOOP="on")
    async with playing(provider):
        await batches_of(provider, 5)
        assert provider.connection.number >= 3


async def test_a_long_recording_waits_for_who_takes_it_and_loses_nothing(tmp_path: Path) -> None:
    provider = replay_of(record(tmp_path, trades(*[10.0] * 3_000), "massive"))
    async with playing(provider):
        await eventually(lambda: provider.counts.frames_waiting >= 1_000, scaled(10))
        assert provider.counts.frames_waiting == 1_000
        await batches_of(provider, 3_000)
        assert provider.counts.frames_dropped == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"REPLAY_FILES": ""}, "REPLAY_FILES is empty"),
        ({"REPLAY_FILES": "/nowhere/at/all.mdprec"}, "cannot be read"),
        ({"REPLAY_SPEED": "fast"}, "REPLAY_SPEED is 'fast'; accepted: max"),
        ({"REPLAY_SPEED": "0"}, "speed must be"),
        ({"REPLAY_LOOP": "perhaps"}, "REPLAY_LOOP='perhaps' is not valid; accepted: on or off"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    path = record(tmp_path, trades(10.0), "massive")
    with pytest.raises(ConfigurationError, match=words):
        replay_of(path, **settings)


def test_a_recording_in_a_format_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown_format.*'elsewhere'"):
        replay_of(record(tmp_path, trades(10.0), "elsewhere"))


@pytest.fixture
def third(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A provider made as docs/provider.md says: the template copied and renamed, one line in the registry."""
    folder = tmp_path / "third"
    shutil.copytree(Path(_template.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in folder.glob("*.py"):
        text = module.read_text().replace("marketdata.providers._template", "third")
        module.write_text(re.sub("TEMPLATE", "THIRD", text).replace('"template"', '"third"'))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(registry._PACKAGES, "third", "third")
    for cached in (provider_plugin, wire_format, batch_decoder):
        cached.cache_clear()
    yield "third"
    for cached in (provider_plugin, wire_format, batch_decoder):
        cached.cache_clear()
    for module_name in [name for name in sys.modules if name.partition(".")[0] == "third"]:
        del sys.modules[module_name]


def ticks(*prices: float) -> list[dict[str, object]]:
    return [
        {"kind": "trade", "ticker": "XYZ", "px": price, "qty": 100, "at": START_MS + index, "seq": index}
        for index, price in enumerate(prices)
    ]


async def test_a_third_provider_is_one_folder_one_line_and_one_recording(third: str, tmp_path: Path) -> None:
    late = ticks(99.0)[0] | {"at": START_MS + 5, "flags": [7]}
    events: list[dict[str, object]] = [*ticks(20.0, 21.0), late, {"kind": "??"}]
    path = record(tmp_path / "recordings", events, third)
    with RecordingReader(path) as reader:
        summary = summarize(reader, recorded_format(third))
    assert summary.events == {"trade": 3, "??": 1}
    assert summary.last_market_time_ms == START_MS + 5, "a recording reads its times in its own format"
    provider = replay_of(path)
    async with playing(provider):
        batches = await batches_of(provider, 4)

    assert {batch.format for batch in batches} == {third}
    assert {batch.queue.value for batch in batches} == {"trades", "unknown"}
    rows = rows_of(batches)
    assert rows["XYZ"]["last_price"] == 21.0, "a late trade does not set the last price"


async def test_the_feed_of_a_third_provider_connects_again_after_its_end(third: str) -> None:
    connections = 0

    async def serve(request: web.Request) -> web.WebSocketResponse:
        nonlocal connections
        connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps(ticks(float(connections))))
        await socket.close()
        return socket

    application = web.Application()
    application.router.add_get("/stocks", serve)
    async with TestServer(application) as server:
        plugin = provider_plugin(third)
        variables = {"THIRD_FEED": f"ws://{server.host}:{server.port}/stocks"}
        settings = plugin.read_settings(Environment(variables))
        provider = plugin.create(settings, plugin.target(settings))
        async with playing(provider):
            batches = await batches_of(provider, 2)
    assert len(batches) == 2
    with pytest.raises(ConfigurationError, match="THIRD_FEED is 'nowhere'; accepted: ws://"):
        plugin.validate(ConnectionTarget(feed="nowhere", market="stocks", subscriptions=("*",)))


async def test_the_samples_that_the_provider_publishes_are_read_as_its_documentation_says() -> None:
    """See tests/data/massive/README.md for where they are from."""
    provider = replay_of(Path(__file__).parents[1] / "data" / "massive" / "documented.mdprec")
    async with playing(provider):
        batches = await batches_of(provider, 10)

    def read(queue: QueueName, columns: tuple[str, ...]) -> tuple[list[str], list[list[float]]]:
        bodies = [batch.body for batch in batches if batch.queue is queue]
        events = batch_decoder("massive", queue, columns).decode(bodies)
        assert not events.rejected
        return list(events.symbols), events.values.T.tolist()

    bar_columns = ("close", "accumulated_volume", "start_timestamp", "end_timestamp")
    assert read(QueueName.AGGREGATE, bar_columns) == (
        ["SPCE", "GTE"],
        [
            [25.39, 8_642_007.0, 1_610_144_868_000.0, 1_610_144_869_000.0],
            [0.4486, 9_470_157.0, 1_610_144_640_000.0, 1_610_144_700_000.0],
        ],
    )
    extended_hours = float(TradeRule.LAST_IN_EXTENDED_HOURS)
    assert read(QueueName.TRADES, ("price", "size", "timestamp", "rules")) == (
        ["MSFT"],
        [[114.125, 100.0, 1_536_036_818_784.0, extended_hours]],
    )
    assert read(QueueName.QUOTES, ("bid_price", "bid_size", "ask_price", "ask_size")) == (
        ["MSFT"],
        [[114.125, 100.0, 114.128, 160.0]],
    )
    band_columns = ("high", "low", "timestamp", "nanoseconds", "signs")
    assert read(QueueName.HALTS, band_columns) == (
        ["MSFT"],
        [[492.99, 446.04, 1_764_086_430_905.0, 642_800.0, float(HaltSign.TRADING)]],
    )
    unknown = [json.loads(batch.body) for batch in batches if batch.queue is QueueName.UNKNOWN]
    assert [event["ev"] for events in unknown for event in events] == ["NOI", "FMV"]
