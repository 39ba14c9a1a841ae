"""Takes the provider's frames, and makes numbered batches of their events to be published."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from marketdata.feeds import Frame
from marketdata.listener.publishing import Ledger, Publishing
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.tracing import Tracing
from marketdata.providers.base import Provider, RoutedFrames
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName

# A group has a fixed cost (up to ten batches to make and publish). Frames that arrive within this time share
# it.
GATHER_SECONDS: Final = 0.01

log = get_logger(__name__)


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
