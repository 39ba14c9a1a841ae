"""The batches of the listener: made of frames, published, and counted until the broker has accepted them.

`BatchMaker` makes batches of the provider's frames. `Publishing` sends them to the broker: it retries while
they are young, and drops them when they expire. The `Ledger` counts what happened to every received event.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import PublishersBlocked, TransportUnavailable
from marketdata.feeds import Frame
from marketdata.listener.wanted import BrokerState, ListenerCounters
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.tracing import Tracing
from marketdata.providers.base import BufferCounts, Provider, RoutedFrames
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.report import QueueNumbers
from marketdata.transport.base import Batch, Transport
from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS

# A group has a fixed cost (up to ten batches to make and publish). Frames that arrive within this time share
# it.
GATHER_SECONDS: Final = 0.01
# Groups that may wait while the broker confirms a publication; they are published together next. When each
# group waited for its own confirmation, routing stood still for 15 to 30 % of the time.
MAX_WAITING_GROUPS: Final = 2
# While there is nothing to publish, the connection to the broker is checked at this interval.
PROBE_SECONDS: Final = 1.0

log = get_logger(__name__)


class Ledger:
    """Counts the events of batches from routing until the broker accepts them. For one event loop."""

    def __init__(self) -> None:
        self._routed = 0
        self._published = 0
        self._in_flight = 0
        self._batches_in_flight = 0
        self._batches_dropped: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def counters(self, buffer: BufferCounts) -> ListenerCounters:
        """The counts at this moment, together with those of the provider's buffer."""
        dropped = self._dropped + Counter(buffer.events_dropped)
        return ListenerCounters(
            frames_received=buffer.frames_received,
            frames_routed=buffer.frames_taken,
            frames_dropped=buffer.frames_dropped,
            frames_waiting=buffer.frames_waiting,
            events_received=self._routed + sum(buffer.events_dropped.values()),
            events_published=self._published,
            events_in_flight=self._in_flight,
            events_dropped=dict(dropped),
        )

    @property
    def batches_dropped(self) -> Mapping[str, int]:
        """How many numbered batches were never published, by queue."""
        return dict(self._batches_dropped)

    def routed(self, batches: Collection[Batch]) -> None:
        """Count batches as routed and in flight."""
        events = _events_in(batches)
        self._routed += events
        self._change_in_flight(len(batches), events)

    def published(self, batches: Collection[Batch]) -> None:
        """Count batches that the broker accepted."""
        events = _events_in(batches)
        self._published += events
        self._change_in_flight(-len(batches), -events)
        metrics.LISTENER_PUBLISHED.inc(len(batches))
        metrics.LISTENER_PUBLISHED_EVENTS.inc(events)

    def dropped(self, batches: Collection[Batch], reason: str) -> int:
        """Count batches that will never be published. Returns the number of their events."""
        events = _events_in(batches)
        self._dropped[reason] += events
        self._batches_dropped.update(batch.queue.value for batch in batches)
        self._change_in_flight(-len(batches), -events)
        metrics.LISTENER_DROPPED.labels(reason=reason).inc(len(batches))
        metrics.LISTENER_DROPPED_EVENTS.labels(reason=reason).inc(events)
        return events

    def _change_in_flight(self, batches: int, events: int) -> None:
        self._batches_in_flight += batches
        self._in_flight += events
        metrics.LISTENER_PENDING.set(self._batches_in_flight)
        metrics.LISTENER_PENDING_EVENTS.set(self._in_flight)


