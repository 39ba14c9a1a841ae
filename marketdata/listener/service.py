"""The listener: one provider connection in, batches for the queues out.

Frames wait in the provider's bounded buffer. One task takes all that wait, routes them together and makes a
batch for each (queue, shard) that got events; another publishes. At most two such groups are under way: while
the broker is slow the next frames wait in the buffer and make larger batches, and while it is away the
socket is still drained, the oldest frames give way, and what outlived the queues' TTL is not
published any more.
"""

import asyncio
import contextlib
import enum
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from marketdata.clock import Clock, SystemClock
from marketdata.errors import StoreUnavailable, TransportUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.tracing import Tracing
from marketdata.providers.base import Frame, Provider, ProviderState
from marketdata.runtime.backoff import Backoff, stopped_within
from marketdata.store.leases import Lease
from marketdata.transport.base import Batch, Transport
from marketdata.transport.queues import DEFAULT_TTL_MS, QueueName

GROUPS_UNDER_WAY: Final = 2
DRAIN_SECONDS: Final = 3.0
NANOSECONDS_PER_MS: Final = 1_000_000

log = get_logger(__name__)


class BatchMaker:
    """Frames to batches: routes, numbers and counts. No I/O.

    `source` names this listener instance; sequences start at 1 with it, so it must be new for each process.
    """

    def __init__(self, provider: Provider, shard_count: int, source: str, tracing: Tracing) -> None:
        self._provider = provider
        self._router = provider.router(shard_count)
        self._source = source
        self._tracing = tracing
        self._sequences: defaultdict[tuple[QueueName, int], int] = defaultdict(int)
        self._log = RateLimitedLog(log)

    def batches(self, frames: Sequence[Frame]) -> Sequence[Batch]:
        """One batch for each (queue, shard) that the frames have events for."""
        with self._tracing.span("listener.route", frames=len(frames)):
            for frame in frames:
                self._router.add(frame.data)
            routing = self._router.take()
            self._provider.notice(routing.statuses)
            self._count_set_aside(routing.set_aside)
            received_ns = min(frame.received_ns for frame in frames)
            traceparent = self._tracing.traceparent()
            batches = [
                Batch(
                    queue=part.queue,
                    shard=part.shard,
                    source=self._source,
                    sequence=self._next_sequence(part.queue, part.shard),
                    received_ns=received_ns,
                    event_count=part.event_count,
                    body=part.body,
                    trace_context=traceparent,
                )
                for part in routing.parts
            ]
        for batch in batches:
            metrics.LISTENER_EVENTS.labels(queue=batch.queue).inc(batch.event_count)
            metrics.LISTENER_BATCHES.labels(queue=batch.queue).inc()
        return batches

    def _next_sequence(self, queue: QueueName, shard: int) -> int:
        self._sequences[queue, shard] += 1
        return self._sequences[queue, shard]

    def _count_set_aside(self, reasons: Mapping[str, int]) -> None:
        for reason, count in reasons.items():
            metrics.LISTENER_UNKNOWN.labels(reason=reason).inc(count)
            self._log.warning("events set aside", reason=reason, events=count)


