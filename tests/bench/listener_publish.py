"""`listener_publish_*`: frames of 1,000 mixed events routed and published into a real broker.

The real listener does it, from frames that always wait to the broker's answer. Nobody consumes: the queues
are short and give up their oldest batches, as full queues do.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import aio_pika
import uvloop
from redis.asyncio import Redis

from marketdata.clock import SystemClock
from marketdata.feeds import ConnectionTarget, Frame
from marketdata.listener import Listener
from marketdata.providers.base import (
    BufferCounts,
    ConnectionReport,
    FeedOutlook,
    ProviderState,
    ProviderStatus,
    RoutedFrames,
)
from marketdata.providers.buffered import TAKE_CHARACTERS
from marketdata.providers.massive.framing import FrameRouter
from marketdata.runtime.garbage_collection import tune_garbage_collection
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from marketdata.units import NS_PER_MS, NS_PER_SECOND
from tests.bench.material import mixed_frames
from tests.bench.pipeline import cpu_of_tree
from tests.bench.rows import Row, rate_row
from tests.support.services import RabbitMQServer, Server, ValkeyServer

BUDGET: Final = 1_800_000
SHARDS: Final = 2
FRAMES: Final = 300
SECONDS: Final = 4.0
WARM_UP_SECONDS: Final = 1.0
PUBLICATIONS_UNDER_WAY: Final = 2  # of the bare driver
LIMITS: Final = QueueLimits(max_batches=50)


def listener_publish_rabbitmq() -> Row:
    """Into RabbitMQ, with publisher confirms."""
    with RabbitMQServer() as server:
        return _row("listener_publish_rabbitmq", server, _bare_rabbitmq)


def listener_publish_redis() -> Row:
    """Into Redis lists."""
    with ValkeyServer() as server:
        return _row("listener_publish_redis", server, _bare_redis)


class _FramesForEver:
    """A provider whose frames always wait, handed over in the portions of the real frame buffer."""

    format = "massive"

    status = ProviderStatus(ProviderState.LIVE)
    connection = ConnectionReport()
    outlook = FeedOutlook()

    def __init__(self, frames: Iterable[str]) -> None:
        self._texts = itertools.cycle(frames)
        self._ended = False
        self._frames_taken = 0
        self._router: FrameRouter | None = None

    @property
    def counts(self) -> BufferCounts:
        taken, waiting = self._frames_taken, 0 if self._ended else 1
        return BufferCounts(
            frames_received=taken + waiting,
            frames_taken=taken,
            frames_dropped=0,
            frames_waiting=waiting,
            events_dropped={},
        )

    def set_target(self, target: ConnectionTarget | None) -> None:
        raise AssertionError(f"nobody steers a benchmark, not to {target} either")

    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._ended = True

    async def frames(self) -> Sequence[Frame]:
        await asyncio.sleep(0)
        taken: list[Frame] = []
        size = 0
        while size < TAKE_CHARACTERS and not self._ended:
            text = next(self._texts)
            taken.append(Frame(text, time.time_ns()))
            size += len(text)
        self._frames_taken += len(taken)
        return taken

    def discard(self, reason: str) -> None:
        """Nothing waits here."""

    def route(self, frames: Sequence[Frame], shard_count: int) -> RoutedFrames:
        self._router = self._router or FrameRouter(shard_count)
        for frame in frames:
            self._router.add(frame.data)
        routing = self._router.take()
        if routing.statuses:
            raise AssertionError(f"the frames hold no statuses, yet {routing.statuses} were found")
        return RoutedFrames(routing.parts, routing.set_aside, frames[-1].received_ns // NS_PER_MS)


def _row(name: str, server: Server, bare: "_Bare") -> Row:
    frames = mixed_frames(FRAMES)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        run = runner.run(_listener_run(server, frames))
        limit = runner.run(_bare_rate(server, frames, bare))
    limit_is = "the same bodies published bare"
    return rate_row(name, run.events / run.seconds, limit, budget=BUDGET, limit_is=limit_is, note=run.note)


async def _listener_run(server: Server, frames: Sequence[str]) -> "_Run":
    """The real listener for some seconds: what the broker took, and what that cost."""
    provider = _FramesForEver(frames)
    transport = create_transport(
        server.url, prefix="bench", shard_count=SHARDS, limits=LIMITS, clock=SystemClock()
    )
    listener = Listener(provider, transport, shard_count=SHARDS, source="bench")
    stopping = asyncio.Event()
    running = asyncio.create_task(listener.run(stopping))
    tune_garbage_collection()
    await asyncio.sleep(WARM_UP_SECONDS)
    first = _Run.until_now(listener, server)
    await asyncio.sleep(SECONDS)
    last = _Run.until_now(listener, server)
    stopping.set()
    await running
    books = listener.counters()
    if books.events_dropped or books.events_published != books.events_received:
        raise AssertionError(f"the broker did not take everything: {books}")
    return last.since(first)


class _Run(NamedTuple):
    """Seconds and processor seconds in which a number of events was published."""

    seconds: float
    events: int
    listener_seconds: float
    waited_seconds: float
    broker_seconds: float

    @classmethod
    def until_now(cls, listener: Listener, server: Server) -> "_Run":
        published = listener.counters().events_published
        return cls(
            time.perf_counter(),
            published,
            time.process_time(),
            _seconds_waited_for_a_core(),
            cpu_of_tree(server.pid),
        )

    def since(self, first: "_Run") -> "_Run":
        return _Run._make(later - earlier for later, earlier in zip(self, first, strict=True))

    @property
    def note(self) -> str:
        """What the rate would be where the machine had nothing else to do."""
        return (
            f"listener {self.listener_seconds / self.seconds:.0%} of a core "
            f"({self.events / self.listener_seconds:,.0f} events a processor second), "
            f"another {self.waited_seconds / self.seconds:.0%} kept from it by other processes, "
            f"broker {self.broker_seconds / self.seconds:.0%}"
        )


def _seconds_waited_for_a_core() -> float:
    """How long this process could have run and was not let, since its start; by the kernel's scheduler."""
    _ran_ns, waited_ns, _slices = Path("/proc/self/schedstat").read_text().split()
    return int(waited_ns) / NS_PER_SECOND


