"""Routes frames into batches, and numbers and counts these. No I/O."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from marketdata.feeds import Frame
from marketdata.listener.publishing import Ledger
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.tracing import Tracing
from marketdata.providers.base import Provider
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName

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

    def batches(self, frames: Sequence[Frame]) -> Sequence[Batch]:
        """One batch for each (queue, shard) that has events in the frames."""
        with self._tracing.span("listener.route", frames=len(frames)):
            routed = self._provider.route(frames, self._shard_count)
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
