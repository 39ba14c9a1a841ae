"""Operators steer a running listener: what is wanted becomes what is, and what is gets told."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.control import ListenerControl
from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
from marketdata.listener import Listener
from marketdata.listener.wanted import SERVICE, ListenerWanted, encode
from marketdata.providers.base import ProviderState
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import RetryDelays
from marketdata.providers.registry import provider_plugin
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.settings import encode_settings
from marketdata.simulator.service import SimulatorService
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.service_records import ServiceRecords
from tests.support.deadlines import eventually, scaled
from tests.support.memory_transport import MemoryTransport
from tests.support.running import running
from tests.support.simulator import FULL_KEY, NO_LULD_KEY, faults_of, running_simulator

SUBSCRIPTIONS = ("A.*", "T.*")
DEADLINE = scaled(15)


def default_for(market: SimulatorService) -> ListenerWanted:
    return ListenerWanted(running=True, feed=market.address, market="stocks", subscriptions=SUBSCRIPTIONS)


class ListenerRig:
    """A listener on the simulated feed, and the control of it."""

    def __init__(
        self,
        market: SimulatorService,
        redis: Redis,
        prefix: str,
        *,
        key: str = FULL_KEY,
        switch_recording: Callable[[bool], object] | None = None,
    ) -> None:
        self.market = market
        self.keys = keys = Keys(f"{prefix}:")
        self.wanted_key = keys.wanted(SERVICE)
        self.redis = redis
        records = ServiceRecords(redis, keys, SERVICE)
        default = default_for(market)
        self.control = ListenerControl(
            records, default, SystemClock(), validate=provider_plugin("massive").validate
        )
        self.provider = MassiveProvider(
            MassiveConfiguration(api_key=key, feed=market.address, secure=False, subscriptions=SUBSCRIPTIONS),
            delays=RetryDelays(1_000, quick=Backoff(initial_seconds=0.01, maximum_seconds=0.02)),
        )
        self.targets: list[ConnectionTarget] = []
        self.listener = Listener(
            self.provider,
            MemoryTransport(),
            shard_count=2,
            source=prefix,
            lease=Lease(redis, keys.listener_lease(), prefix, 3_000),
            records=records,
            wanted=default,
            on_target=self.targets.append,
            switch_recording=switch_recording,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ListenerRig"]:
        async with running(self.listener):
            await eventually(self.control.actual, 15)
            yield self


@pytest.fixture
async def market() -> AsyncIterator[SimulatorService]:
    async with running_simulator() as service:
        yield service


@pytest.fixture
async def rig(market: SimulatorService, redis: Redis, unique_prefix: str) -> AsyncIterator[ListenerRig]:
    async with ListenerRig(market, redis, unique_prefix).running() as rig:
        await eventually(lambda: not rig.listener.unready(), 15)
        yield rig


async def test_other_subscriptions_take_effect_on_the_same_connection(rig: ListenerRig) -> None:
    wanted = await rig.control.change(subscriptions=("AM.*", "Q.*", "LULD.*"))
    effect = await rig.control.effect(wanted, deadline_seconds=DEADLINE)

    assert effect.achieved, effect.explanation
    assert effect.actual is not None
    assert effect.actual.session == 1
    assert rig.targets[-1].subscriptions == wanted.subscriptions
    (connection,) = faults_of(rig.market).connections()
    assert connection.conversation.subscriptions.wants_all("AM")
    assert not connection.conversation.subscriptions.wants_all("A")


async def test_a_stopped_listener_leaves_the_feed_keeps_its_role_and_starts_again(
    rig: ListenerRig,
) -> None:
    stopped = await rig.control.effect(await rig.control.stop(), deadline_seconds=DEADLINE)

    assert stopped.achieved, stopped.explanation
    await eventually(lambda: not faults_of(rig.market).connections(), 5)
    assert "an operator stopped it" in rig.listener.unready()["provider"]
    assert await rig.control.actual() is not None

    started = await rig.control.effect(await rig.control.start(), deadline_seconds=DEADLINE)

    assert started.achieved, started.explanation
    assert not rig.listener.unready()


async def test_a_restart_is_a_new_connection_and_is_not_taken_for_done_before(rig: ListenerRig) -> None:
    before = await rig.control.actual()
    effect = await rig.control.effect(await rig.control.restart(), deadline_seconds=DEADLINE)

    assert effect.achieved, effect.explanation
    assert before is not None
    assert effect.actual is not None
    assert effect.actual.session == before.session + 1
    assert effect.actual.live_since_ms > before.live_since_ms


async def test_another_feed_is_connected_to_while_the_process_runs(rig: ListenerRig) -> None:
    async with running_simulator() as other:
        wanted = await rig.control.change(feed=other.address)
        effect = await rig.control.effect(wanted, deadline_seconds=DEADLINE)

        assert effect.achieved, effect.explanation
        assert len(faults_of(other).connections()) == 1


async def test_subscriptions_that_the_plan_lacks_are_named_instead_of_reported_as_done(
    market: SimulatorService, redis: Redis, unique_prefix: str
) -> None:
    async with ListenerRig(market, redis, unique_prefix, key=NO_LULD_KEY).running() as rig:
        wanted = await rig.control.change(subscriptions=("T.*", "LULD.*"))
        effect = await rig.control.effect(wanted, deadline_seconds=3)

    assert not effect.achieved
    assert "has not confirmed LULD.*" in effect.explanation
    assert "not authorized" in effect.explanation


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({"feed": "Realtime"}, "RealTime"),
        ({"market": "crypto"}, "accepted: stocks"),
        ({"market": "options"}, "options and indices are not served"),
        ({"market": "indices"}, "accepted: stocks"),
        ({"subscriptions": ("ZZ.*",)}, r"<channel>\.\*"),
        ({"subscriptions": ()}, "MASSIVE_SUBSCRIPTIONS is empty"),
    ],
)
async def test_a_bad_value_is_refused_with_what_is_accepted_and_changes_nothing(
    changes: dict[str, Any], accepted: str, rig: ListenerRig
) -> None:
    before = await rig.control.wanted()
    with pytest.raises(ConfigurationError, match=accepted):
        await rig.control.change(**changes)
    assert await rig.control.wanted() == before


async def test_another_log_level_takes_effect_on_the_open_connection_and_nothing_else_is_stored(
    rig: ListenerRig,
) -> None:
    await eventually(lambda: not rig.listener.unready(), 10)
    before, level = rig.provider.connection.number, logging.root.level
    try:
        wanted = await rig.control.change(log_level="ERROR")
        assert (await rig.control.effect(wanted, deadline_seconds=DEADLINE)).achieved
        assert logging.root.level == logging.ERROR
    finally:
        logging.root.setLevel(level)
    assert rig.provider.connection.number == before
    stored = msgspec.json.decode(await rig.redis.get(rig.wanted_key) or b"")
    assert stored == {"log_level": "ERROR", "version": 1, "session": 0}


async def test_a_value_that_no_listener_accepts_is_refused_with_what_is_accepted(rig: ListenerRig) -> None:
    with pytest.raises(ConfigurationError, match="log_level is 'LOUD'; accepted: one of DEBUG, INFO"):
        await rig.control.change(log_level="LOUD")
    assert await rig.redis.get(rig.wanted_key) is None


async def test_rubbish_in_the_record_is_refused_and_the_feed_goes_on(rig: ListenerRig) -> None:
    await rig.redis.set(rig.wanted_key, b"rubbish")

    async def refusal() -> str:
        actual = await rig.control.actual()
        return actual.refusal if actual else ""

    assert "wanted_state" in await eventually(refusal, 10)
    assert not rig.listener.unready()


async def test_what_another_program_wrote_and_the_provider_cannot_do_is_refused_with_the_reason(
    rig: ListenerRig,
) -> None:
    wanted = ListenerWanted(running=True, feed="nowhere", market="stocks", subscriptions=("T.*",), version=7)
    await rig.redis.set(rig.wanted_key, encode(wanted))

    effect = await rig.control.effect(wanted, deadline_seconds=DEADLINE)

    assert not effect.achieved
    assert "MASSIVE_FEED is 'nowhere'" in effect.explanation
    assert not rig.listener.unready()


async def test_a_cache_that_lost_the_wanted_state_gets_it_back_so_that_stopped_stays_stopped(
    rig: ListenerRig,
) -> None:
    wanted = await rig.control.stop()
    await rig.control.effect(wanted, deadline_seconds=DEADLINE)
    stored = await rig.redis.get(rig.wanted_key)
    await rig.redis.delete(rig.wanted_key)

    async def restored() -> bool:
        return await rig.redis.get(rig.wanted_key) == stored

    await eventually(restored, 10)
    assert rig.provider.status.state is ProviderState.STOPPED


async def test_a_listener_that_starts_finds_what_is_wanted_before_it_connects(
    market: SimulatorService, redis: Redis, unique_prefix: str
) -> None:
    rig = ListenerRig(market, redis, unique_prefix)
    await rig.control.stop()
    async with rig.running():
        await eventually(lambda: "an operator" in rig.listener.unready().get("provider", ""), 10)
        assert rig.provider.connection.number == 0


async def test_changes_by_two_operators_at_once_are_both_kept(rig: ListenerRig) -> None:
    await asyncio.gather(
        rig.control.change(subscriptions=("Q.*",)), rig.control.restart(), rig.control.restart()
    )
    wanted = await rig.control.wanted()

    assert (wanted.subscriptions, wanted.session, wanted.version) == (("Q.*",), 2, 3)


async def test_the_actual_state_carries_books_that_balance_and_ends_with_the_listener(
    market: SimulatorService, redis: Redis, unique_prefix: str
) -> None:
    rig = ListenerRig(market, redis, unique_prefix)
    async with rig.running():

        async def published() -> bool:
            actual = await rig.control.actual()
            return actual is not None and actual.counters.events_published > 100

        await eventually(published, 15)
        actual = await rig.control.actual()
        assert actual is not None
        assert actual.counters.unaccounted_events == 0
        assert actual.counters.unaccounted_frames == 0
    await eventually(lambda: _gone(rig), 10)


async def _gone(rig: ListenerRig) -> bool:
    return await rig.control.actual() is None


async def manage(*arguments: str, environment: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "listener", *arguments,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), scaled(50))
    return process.returncode, output.decode()


def environment_of(rig: ListenerRig, redis_url: str, prefix: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "mdp_site.settings",
        "MDC_URL": redis_url,
        "MDC_KEY_PREFIX": f"{prefix}:",
        "MASSIVE_FEED": rig.market.address,
        "MASSIVE_SUBSCRIPTIONS": ",".join(SUBSCRIPTIONS),
    }


@pytest.mark.timeout(120)
async def test_the_command_changes_waits_and_says_what_happened(
    rig: ListenerRig, redis_url: str, unique_prefix: str
) -> None:
    environment = environment_of(rig, redis_url, unique_prefix)

    code, output = await manage("set", "--subscriptions", "T.*,Q.AAPL", environment=environment)
    assert code == 0, output
    assert "set: live" in output
    assert f"version 1: running, {rig.market.address} stocks T.*,Q.AAPL" in output

    code, output = await manage("set", "--market", "indices", environment=environment)
    assert code == 1
    assert "accepted: stocks (options and indices are not served" in output

    code, output = await manage("status", environment=environment)
    assert code == 0, output
    assert "actual  live since" in output
    assert "dropped: none" in output


@pytest.mark.timeout(120)
async def test_the_command_fails_with_the_reason_when_no_listener_runs(
    market: SimulatorService, redis: Redis, redis_url: str, unique_prefix: str
) -> None:
    rig = ListenerRig(market, redis, unique_prefix)
    environment = environment_of(rig, redis_url, unique_prefix)

    code, output = await manage("restart", "--wait", "0.2", environment=environment)

    assert code == 1
    assert "no listener reports its state" in output


async def wanted_record(rig: ListenerRig, version: int, **values: object) -> None:
    """Store a wanted state of these values alone, as any control does."""
    records = ServiceRecords(rig.redis, rig.keys, SERVICE)
    after = encode_settings({"version": version, **values})
    assert await records.replace_wanted(await records.wanted(), after)


async def test_recording_is_switched_off_and_on_and_refused_without_a_directory(
    market: SimulatorService, redis: Redis, unique_prefix: str
) -> None:
    switched: list[bool] = []
    rig = ListenerRig(market, redis, unique_prefix, switch_recording=switched.append)
    async with rig.running():
        await wanted_record(rig, 1, recording=True)
        await eventually(lambda: switched[-1:] == [True], 5)
        await wanted_record(rig, 2, recording=False)
        await eventually(lambda: switched[-1:] == [False], 5)
    without = ListenerRig(market, redis, f"{unique_prefix}2")
    async with without.running():
        await wanted_record(without, 1, recording=True)

        async def refusal() -> str:
            actual = await without.control.actual()
            return actual.refusal if actual is not None else ""

        assert "recording is on; accepted: off" in await eventually(refusal, 5)