class _Bare(Protocol):
    """Publishes bodies in one go through the driver alone."""

    def __call__(self, url: str) -> contextlib.AbstractAsyncContextManager["_Publish"]: ...


_Publish: TypeAlias = Callable[[Sequence[tuple[str, bytes]]], Awaitable[object]]


async def _bare_rate(server: Server, frames: Sequence[str], bare: _Bare) -> float:
    """Events per second of the bodies that the listener would make, two groups of them at a time."""
    groups = list(_routed(frames))
    async with bare(server.url) as publish:
        started, events, waiting = time.perf_counter(), 0, set[asyncio.Future[object]]()
        for events_in_group, bodies in itertools.cycle(groups):
            waiting.add(asyncio.ensure_future(publish(bodies)))
            if len(waiting) == PUBLICATIONS_UNDER_WAY:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for publication in done:
                    publication.result()
            events += events_in_group
            if time.perf_counter() - started > SECONDS:
                break
        await asyncio.gather(*waiting)
        return events / (time.perf_counter() - started)


def _routed(frames: Sequence[str]) -> Iterator[tuple[int, Sequence[tuple[str, bytes]]]]:
    """What the listener's router makes of portions of about a megabyte: event count, queues and bodies."""
    router, size = FrameRouter(SHARDS), 0
    for text in frames:
        router.add(text)
        size += len(text)
        if size >= TAKE_CHARACTERS:
            parts, size = router.take().parts, 0
            yield sum(part.event_count for part in parts), [(f"{p.queue}.{p.shard}", p.body) for p in parts]


@contextlib.asynccontextmanager
async def _bare_rabbitmq(url: str) -> AsyncIterator[_Publish]:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        arguments: Any = {"x-max-length": LIMITS.max_batches, "x-overflow": "drop-head"}
        for queue, shard in itertools.product(QueueName, range(SHARDS)):
            await channel.declare_queue(f"{queue}.{shard}", durable=True, arguments=arguments)
        exchange = channel.default_exchange

        async def publish(bodies: Sequence[tuple[str, bytes]]) -> None:
            await asyncio.gather(*(exchange.publish(aio_pika.Message(body), key) for key, body in bodies))

        yield publish


@contextlib.asynccontextmanager
async def _bare_redis(url: str) -> AsyncIterator[_Publish]:
    async with Redis.from_url(url) as redis:

        async def publish(bodies: Sequence[tuple[str, bytes]]) -> None:
            pipeline = redis.pipeline(transaction=False)
            for key, body in bodies:
                pipeline.rpush(key, body)
                pipeline.ltrim(key, -LIMITS.max_batches, -1)
            await pipeline.execute()

        yield publish