class Publishing:
    """Publishes groups of batches in order. For one event loop: one task in `run`, and one that calls `put`.

    `answers` counts what the broker has answered: publications, and probes while there is nothing to publish.

    One publication is under way at a time, so that every failure preserves the order. Groups that are put in
    the meantime share the next publication. A batch is retried until the broker accepts it or it expires.
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        *,
        ttl_ms: int,
        clock: Clock,
        tracing: Tracing,
        backoff: Backoff,
    ) -> None:
        self._transport = transport
        self._ledger = ledger
        self._ttl_ms = ttl_ms
        self._clock = clock
        self._tracing = tracing
        self._backoff = backoff
        self._groups: asyncio.Queue[Sequence[Batch]] = asyncio.Queue(MAX_WAITING_GROUPS)
        self._log = RateLimitedLog(log)
        self.answers = 0
        self.failure = "not connected yet"
        self.broker = BrokerState.OK  # until an attempt has failed

    async def open(self, stopping: asyncio.Event) -> bool:
        """Connect to the broker, for as long as it takes. False when `stopping` was set first."""
        while True:
            try:
                await self._transport.open()
            except TransportUnavailable as error:
                self._note_failure(error)
                if not await self._backoff.wait(stopping):
                    return False
            else:
                self._note_success()
                return True

    async def put(self, batches: Sequence[Batch]) -> None:
        """Queue a group of at least one batch; wait while the queue is full. If cancelled, drop the group."""
        try:
            await self._groups.put(batches)
        except asyncio.CancelledError:
            self._drop(batches, "stopping")
            raise

    async def finish(self) -> None:
        """End the input: `run` publishes the waiting groups and returns."""
        await self._groups.put(())

    async def run(self) -> None:
        """Publish until `finish`. All groups that wait are published together."""
        ended = False
        while not ended:
            groups = [await self._next_group()]
            while not self._groups.empty():
                groups.append(self._groups.get_nowait())
            await self._publish([batch for group in groups for batch in group])
            ended = not groups[-1]

    async def _next_group(self) -> Sequence[Batch]:
        """Wait for a group; meanwhile probe the broker, so that its reported state stays current."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    return await self._groups.get()
            try:
                await self._transport.open()
            except TransportUnavailable as error:
                self._note_failure(error)
            else:
                self._note_success()

    def give_up(self, reason: str) -> None:
        """Drop the groups that a cancelled `run` left, and clear its failure, for the next run."""
        self.failure = ""
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._drop(self._groups.get_nowait(), reason)

    async def _publish(self, group: Sequence[Batch]) -> None:
        """Try until the broker accepts the group. If cancelled at the end of a drain, count it as dropped."""
        try:
            while group := self._unexpired(group):
                if await self._attempt(group):
                    return
                await asyncio.sleep(self._backoff.next_delay_seconds())
        except asyncio.CancelledError:
            self._drop(group, "stopping")
            raise

    async def _attempt(self, group: Sequence[Batch]) -> bool:
        try:
            with (
                self._tracing.span("listener.publish", batches=len(group)),
                metrics.LISTENER_PUBLISH_SECONDS.time(),
            ):
                await self._transport.publish(group)
        except TransportUnavailable as error:
            self._note_failure(error)
            return False
        self._ledger.published(group)
        self._note_success()
        return True

    def _unexpired(self, group: Sequence[Batch]) -> Sequence[Batch]:
        oldest_ns = self._clock.time_ns() - self._ttl_ms * NS_PER_MS
        young = [batch for batch in group if batch.received_ns >= oldest_ns]
        if len(young) < len(group):
            self._drop([batch for batch in group if batch.received_ns < oldest_ns], "expired")
        return young

    def _drop(self, batches: Sequence[Batch], reason: str) -> None:
        if not batches:
            return
        events = self._ledger.dropped(batches, reason)
        by_queue = Counter(str(batch.queue) for batch in batches)
        self._log.warning("batches dropped", reason=reason, events=events, batches=dict(by_queue))

    def _note_failure(self, error: TransportUnavailable) -> None:
        self.failure = str(error) or type(error).__name__
        self.broker = BrokerState.BLOCKED if isinstance(error, PublishersBlocked) else BrokerState.AWAY
        self._log.warning("broker unavailable", reason="broker_unavailable", error=self.failure)

    def _note_success(self) -> None:
        self.answers += 1
        self._backoff.reset()
        self.failure, self.broker = "", BrokerState.OK


class BatchMaker:
    """Makes batches of frames.

    `source` names this listener process. Sequence numbers start at 1 for each source, so every process needs
    a new one.
    """

    def __init__(
        self, provider: Provider, shard_count: int, source: str, tracing: Tracing, ledger: Ledger
    ) -> None:
        self._provider = provider
        self._shard_count = shard_count
        self._source = source
        self._tracing = tracing
        self._ledger = ledger
        self._sequences: defaultdict[tuple[QueueName, int], int] = defaultdict(int)
        self._events_of = {queue: metrics.LISTENER_EVENTS.labels(queue=queue) for queue in QueueName}
        self._batches_of = {queue: metrics.LISTENER_BATCHES.labels(queue=queue) for queue in QueueName}
        self._log = RateLimitedLog(log)

    @property
    def numbers(self) -> Sequence[QueueNumbers]:
        """How many batches of each queue and shard have a number."""
        return [
            QueueNumbers(queue=queue.value, shard=shard, numbered=numbered)
            for (queue, shard), numbered in self._sequences.items()
        ]

    async def run(
        self, publishing: Publishing, *, on_frames: Callable[[Sequence[Frame]], object] | None = None
    ) -> None:
        """Put groups of batches to be published until the provider has ended and all its frames are taken.

        `on_frames` is called with each group of frames before they are routed.
        """
        while frames := await self._provider.frames():
            if on_frames is not None:
                on_frames(frames)
            with self._tracing.span("listener.route", frames=len(frames)):
                routed = self._provider.route(frames, self._shard_count)
                batches = self.batches(frames, routed)
            if batches:
                await publishing.put(batches)
            if not self._provider.counts.frames_waiting:
                await asyncio.sleep(GATHER_SECONDS)
        await publishing.finish()

    def batches(self, frames: Sequence[Frame], routed: RoutedFrames) -> Sequence[Batch]:
        """One batch for each (queue, shard) that has events in the frames. They count as routed."""
        self._count_set_aside(routed.set_aside)
        received_ns = min(frame.received_ns for frame in frames)
        traceparent = self._tracing.traceparent()
        batches = [
            Batch(
                format=self._provider.format,
                queue=part.queue,
                shard=part.shard,
                source=self._source,
                sequence=self._next_sequence(part.queue, part.shard),
                received_ns=received_ns,
                feed_time_ms=routed.feed_time_ms,
                event_count=part.event_count,
                body=part.body,
                trace_context=traceparent,
            )
            for part in routed.parts
        ]
        for batch in batches:
            self._events_of[batch.queue].inc(batch.event_count)
            self._batches_of[batch.queue].inc()
        self._ledger.routed(batches)
        return batches

    def _next_sequence(self, queue: QueueName, shard: int) -> int:
        self._sequences[queue, shard] += 1
        return self._sequences[queue, shard]

    def _count_set_aside(self, reasons: Mapping[str, int]) -> None:
        for reason, count in reasons.items():
            metrics.LISTENER_UNKNOWN.labels(reason=reason).inc(count)
            self._log.warning("events set aside", reason=reason, events=count)


def _events_in(batches: Collection[Batch]) -> int:
    return sum(batch.event_count for batch in batches)