class Listener:
    """The service behind `manage.py run_listener`. See `marketdata.runtime.service.Service`.

    With a lease, a second listener waits as a standby: two connections of one account end each other.
    """

    name = "listener"

    def __init__(
        self,
        provider: Provider,
        transport: Transport,
        *,
        shard_count: int,
        source: str,
        lease: Lease | None = None,
        ttl_ms: int = DEFAULT_TTL_MS,
        clock: Clock | None = None,
        tracing: Tracing | None = None,
        broker_backoff: Backoff | None = None,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._lease = LeaseKeeper(lease)
        self._ttl_ms = ttl_ms
        self._clock = clock or SystemClock()
        self._tracing = tracing or Tracing()
        self._batch_maker = BatchMaker(provider, shard_count, source, self._tracing)
        self._backoff = broker_backoff or Backoff(initial_seconds=0.1, maximum_seconds=2.0)
        self._groups: asyncio.Queue[Sequence[Batch] | None] = asyncio.Queue(GROUPS_UNDER_WAY)
        self._log = RateLimitedLog(log)
        self._broker_trouble = "not connected yet"

    def unready(self) -> Mapping[str, str]:
        """Why no event flows: `lease`, `broker`, `provider`."""
        status = self._provider.status
        provider_trouble = (
            ""
            if status.state is ProviderState.LIVE
            else ": ".join(word for word in (status.state, status.reason, status.detail) if word)
        )
        troubles = {
            "lease": self._lease.trouble,
            "broker": self._broker_trouble,
            "provider": provider_trouble,
        }
        return {dependency: reason for dependency, reason in troubles.items() if reason}

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until `stopping`; then close the feed, publish what was received, and return."""
        try:
            if not await self._open_transport(stopping):
                return
            while not stopping.is_set() and await self._lease.acquire(stopping):
                await self._listen(stopping)
        finally:
            await self._lease.release()
            await self._transport.close()

    async def _open_transport(self, stopping: asyncio.Event) -> bool:
        while True:
            try:
                await self._transport.open()
            except TransportUnavailable as error:
                self._note_broker_trouble(error)
                if not await self._backoff.wait(stopping):
                    return False
            else:
                self._note_broker_well()
                return True

    async def _listen(self, stopping: asyncio.Event) -> None:
        """One tenure: from acquiring the lease to losing it or to `stopping`."""
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._lease.set_at_end(ending, stopping), name="lease")
            publishing = tasks.create_task(self._publish_groups(), name="publish")
            batching = tasks.create_task(self._make_groups(), name="batch")
            await self._provider.run(ending)
            watch.cancel()
            _, late = await asyncio.wait([batching, publishing], timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
        self._give_up_groups("stopping")

    async def _make_groups(self) -> None:
        while frames := await self._provider.frames():
            batches = self._batch_maker.batches(frames)
            if batches:
                with self._counting_if_cancelled(batches):
                    await self._groups.put(batches)
                metrics.LISTENER_PENDING.inc(len(batches))
        await self._groups.put(None)

    async def _publish_groups(self) -> None:
        while (group := await self._groups.get()) is not None:
            with self._counting_if_cancelled(group):
                await self._publish(group)
            metrics.LISTENER_PENDING.dec(len(group))

    async def _publish(self, group: Sequence[Batch]) -> None:
        """Publish until the broker took it or it is too old to be of use to anybody."""
        while batches := self._young_enough(group):
            try:
                with (
                    self._tracing.span("listener.publish", batches=len(batches)),
                    metrics.LISTENER_PUBLISH_SECONDS.time(),
                ):
                    await self._transport.publish(batches)
            except TransportUnavailable as error:
                self._note_broker_trouble(error)
                await asyncio.sleep(self._backoff.next_delay_seconds())
                group = batches
            else:
                metrics.LISTENER_PUBLISHED.inc(len(batches))
                self._note_broker_well()
                return

    def _young_enough(self, group: Sequence[Batch]) -> Sequence[Batch]:
        oldest_ns = self._clock.time_ns() - self._ttl_ms * NANOSECONDS_PER_MS
        young = [batch for batch in group if batch.received_ns >= oldest_ns]
        if len(young) < len(group):
            self._count_dropped([batch for batch in group if batch.received_ns < oldest_ns], "expired")
        return young

    @contextlib.contextmanager
    def _counting_if_cancelled(self, group: Sequence[Batch]) -> Iterator[None]:
        """What is in hand when the time to drain is over is lost, and counted."""
        try:
            yield
        except asyncio.CancelledError:
            self._count_dropped(group, "stopping")
            raise

    def _give_up_groups(self, reason: str) -> None:
        """Empty what a cancelled publication left, so that a next tenure starts clean."""
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._count_dropped(self._groups.get_nowait() or (), reason)
        metrics.LISTENER_PENDING.set(0)

    def _count_dropped(self, batches: Sequence[Batch], reason: str) -> None:
        if not batches:
            return
        events = sum(batch.event_count for batch in batches)
        metrics.LISTENER_DROPPED.labels(reason=reason).inc(len(batches))
        metrics.LISTENER_DROPPED_EVENTS.labels(reason=reason).inc(events)
        by_queue = Counter(str(batch.queue) for batch in batches)
        self._log.warning("batches dropped", reason=reason, events=events, batches=dict(by_queue))

    def _note_broker_trouble(self, error: TransportUnavailable) -> None:
        self._broker_trouble = str(error) or type(error).__name__
        self._log.warning("broker unavailable", reason="broker_unavailable", error=self._broker_trouble)

    def _note_broker_well(self) -> None:
        self._backoff.reset()
        self._broker_trouble = ""


class LeaseKeeper:
    """Holds the role of the one listener, or stands by for it. Without a lease the role is always ours."""

    def __init__(self, lease: Lease | None) -> None:
        self._lease = lease
        self.trouble = "not acquired yet" if lease else ""

    async def acquire(self, stopping: asyncio.Event) -> bool:
        """Wait until the role is ours; False when `stopping` came first."""
        while await self._renew() is not _Renewal.OURS:
            if await stopped_within(stopping, self._renewal_seconds):
                return False
        return True

    async def set_at_end(self, ending: asyncio.Event, stopping: asyncio.Event) -> None:
        """Renew the lease, and set `ending` when `stopping` is set or another listener took it.

        A cache that is away takes nothing from us: no other listener can get the lease from it
        either, and the feed goes on. (Where only the other one still reaches the cache, the provider
        ends one of the two connections, and that listener waits as after any refusal.)
        """
        try:
            while not await stopped_within(stopping, self._renewal_seconds):
                if await self._renew() is _Renewal.TAKEN:
                    log.error("lease lost", lease="listener")
                    return
                self.trouble = ""
        finally:
            ending.set()

    async def release(self) -> None:
        """Give the role up at once rather than when the lease expires."""
        if self._lease is not None:
            with contextlib.suppress(StoreUnavailable):
                await self._lease.release()

    @property
    def _renewal_seconds(self) -> float:
        return self._lease.ttl_ms / 3_000 if self._lease is not None else 60.0

    async def _renew(self) -> "_Renewal":
        if self._lease is None:
            return _Renewal.OURS
        try:
            ours = await self._lease.renew()
        except StoreUnavailable as error:
            self.trouble = str(error)
            return _Renewal.UNCERTAIN
        self.trouble = "" if ours else "another listener holds it"
        return _Renewal.OURS if ours else _Renewal.TAKEN


class _Renewal(enum.Enum):
    OURS = enum.auto()
    TAKEN = enum.auto()
    UNCERTAIN = enum.auto()
