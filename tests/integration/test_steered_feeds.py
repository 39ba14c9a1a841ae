"""Operators pause and restart what feeds the platform or records its feed: simulator, replay and recorder."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.control import RevisionOutcome
from marketdata.listener import Listener
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.registry import recorded_format
from marketdata.recording.reader import RecordingReader
from marketdata.recording.selection import Selection
from marketdata.recording.settings import RECORDER, RecorderSettings
from marketdata.recording.writer import SUFFIX, UNFINISHED_SUFFIX
from marketdata.replay_server.service import ReplayConfig, ReplayService
from marketdata.replay_server.settings import REPLAY, ReplayRoleSettings
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.settings import S
from marketdata.simulator.service import SimulatorService
from marketdata.simulator.settings import SIMULATOR, SimulatorSettings
from marketdata.store.keys import Keys
from marketdata.store.service_records import InstanceRecords
from mdp_site.service_settings import SERVICES
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryTransport
from tests.support.running import running, running_command
from tests.support.services import free_port
from tests.support.simulator import (
    FULL_KEY,
    SETTINGS,
    faults_of,
    running_simulator,
    simulator_config,
    trading_calendar,
)
from tests.support.steering import applied, steering_of
from tests.unit.marketdata.recording.recordings import OPENING_MS, frames_from, write_recording

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("log_level")]

START_SECONDS = 60


@pytest.fixture
def platform(redis_url: str, keys: Keys) -> Mapping[str, str]:
    """The variables of a process beside the test."""
    return {
        "MDC_URL": redis_url,
        "MDC_KEY_PREFIX": keys.prefix,
        "MASSIVE_API_KEY": FULL_KEY,
        "MASSIVE_SECURE": "false",
        "MASSIVE_REST_URL": "http://127.0.0.1:1",
    }


def listener_of(address: str) -> Listener:
    configuration = MassiveConfiguration(
        api_key=FULL_KEY, feed=address, secure=False, subscriptions=("A.*", "T.*")
    )
    return Listener(MassiveProvider(configuration), MemoryTransport(), shard_count=2, source="listener")


def followed(own: S) -> LiveSettings[S]:
    return LiveSettings(own, source="one", clock=SystemClock())


async def test_a_paused_simulator_stands_still_and_then_goes_on_with_the_same_client(
    redis: Redis, keys: Keys
) -> None:
    control = steering_of(redis, keys, SIMULATOR, SimulatorSettings())
    service = SimulatorService(
        simulator_config(),
        trading_calendar(),
        live=followed(SimulatorSettings()),
        records=InstanceRecords(redis, keys, SIMULATOR, "one"),
    )
    async with running(service):
        await eventually(lambda: not service.unready(), 10)
        listener = listener_of(service.address)
        async with running(listener):
            await eventually(lambda: listener.counters().events_received, 20)
            (client,) = faults_of(service).connections()
            await applied(control, running=False)
            stood_at_ms = service.market.now_ms
            # Time in which a market that goes on would make a dozen steps.
            await applied(control, rate_factor=2.0)
            assert service.market.now_ms == stood_at_ms
            received = listener.counters().events_received

            await applied(control, running=True)
            await eventually(lambda: listener.counters().events_received > received, 10)
            assert service.market.rate_factor == 2.0
            assert service.market.now_ms - stood_at_ms < 60_000, "the market does not catch up"
            assert list(faults_of(service).connections()) == [client]
        assert service.status().settings is not None


async def test_a_replay_that_was_paused_plays_each_frame_once(
    redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    control = steering_of(redis, keys, REPLAY, ReplayRoleSettings())
    path = write_recording(tmp_path, [frames_from(OPENING_MS, 20)])
    with Selection([path], recorded_format) as selection:
        replay = ReplayService(
            ReplayConfig(protocol=SETTINGS, port=0, speed=None),
            selection,
            trading_calendar(),
            live=followed(ReplayRoleSettings()),
            records=InstanceRecords(redis, keys, REPLAY, "one"),
        )
        async with running(replay):
            await applied(control, running=False)
            listener = listener_of(replay.address)
            async with running(listener):
                await eventually(lambda: not listener.unready(), 20)
                await applied(control, log_level="WARNING")
                assert listener.counters().events_received == 0
                await applied(control, running=True)
                await asyncio.wait_for(replay.finished.wait(), 20)
                await eventually(lambda: listener.counters().events_received == 20, 10)


async def test_a_paused_recorder_finishes_its_file_and_gives_the_connection_up(
    platform: Mapping[str, str], redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    control = steering_of(redis, keys, RECORDER, RecorderSettings())

    def files(suffix: str) -> list[Path]:
        return sorted(tmp_path.glob(f"*{suffix}"))

    async def is_free() -> bool:
        return not await redis.exists(keys.listener_lease())

    async with (
        running_simulator() as market,
        running_command(
            "record_feed",
            "--directory",
            tmp_path,
            **platform,
            MASSIVE_FEED=market.address,
        ) as process,
    ):
        await eventually(lambda: files(UNFINISHED_SUFFIX), START_SECONDS)
        await applied(control, running=False)
        await eventually(lambda: files(SUFFIX) and not files(UNFINISHED_SUFFIX), 10)
        await eventually(is_free, 10)
        (first,) = files(SUFFIX)
        with RecordingReader(first) as reader:
            assert reader.is_finished
            assert reader.frame_count
        assert not list(faults_of(market).connections())
        assert process.returncode is None

        await applied(control, running=True)
        await eventually(lambda: files(UNFINISHED_SUFFIX), 20)
        assert files(SUFFIX) == [first]


def command_of(service: str, directory: Path) -> tuple[object, ...]:
    if service == RECORDER:
        return ("record_feed", "--feed", "127.0.0.1:1", "--directory", directory)
    if service == SIMULATOR:
        return ("run_simulator", "--symbols", 50, "--port", free_port())
    recording = write_recording(directory, [frames_from(OPENING_MS, 20)])
    return ("replay_feed", recording, "--port", free_port())


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", [RECORDER, SIMULATOR, REPLAY])
async def test_each_of_them_restarts_in_place_and_follows_its_log_level(
    service: str, platform: Mapping[str, str], redis: Redis, keys: Keys, tmp_path: Path
) -> None:
    control = steering_of(redis, keys, service, SERVICES[service]())

    async def other_than(before: str) -> str:
        return next((each.source for each in await control.reports() if each.source != before), "")

    async with running_command(*command_of(service, tmp_path), **platform) as process:
        first = await eventually(lambda: other_than(""), START_SECONDS)
        await applied(control, log_level="ERROR")
        await control.change({"restarting": [first]})
        second = await eventually(lambda: other_than(first), START_SECONDS)
        assert (process.returncode, first.split(":")[:2]) == (None, second.split(":")[:2])
        effect = await control.effect(2, 20)
        assert (effect.outcome, effect.applied_by) == (RevisionOutcome.APPLIED, (second,))
