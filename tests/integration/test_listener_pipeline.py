"""The listener between a real feed socket and real queues: takeover, outage, and the command itself."""

import asyncio
import contextlib
import json
import os
import signal
import sys

import aiohttp
import pytest
from pytest_django.fixtures import Settings
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.listener import Listener
from marketdata.management.commands.run_listener import build_listener, create_provider
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import RetryDelays
from marketdata.runtime.backoff import Backoff
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits, QueueName, shard_of
from marketdata.transport.registry import create_transport
from tests.support.builders import quote_wire, trade_wire
from tests.support.deadlines import eventually, scaled
from tests.support.health_client import probe
from tests.support.massive import changed_settings
from tests.support.running import running
from tests.support.scripted_provider import FeedConnection, ScriptedFeed
from tests.support.services import ValkeyServer, free_port

SHARDS = 2
LEASE_TTL_MS = 600


def make_transport(url: str, prefix: str) -> Transport:
    return create_transport(
        url,
        prefix=prefix,
        shard_count=SHARDS,
        limits=QueueLimits(),
        clock=SystemClock(),
        operation_timeout_seconds=2.0,
    )


def make_listener(feed: ScriptedFeed, queues: str, cache: Redis, prefix: str, name: str) -> Listener:
    configuration = MassiveConfiguration(api_key="key", feed=feed.address, secure=False)
    delays = RetryDelays(1_000, quick=Backoff(initial_seconds=0.01, maximum_seconds=0.02))
    return Listener(
        MassiveProvider(configuration, delays=delays),
        make_transport(queues, prefix),
        shard_count=SHARDS,
        source=name,
        lease=Lease(cache, Keys(f"{prefix}:").listener_lease(), name, LEASE_TTL_MS),
        broker_backoff=Backoff(initial_seconds=0.05, maximum_seconds=0.1),
    )


async def tick_for_ever(connection: FeedConnection) -> None:
    await connection.subscribe()
    number = 0
    while True:
        number += 1
        await connection.send(trade_wire("IBM", q=number), quote_wire("IBM", q=number))
        await asyncio.sleep(0.01)


async def receive_trades(transport: Transport, at_least: int) -> list[int]:
    """Sequence numbers of the trades that a processor would see, in the order of receiving."""
    numbers: list[int] = []
    subscription = transport.subscribe(shard_of("IBM", SHARDS), [QueueName.TRADES], prefetch=100)
    async with asyncio.timeout(scaled(15)):
        await subscription.acquire()
        while len(numbers) < at_least:
            deliveries = await subscription.receive(wait_seconds=0.5)
            numbers += [
                int(event["q"]) for delivery in deliveries for event in json.loads(delivery.batch.body)
            ]
            await subscription.acknowledge(deliveries)
    await subscription.close()
    return numbers


async def test_events_of_the_feed_arrive_in_the_queues_in_order(
    queues_url: str, redis: Redis, unique_prefix: str
) -> None:
    async with ScriptedFeed(tick_for_ever) as feed:
        listener = make_listener(feed, queues_url, redis, unique_prefix, "first")
        async with running(listener), make_transport(queues_url, unique_prefix) as transport:
            numbers = await receive_trades(transport, at_least=50)
            assert listener.unready() == {}
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_second_listener_stands_by_and_takes_over(
    redis_url: str, redis: Redis, unique_prefix: str
) -> None:
    async with ScriptedFeed(tick_for_ever) as feed:
        first = make_listener(feed, redis_url, redis, unique_prefix, "first")
        second = make_listener(feed, redis_url, redis, unique_prefix, "second")
        async with running(first):
            await eventually(lambda: not first.unready(), 10)
            async with running(second):
                await eventually(lambda: second.unready().get("lease") == "another listener holds it", 10)
                assert len(feed.connections) == 1
                # What a pause longer than the lease comes to: the other one holds it now.
                await redis.set(Keys(f"{unique_prefix}:").listener_lease(), "second", px=LEASE_TTL_MS)
                await eventually(lambda: not second.unready(), 10)
                await eventually(lambda: first.unready().get("lease") == "another listener holds it", 10)
                assert feed.connections[0].socket.close_code is not None


async def test_a_stopped_listener_leaves_its_role_at_once(
    redis_url: str, redis: Redis, unique_prefix: str
) -> None:
    async with ScriptedFeed(tick_for_ever) as feed:
        first = make_listener(feed, redis_url, redis, unique_prefix, "first")
        async with running(first):
            await eventually(lambda: not first.unready(), 10)
        assert await redis.get(Keys(f"{unique_prefix}:").listener_lease()) is None


async def test_a_restart_of_broker_and_cache_interrupts_and_does_not_end_the_flow(unique_prefix: str) -> None:
    with ValkeyServer() as server:
        async with ScriptedFeed(tick_for_ever) as feed, connect(server.url) as redis:
            listener = make_listener(feed, server.url, redis, unique_prefix, "first")
            async with running(listener):
                await eventually(lambda: not listener.unready(), 10)
                await asyncio.to_thread(server.kill)
                await eventually(lambda: listener.unready().get("broker"), 10)
                await asyncio.to_thread(server.start)
                await eventually(lambda: not listener.unready(), 15)
                async with make_transport(server.url, unique_prefix) as transport:
                    assert await receive_trades(transport, at_least=10)
                assert len(feed.connections) == 1, "the feed was never let go"


@pytest.mark.parametrize(
    ("setting", "of_provider", "queues"),
    [
        ("MASSIVE_FEED", {"feed": "Realtime"}, "redis://127.0.0.1"),
        ("MASSIVE_SUBSCRIPTIONS", {"subscriptions": ("ZZ.*",)}, "redis://127.0.0.1"),
        ("MDQ_URL", {}, "http://127.0.0.1"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_before_anything_connects(
    setting: str, of_provider: dict[str, object], queues: str, settings: Settings
) -> None:
    settings.PROVIDER_SETTINGS = changed_settings({"feed": "127.0.0.1:1"} | of_provider)
    settings.MDQ_URL = queues
    with pytest.raises(ConfigurationError, match=setting):
        build_listener(create_provider())


async def test_the_command_becomes_ready_and_stops_in_order(redis_url: str, unique_prefix: str) -> None:
    port = free_port()
    async with ScriptedFeed(tick_for_ever) as feed:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "mdp_site.settings",
            "MDQ_URL": redis_url,
            "MDC_URL": redis_url,
            "MDQ_PREFIX": unique_prefix,
            "MDC_KEY_PREFIX": f"{unique_prefix}:",
            "MASSIVE_FEED": feed.address,
            "MASSIVE_SECURE": "false",
            "MASSIVE_API_KEY": "key",
            "LOG_FORMAT": "json",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", "run_listener", "--health-port", str(port), env=environment
        )
        try:
            await eventually(lambda: answers_ready(port), 30)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), scaled(15)) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def answers_ready(port: int) -> bool:
    try:
        status, _ = await probe(port, "/readyz")
    except aiohttp.ClientError:
        return False
    return status == 200
