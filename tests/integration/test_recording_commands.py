"""`manage.py record_feed`, `replay_feed` and `recording_info` as processes, killed and stopped."""

import asyncio
import contextlib
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from marketdata.listener import Listener
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.recording.reader import RecordingReader
from marketdata.recording.writer import SUFFIX, UNFINISHED_SUFFIX
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.transport.queues import QueueLimits
from tests.support.deadlines import eventually, scaled
from tests.support.health_client import probe
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.running import running, running_command
from tests.support.services import free_port
from tests.support.simulator import FULL_KEY, running_simulator
from tests.unit.marketdata.recording.recordings import OPENING_MS, frames_from, in_pairs, write_recording

RECORD = ["record_feed", "--feed", "127.0.0.1:1", "--directory"]


@contextlib.asynccontextmanager
async def recorder(
    directory: Path, feed: str, redis_url: str, prefix: str, *options: object
) -> AsyncIterator[Process]:
    async with running_command(
        "record_feed",
        "--directory",
        directory,
        *options,
        MDC_URL=redis_url,
        MDC_KEY_PREFIX=f"{prefix}:",
        MASSIVE_FEED=feed,
        MASSIVE_REST_URL=f"http://{feed}",
        MASSIVE_SECURE="false",
        MASSIVE_API_KEY=FULL_KEY,
    ) as process:
        yield process


def unfinished(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{UNFINISHED_SUFFIX}"))


def finished(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{SUFFIX}"))


def frames_in(path: Path) -> int:
    with RecordingReader(path) as reader:
        return reader.frame_count


async def test_a_killed_recorder_leaves_a_file_that_loads(
    redis_url: str, unique_prefix: str, tmp_path: Path
) -> None:
    async with (
        running_simulator() as simulator,
        recorder(tmp_path, simulator.address, redis_url, unique_prefix) as process,
    ):
        (path,) = await eventually(lambda: unfinished(tmp_path), 40)
        await eventually(lambda: frames_in(path) > 20, 20)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    with RecordingReader(path) as reader:
        frames = sum(len(block) for block in reader.blocks())
        assert (frames, reader.damage, reader.is_finished) == (reader.frame_count, [], False)
        assert frames > 20


async def test_a_stopped_recorder_finishes_its_file(
    redis_url: str, unique_prefix: str, tmp_path: Path
) -> None:
    port = free_port()
    async with (
        running_simulator() as simulator,
        recorder(
            tmp_path,
            simulator.address,
            redis_url,
            unique_prefix,
            "--health-port",
            port,
            "--simulator-seed",
            7,
        ) as process,
    ):
        await eventually(lambda: unfinished(tmp_path), 40)
        assert await answers_ready(port)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), scaled(15)) == 0
    (path,) = finished(tmp_path)
    assert unfinished(tmp_path) == []
    with RecordingReader(path) as reader:
        assert reader.is_finished
        assert reader.metadata.simulator_seed == 7


async def test_a_recorder_waits_for_the_one_connection_and_says_how_to_record_beside_it(
    redis_url: str, unique_prefix: str, tmp_path: Path
) -> None:
    keys = Keys(f"{unique_prefix}:")
    async with connect(redis_url) as redis:
        lease = Lease(redis, keys.listener_lease(), "a listener", 60_000)
        assert await lease.acquire()
        port = free_port()
        async with (
            running_simulator() as simulator,
            recorder(tmp_path, simulator.address, redis_url, unique_prefix, "--health-port", port) as process,
        ):
            assert process.stdout is not None
            async with asyncio.timeout(scaled(40)):
                async for line in process.stdout:
                    if b"run_listener --record" in line:
                        break
            assert "another listener holds it" in (await probe(port, "/readyz"))[1]
            assert unfinished(tmp_path) == []
            await lease.release()
            await eventually(lambda: unfinished(tmp_path), 20)


async def test_a_listener_records_what_it_receives(
    redis_url: str, unique_prefix: str, tmp_path: Path
) -> None:
    async with (
        running_simulator() as simulator,
        running_command(
            "run_listener",
            "--record",
            tmp_path,
            MDC_URL=redis_url,
            MDQ_URL=redis_url,
            MDQ_PREFIX=unique_prefix,
            MDC_KEY_PREFIX=f"{unique_prefix}:",
            MASSIVE_FEED=simulator.address,
            MASSIVE_REST_URL=f"http://{simulator.address}",
            MASSIVE_SECURE="false",
            MASSIVE_API_KEY=FULL_KEY,
        ) as process,
    ):
        (path,) = await eventually(lambda: unfinished(tmp_path), 40)
        await eventually(lambda: frames_in(path) > 20, 20)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), scaled(15)) == 0
    (path,) = finished(tmp_path)
    assert frames_in(path) > 20


async def test_a_replay_process_serves_a_listener_and_stops_in_order(tmp_path: Path) -> None:
    frames = frames_from(OPENING_MS, 60)
    path = write_recording(tmp_path, list(in_pairs(frames)))
    port, broker = free_port(), MemoryBroker()
    options = ("--speed", "max", "--from", "09:30:30", "--api-key", "key", "--port", port)
    async with running_command("replay_feed", path, *options) as process:
        await eventually(lambda: serves(port), 40)
        feed = MassiveConfiguration(
            api_key="key", feed=f"127.0.0.1:{port}", secure=False, subscriptions=("T.*",)
        )
        listener = Listener(
            MassiveProvider(feed),
            MemoryTransport(broker, limits=QueueLimits(ttl_ms=3_600_000)),
            shard_count=2,
            source="listener",
        )
        async with running(listener):
            await eventually(lambda: waiting_events(broker) == 30, 20)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), scaled(15)) == 0


def waiting_events(broker: MemoryBroker) -> int:
    return sum(batch.event_count for queue in broker.waiting.values() for batch in queue)


async def serves(port: int) -> bool:
    try:
        status, _ = await probe(port, "/v1/marketstatus/now?apiKey=key")
    except aiohttp.ClientError:
        return False
    return status == 200


async def answers_ready(port: int) -> bool:
    return (await probe(port, "/readyz"))[0] == 200


def test_info_tells_what_is_in_a_file_and_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recording(tmp_path, list(in_pairs(frames_from(OPENING_MS, 10))))
    call_command("recording_info", path)
    text = capsys.readouterr().out
    for part in ("finished", "10 in 5 blocks", "09:30:01 to 2026-11-20 09:30:09", "events T        10"):
        assert part in text, part
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(CommandError, match="1 of 1 files are damaged"):
        call_command("recording_info", path, "--json")
    summary = json.loads(capsys.readouterr().out)
    assert summary["frames"] < 10
    assert summary["damage"][0]["reason"] in {"cut_block", "unreadable"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*RECORD, "/proc/nowhere"], "recordings cannot be written to /proc/nowhere"),
        ([*RECORD, "unused", "--rotate-size", "big"], "'big' is not a size"),
        ([*RECORD, "unused", "--subscriptions", "ZZ.*"], "ZZ"),
        (["replay_feed", "missing.mdprec"], "missing.mdprec cannot be read"),
        (["replay_feed", "missing.mdprec", "--speed", "fast"], "'fast' is not a speed"),
        (["replay_feed", "missing.mdprec", "--symbols", ","], "--symbols is empty"),
        (["recording_info", "missing.mdprec"], "1 of 1 files"),
    ],
)
def test_a_wrong_option_is_named_before_anything_starts(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command(*arguments)
