"""Queues, cache and feed killed (-9) and started again under load, one after the other.

A real simulator offers the load, a real listener and processor move it through real servers. Each time the
listener must flow again by itself soon after the server is back, the processor too, and the listener's books
must explain every event.
"""

import asyncio
import contextlib
import itertools
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
import pytest
from prometheus_client import REGISTRY

from marketdata.clock import SystemClock
from marketdata.control.queue_books import queue_views
from marketdata.listener import Listener
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.leases import Lease
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.base import Batch, QueueDepth, ShardSubscription, Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from scanners.processor import Processor
from scanners.processor.owner import ProcessorConfiguration
from tests.support.deadlines import eventually, scaled
from tests.support.installation import process
from tests.support.services import Server, ValkeyServer
from tests.support.simulator import trading_calendar

PROJECT: Final = Path(__file__).resolve().parents[2]
SHARDS: Final = 2
OFFERED_EVENTS_PER_SECOND: Final = 30_000
LEAST_EVENTS_PER_SECOND: Final = 20_000
RECOVERY_SECONDS: Final = 5.0
SERVER_SECONDS: Final = 60.0
NOTICE_SECONDS: Final = 20.0
LOAD_SECONDS: Final = 30.0
LEASE_TTL_MS: Final = 3_000
API_KEY: Final = "demo"
pytestmark = pytest.mark.timeout(scaled(300))  # RabbitMQ and the simulator start twice each


