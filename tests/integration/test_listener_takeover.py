"""Two listener processes, one connection: the standby takes over when the other is killed."""

import contextlib
from asyncio.subprocess import Process
from contextlib import AbstractAsyncContextManager

import aiohttp
import pytest

from marketdata.listener.role import LEASE_TTL_MS
from marketdata.observability import metrics
from marketdata.providers.emulator import ApiKey, ProtocolSettings
from tests.support.deadlines import eventually
from tests.support.health_client import probe
from tests.support.running import running_command
from tests.support.services import free_port
from tests.support.simulator import FULL_KEY, faults_of, running_simulator

ONE_CONNECTION = ProtocolSettings(api_keys=(ApiKey(FULL_KEY),), max_connections=1)
TAKEOVER_SECONDS = 5.0


async def readiness(port: int) -> str:
    try:
        _, body = await probe(port, "/readyz")
    except aiohttp.ClientError:
        return ""
    return body


@pytest.mark.timeout(150)
async def test_a_killed_listener_is_replaced_and_there_never_are_two_connections(
    redis_url: str, unique_prefix: str
) -> None:
    evicted = metrics.SIMULATOR_ENDED.labels("max_connections")
    evictions_before = evicted._value.get()
    async with running_simulator(ONE_CONNECTION) as market:
        environment = {
            "MDQ_URL": redis_url,
            "MDC_URL": redis_url,
            "MDQ_PREFIX": unique_prefix,
            "MDC_KEY_PREFIX": f"{unique_prefix}:",
            "MASSIVE_FEED": market.address,
            "MASSIVE_SECURE": "false",
            "MASSIVE_REST_URL": f"http://{market.address}",
            "MASSIVE_API_KEY": FULL_KEY,
        }
        first_port, second_port = free_port(), free_port()

        def listener(port: int) -> AbstractAsyncContextManager[Process]:
            return running_command("run_listener", "--health-port", port, **environment)

        def is_received() -> bool:
            return any(len(each.conversation.subscriptions) for each in faults_of(market).connections())

        async def stands_by() -> bool:
            return "another listener holds it" in await readiness(second_port)

        async def takes_over() -> bool:
            return '"ready": true' in await readiness(second_port)

        async with (
            listener(first_port) as first,
            contextlib.AsyncExitStack() as stack,
        ):
            await eventually(is_received, 60)
            await stack.enter_async_context(listener(second_port))
            await eventually(stands_by, 60)
            first.kill()
            await first.wait()

            await eventually(takes_over, LEASE_TTL_MS / 1_000 + TAKEOVER_SECONDS)
            assert is_received()
            assert len(faults_of(market).connections()) == 1
    assert evicted._value.get() == evictions_before
