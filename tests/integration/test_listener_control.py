"""Operators steer a running listener: what is wanted becomes what is, and what is gets told."""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from redis.asyncio import Redis

from marketdata.control import Effect, ListenerFollowers, RevisionOutcome
from marketdata.feeds import ConnectionTarget
from marketdata.listener import Listener
from marketdata.listener.wanted import (
    SERVICE,
    ListenerActual,
    ListenerWanted,
    encode,
    listener_books,
    read_actual,
)
from marketdata.providers.base import ProviderState
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import RetryDelays
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
from tests.support.steering import CacheSteering

SUBSCRIPTIONS = ("A.*", "T.*")
SUBSCRIBED = ("AM.*", "Q.*", "LULD.*")
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
        self.records = records = ServiceRecords(redis, keys, SERVICE)
        default = default_for(market)
        self.control = CacheSteering(records, default, ListenerFollowers(records))
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

    async def actual(self) -> ListenerActual | None:
        """What the listener reports."""
        reported = await self.records.actual()
        return None if reported is None else read_actual(reported)

    async def reports_live(self) -> bool:
        """Whether the listener receives data, and its report says so too. The report follows by a moment."""
        actual = await self.actual()
        return actual is not None and actual.session > 0 and not self.listener.unready()

    async def stop(self) -> int:
        """Want the listener stopped."""
        return await self.control.change({"running": False})

    async def restart(self) -> int:
        """Want a new connection."""
        session = (await self.control.wanted()).session
        return await self.control.change({"running": True, "session": session + 1})

    async def effect(self, version: int, deadline_seconds: float = DEADLINE) -> Effect:
        """What became of a version."""
        return await self.control.effect(version, deadline_seconds)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ListenerRig"]:
        async with running(self.listener):
            await eventually(self.actual, 15)
            yield self


@pytest.fixture
async def market() -> AsyncIterator[SimulatorService]:
    async with running_simulator() as service:
        yield service


@pytest.fixture
async def rig(market: SimulatorService, redis: Redis, unique_prefix: str) -> AsyncIterator[ListenerRig]:
    async with ListenerRig(market, redis, unique_prefix).running() as rig:
        await eventually(rig.reports_live, 15)
        yield rig


async def test_other_subscriptions_take_effect_on_the_same_connection(rig: ListenerRig) -> None:
    wanted = await rig.control.change({"subscriptions": SUBSCRIBED})
    effect = await rig.effect(wanted)

    assert effect.outcome is RevisionOutcome.APPLIED, effect.explanation
    actual = await rig.actual()
    assert actual is not None
    assert actual.session == 1
    assert rig.targets[-1].subscriptions == SUBSCRIBED
    (connection,) = faults_of(rig.market).connections()
    assert connection.conversation.subscriptions.wants_all("AM")
    assert not connection.conversation.subscriptions.wants_all("A")


async def test_a_stopped_listener_leaves_the_feed_keeps_its_role_and_starts_again(
    rig: ListenerRig,
) -> None:
    stopped = await rig.effect(await rig.stop())

    assert stopped.outcome is RevisionOutcome.APPLIED, stopped.explanation
    await eventually(lambda: not faults_of(rig.market).connections(), 5)
    assert "an operator stopped it" in rig.listener.unready()["provider"]
    assert await rig.actual() is not None

    started = await rig.effect(await rig.control.change({"running": True}))

    assert started.outcome is RevisionOutcome.APPLIED, started.explanation
    assert not rig.listener.unready()


async def test_a_restart_is_a_new_connection_and_is_not_taken_for_done_before(rig: ListenerRig) -> None:
    before = await rig.actual()
    effect = await rig.effect(await rig.restart())

    assert effect.outcome is RevisionOutcome.APPLIED, effect.explanation
    after = await rig.actual()
    assert before is not None
    assert after is not None
    assert after.session == before.session + 1
    assert after.live_since_ms > before.live_since_ms


async def test_another_feed_is_connected_to_while_the_process_runs(rig: ListenerRig) -> None:
    async with running_simulator() as other:
        wanted = await rig.control.change({"feed": other.address})
        effect = await rig.effect(wanted)

        assert effect.outcome is RevisionOutcome.APPLIED, effect.explanation
        assert len(faults_of(other).connections()) == 1


async def test_subscriptions_that_the_plan_lacks_are_named_instead_of_reported_as_done(
    market: SimulatorService, redis: Redis, unique_prefix: str
) -> None:
    async with ListenerRig(market, redis, unique_prefix, key=NO_LULD_KEY).running() as rig:
        wanted = await rig.control.change({"subscriptions": ("T.*", "LULD.*")})
        effect = await rig.effect(wanted, 3)

    assert effect.outcome is RevisionOutcome.PENDING
    assert "has not confirmed LULD.*" in effect.explanation
    assert "not authorized" in effect.explanation


async def test_another_log_level_takes_effect_on_the_open_connection_and_nothing_else_is_stored(
    rig: ListenerRig,
) -> None:
    await eventually(lambda: not rig.listener.unready(), 10)
    before, level = rig.provider.connection.number, logging.root.level
    try:
        wanted = await rig.control.change({"log_level": "ERROR"})
        assert (await rig.effect(wanted)).outcome is RevisionOutcome.APPLIED
        assert logging.root.level == logging.ERROR
    finally:
        logging.root.setLevel(level)
    assert rig.provider.connection.number == before
    stored = msgspec.json.decode(await rig.redis.get(rig.wanted_key) or b"")
    assert stored == {"log_level": "ERROR", "version": 1}


async def test_rubbish_in_the_record_is_refused_and_the_feed_goes_on(rig: ListenerRig) -> None:
    await rig.redis.set(rig.wanted_key, b"rubbish")

    async def refusal() -> str:
        actual = await rig.actual()
        return actual.refusal if actual else ""

    assert "wanted_state" in await eventually(refusal, 10)
    assert not rig.listener.unready()


async def test_what_another_program_wrote_and_the_provider_cannot_do_is_refused_with_the_reason(
    rig: ListenerRig,
) -> None:
    wanted = ListenerWanted(running=True, feed="nowhere", market="stocks", subscriptions=("T.*",), version=7)
    await rig.redis.set(rig.wanted_key, encode(wanted))

    effect = await rig.effect(wanted.version)

    assert effect.outcome is RevisionOutcome.REFUSED
    assert "MASSIVE_FEED is 'nowhere'" in effect.explanation
    assert not rig.listener.unready()


async def test_a_cache_that_lost_the_wanted_state_gets_it_back_so_that_stopped_stays_stopped(
    rig: ListenerRig,
) -> None:
    wanted = await rig.stop()
    await rig.effect(wanted)
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
    await rig.stop()
    async with rig.running():
        await eventually(lambda: "an operator" in rig.listener.unready().get("provider", ""), 10)
        assert rig.provider.connection.number == 0


async def test_the_actual_state_carries_books_that_balance_and_ends_with_the_listener(
    market: SimulatorService, redis: Redis, unique_prefix: str
) -> None:
    rig = ListenerRig(market, redis, unique_prefix)
    async with rig.running():

        async def published() -> bool:
            actual = await rig.actual()
            return actual is not None and actual.counters.events_published > 100

        await eventually(published, 15)
        actual = await rig.actual()
        assert actual is not None
        assert all(book.closes for book in listener_books(actual.counters)), actual.counters
    await eventually(lambda: _gone(rig), 10)


async def _gone(rig: ListenerRig) -> bool:
    return await rig.actual() is None


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
            actual = await without.actual()
            return actual.refusal if actual is not None else ""

        assert "recording is on; accepted: off" in await eventually(refusal, 5)