class SimulatorProcess(Server):
    """`manage.py run_simulator`; each life begins an hour of market time later."""

    start_seconds = SERVER_SECONDS

    def __init__(self) -> None:
        super().__init__()
        self._hours = itertools.count(10)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stocks"

    def _command(self) -> list[str]:
        return [
            sys.executable, str(PROJECT / "manage.py"), "run_simulator",
            "--port", str(self.port), "--api-key", API_KEY, "--symbols", "2000",
            "--rate", str(OFFERED_EVENTS_PER_SECOND), "--start", f"2026-11-20T{next(self._hours)}:30",
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DJANGO_SETTINGS_MODULE": "mdp_site.settings"}

    def _ready(self) -> bool:
        return self._answers(b"GET /v1/marketstatus/now HTTP/1.0\r\n\r\n", b"HTTP/1")


class CountingTransport:
    """A transport that counts the events in the bodies that the broker took, by parsing them."""

    def __init__(self, inner: Transport) -> None:
        self.taken_events = 0
        self._inner = inner

    async def publish(self, batches: Iterable[Batch]) -> None:
        batches = list(batches)
        await self._inner.publish(batches)
        self.taken_events += sum(
            len(msgspec.json.decode(batch.body, type=list[msgspec.Raw])) for batch in batches
        )

    async def open(self) -> None:
        await self._inner.open()

    def subscribe(self, shard: int, queues: Sequence[QueueName], *, prefetch: int) -> ShardSubscription:
        return self._inner.subscribe(shard, queues, prefetch=prefetch)

    async def depths(self) -> Sequence[QueueDepth]:
        return await self._inner.depths()

    async def close(self) -> None:
        await self._inner.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class Ingest:
    """Listener and processor between a feed and servers, as their commands make them."""

    def __init__(self, feed_port: int, queues_url: str, cache_url: str) -> None:
        self._redis = connect(cache_url)
        self.transport = CountingTransport(make_transport(queues_url))
        configuration = MassiveConfiguration(api_key=API_KEY, feed=f"127.0.0.1:{feed_port}", secure=False)
        self.listener = Listener(
            MassiveProvider(configuration),
            self.transport,
            shard_count=SHARDS,
            source="fire",
            lease=Lease(self._redis, Keys().listener_lease(), "fire", LEASE_TTL_MS),
        )
        self.processor = Processor(
            transport=make_transport(queues_url),
            snapshots=SnapshotReader(self._redis, Keys()),
            publisher=BlockPublisher(self._redis, Keys()),
            reference_news=AnnouncementReader(cache_url, [Keys().reference()]),
            calendar=trading_calendar(),
            configuration=ProcessorConfiguration(shards=tuple(range(SHARDS))),
            clock=SystemClock(),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both run until the end, and stop in order."""
        stopping = asyncio.Event()
        tasks = [asyncio.create_task(service.run(stopping)) for service in (self.listener, self.processor)]
        try:
            yield
        finally:
            stopping.set()
            await asyncio.wait_for(asyncio.gather(*tasks), scaled(20))
            await self._redis.aclose()

    def troubles(self) -> dict[str, str]:
        """What keeps either from working."""
        return {**self.processor.unready(), **self.listener.unready()}

    async def flows(self) -> None:
        """Wait, for as long as a recovery may take, until events go all the way again."""
        before = self._progress()
        await eventually(
            lambda: (
                all(now > then for now, then in zip(self._progress(), before, strict=True))
                and not self.troubles()
            ),
            RECOVERY_SECONDS,
        )

    def _progress(self) -> Sequence[float]:
        """What only grows while events are published, applied, and stored in the cache."""
        published = self.listener.counters().events_published
        return published, total("mdp_processor_events_total"), total("mdp_processor_ticks_total")

    def check_books(self) -> None:
        """The books of listener, queues and processor close, and the broker took what was published."""
        books = self.listener.counters()
        dropped = sum(books.events_dropped.values())
        assert books.events_received == books.events_published + dropped + books.events_in_flight
        assert books.frames_received == books.frames_routed + books.frames_dropped + books.frames_waiting
        assert self.transport.taken_events == books.events_published
        statuses = {"listener": self.listener.status(), "processor": self.processor.status()}
        for status in statuses.values():
            assert all(book.closes for book in status.books), status.books
        reports = [process(name, pid, status) for pid, (name, status) in enumerate(statuses.items())]
        for view in queue_views(reports, {report.identity for report in reports}, {}, ages_ms={}):
            assert view.book.closes, view.book


def make_transport(url: str) -> Transport:
    return create_transport(url, prefix="fire", shard_count=SHARDS, limits=QueueLimits(), clock=SystemClock())


def total(metric: str) -> float:
    """A counter of this process, summed over its labels."""
    return sum(
        sample.value for family in REGISTRY.collect() for sample in family.samples if sample.name == metric
    )


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


async def test_what_is_killed_under_load_is_survived_and_every_event_is_accounted_for(
    queue_server: Server, simulator: SimulatorProcess
) -> None:
    with ValkeyServer() as cache:
        ingest = Ingest(simulator.port, queue_server.url, cache.url)
        async with ingest.running():
            await eventually(lambda: not ingest.troubles(), SERVER_SECONDS)
            await offered(ingest)
            for victim, trouble in ((queue_server, "broker"), (cache, "cache"), (simulator, "provider")):
                await killed_and_back(ingest, victim, trouble)
                await offered(ingest)
    books = ingest.listener.counters()
    assert (books.events_in_flight, books.frames_waiting) == (0, 0)
    ingest.check_books()


async def killed_and_back(ingest: Ingest, victim: Server, trouble: str) -> None:
    """Kill the server, wait until that is noticed, start it again, and see everything flow again in time."""
    await asyncio.to_thread(victim.kill)
    await eventually(lambda: trouble in ingest.troubles(), NOTICE_SECONDS)
    ingest.check_books()
    await asyncio.to_thread(victim.start)
    await ingest.flows()
    ingest.check_books()


async def offered(ingest: Ingest) -> None:
    """Wait for a second that brought the load: what is tested is tested under it."""
    second: deque[tuple[float, int]] = deque()

    def brought_the_load() -> bool:
        now, received = time.monotonic(), ingest.listener.counters().events_received
        second.append((now, received))
        while now - second[0][0] > 1.0:
            second.popleft()
        return received - second[0][1] >= LEAST_EVENTS_PER_SECOND

    await eventually(brought_the_load, LOAD_SECONDS)
