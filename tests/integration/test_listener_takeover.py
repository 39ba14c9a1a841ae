"""Two listener processes, one connection: the standby takes over when the other is killed or restarted."""

import contextlib
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
import pytest
from redis.asyncio import Redis

from marketdata.control import ListenerFollowers
from marketdata.listener.role import LEASE_TTL_MS
from marketdata.listener.wanted import SERVICE, ListenerActual, ListenerWanted, read_actual
from marketdata.observability import metrics
from marketdata.providers.emulator import ApiKey, ProtocolSettings
from marketdata.runtime.report import LEADER, STANDBY, ProcessReport, read_report
from marketdata.simulator.service import SimulatorService
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from tests.support.deadlines import eventually, scaled
from tests.support.health_client import probe
from tests.support.running import running_command
from tests.support.services import free_port
from tests.support.simulator import FULL_KEY, faults_of, running_simulator
from tests.support.steering import CacheSteering

ONE_CONNECTION = ProtocolSettings(api_keys=(ApiKey(FULL_KEY),), max_connections=1)
TAKEOVER_SECONDS = 5.0
HAND_OVER_SECONDS = scaled(4.0)


async def readiness(port: int) -> str:
    try:
        _, body = await probe(port, "/readyz")
    except aiohttp.ClientError:
        return ""
    return body


@dataclass(frozen=True, slots=True)
class Pair:
    """Two listener processes at one market: the first one leads."""

    market: SimulatorService
    leader: Process
    standby: Process
    standby_port: int
    redis: Redis
    keys: Keys

    @property
    def is_received(self) -> bool:
        return any(len(each.conversation.subscriptions) for each in faults_of(self.market).connections())

    async def reports(self) -> Mapping[str, ProcessReport]:
        """The newest report of each listener process, by its identity, without those that ended."""
        stored = await self.redis.hgetall(self.keys.processes())
        reports = [read_report(value) for value in stored.values() if isinstance(value, bytes)]
        return {each.identity: each for each in reports if not each.ended_at_ms}

    async def identity(self, process: Process, *, but: str = "") -> str:
        """The identity under which operators find a process; empty if it does not report yet."""
        found = (name for name, each in (await self.reports()).items() if each.pid == process.pid)
        return next((name for name in found if name != but), "")

    async def role(self, process: Process) -> str:
        identity = await self.identity(process)
        return (await self.reports())[identity].status.role if identity else ""

    async def actual(self) -> ListenerActual | None:
        """What the listener reports that leads."""
        stored = await ServiceRecords(self.redis, self.keys, SERVICE).actual()
        return None if stored is None else read_actual(stored)

    async def restart(self, identity: str) -> None:
        """Order one process to restart, as an operator does."""
        records = ServiceRecords(self.redis, self.keys, SERVICE)
        own = ListenerWanted(running=True, feed="", market="", subscriptions=())
        await CacheSteering(records, own, ListenerFollowers(records)).change({"restarting": [identity]})


@pytest.fixture
async def pair(redis_url: str, keys: Keys, redis: Redis) -> AsyncIterator[Pair]:
    evicted = metrics.SIMULATOR_ENDED.labels("max_connections")
    evictions_before = evicted._value.get()
    async with running_simulator(ONE_CONNECTION) as market, contextlib.AsyncExitStack() as stack:
        environment = {
            "MDQ_URL": redis_url,
            "MDC_URL": redis_url,
            "MDQ_PREFIX": keys.prefix.rstrip(":"),
            "MDC_KEY_PREFIX": keys.prefix,
            "MASSIVE_FEED": market.address,
            "MASSIVE_SECURE": "false",
            "MASSIVE_REST_URL": f"http://{market.address}",
            "MASSIVE_API_KEY": FULL_KEY,
        }
        port = free_port()

        async def stands_by() -> bool:
            return "another listener holds it" in await readiness(port)

        leader = await stack.enter_async_context(running_command("run_listener", **environment))
        two = Pair(market, leader, leader, port, redis, keys)
        await eventually(lambda: two.is_received, 60)
        second = running_command("run_listener", "--health-port", port, **environment)
        standby = await stack.enter_async_context(second)
        await eventually(stands_by, 60)
        yield Pair(market, leader, standby, port, redis, keys)
        assert len(faults_of(market).connections()) == 1
    assert evicted._value.get() == evictions_before, "there never were two connections"


@pytest.mark.timeout(150)
async def test_a_killed_listener_is_replaced_and_there_never_are_two_connections(pair: Pair) -> None:
    async def takes_over() -> bool:
        return '"ready": true' in await readiness(pair.standby_port)

    pair.leader.kill()
    await pair.leader.wait()
    await eventually(takes_over, LEASE_TTL_MS / 1_000 + TAKEOVER_SECONDS)
    assert pair.is_received


@pytest.mark.timeout(200)
async def test_a_leader_that_restarts_hands_its_role_to_the_standby(pair: Pair) -> None:
    leader = await eventually(lambda: pair.identity(pair.leader), 20)
    before = await pair.actual()
    assert before is not None

    async def another_is_live() -> ListenerActual | None:
        actual = await pair.actual()
        return actual if actual and actual.source != before.source and actual.live_since_ms else None

    ordered_ms = time.time() * 1_000
    await pair.restart(leader)
    after = await eventually(another_is_live, 30)
    assert after is not None
    assert after.live_since_ms - ordered_ms < HAND_OVER_SECONDS * 1_000
    # The process of the former leader lives, with another identity, and stands by.
    await eventually(lambda: pair.identity(pair.leader, but=leader), 60)

    async def stands_by() -> bool:
        return await pair.role(pair.leader) == STANDBY

    async def leads() -> bool:
        return await pair.role(pair.standby) == LEADER

    await eventually(stands_by, 60)
    await eventually(leads, 10)  # its report may be from before


@pytest.mark.timeout(200)
async def test_a_standby_restarts_without_a_change_of_the_leader(pair: Pair) -> None:
    standby = await eventually(lambda: pair.identity(pair.standby), 20)
    (connection,) = faults_of(pair.market).connections()
    await pair.restart(standby)
    await eventually(lambda: pair.identity(pair.standby, but=standby), 60)
    assert list(faults_of(pair.market).connections()) == [connection]
    reports = await pair.reports()
    leader = reports[await pair.identity(pair.leader)]
    assert (leader.status.role, leader.status.settings and leader.status.settings.applied_version) == (
        LEADER,
        1,
    )

    async def follows() -> bool:
        status = (await pair.reports())[await pair.identity(pair.standby)].status
        return status.role == STANDBY and bool(status.settings and status.settings.applied_version == 1)

    await eventually(follows, 20)
