"""What many of these tests start from: the cache, its keys, and queues on either kind of server."""

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.base import Transport
from scanners.settings import ProcessorSettings, ScannerSettings
from tests.support.processor_task import Launch, ProcessorTask
from tests.support.services import RabbitMQServer, Server, ServiceMissingError, ValkeyServer
from tests.support.steering import QUICK, CacheSteering, steering_of
from tests.support.widget_site import WidgetSite, use_layer


@pytest.fixture
def keys(unique_prefix: str) -> Keys:
    """Keys of the cache that are this test's alone."""
    return Keys(f"{unique_prefix}:")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A connection to the cache."""
    async with connect(redis_url) as client:
        yield client


@pytest.fixture
async def site(redis_url: str, keys: Keys, settings: Settings) -> AsyncIterator[WidgetSite]:
    """The Widget Data Service on the cache."""
    use_layer(settings, redis_url, keys.prefix)
    async with WidgetSite(redis_url, keys) as running:
        yield running


@pytest.fixture
def private_store() -> Iterator[ValkeyServer]:
    """A cache for one test alone, which may stop it."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture(
    params=[
        pytest.param("redis_url", marks=pytest.mark.redis, id="redis"),
        pytest.param("rabbitmq_url", marks=pytest.mark.rabbitmq, id="rabbitmq"),
    ]
)
def queues_url(request: pytest.FixtureRequest) -> str:
    """Address of the queues: the test runs once on each kind of server."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(ValkeyServer, marks=pytest.mark.redis, id="redis"),
        pytest.param(RabbitMQServer, marks=pytest.mark.rabbitmq, id="rabbitmq"),
    ],
)
def queue_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A queue server for one file alone, which may kill it and must start it again."""
    try:
        with request.param() as running:
            yield running
    except ServiceMissingError as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
async def launch(redis_url: str, redis: Redis, keys: Keys) -> AsyncIterator[Launch]:
    """Starts processors, and ends those that the test did not before its connection closes."""
    del redis  # processors may use it for their records
    launched: list[ProcessorTask] = []

    def start(transport: Transport, **changes: Any) -> ProcessorTask:
        launched.append(ProcessorTask(redis_url, keys, transport, **changes))
        return launched[-1]

    yield start
    for running in launched:
        await running.kill()


@pytest.fixture
def log_level() -> Iterator[None]:
    """The log level is that of before when the test has ended."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)


@pytest.fixture
def reader(redis: Redis, keys: Keys) -> SnapshotReader:
    """Reads what processors and scanners store."""
    return SnapshotReader(redis, keys)


@pytest.fixture
def processors(redis: Redis, keys: Keys) -> CacheSteering[ProcessorSettings]:
    """Steers the processors."""
    return steering_of(redis, keys, PROCESSOR, QUICK)


@pytest.fixture
def scanners(redis: Redis, keys: Keys) -> CacheSteering[ScannerSettings]:
    """Steers the scanners."""
    return steering_of(redis, keys, SCANNER, ScannerSettings())
