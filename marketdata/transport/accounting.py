"""The books of the queue transports: what is published, received, expired and lost, alike on each of them."""

from collections.abc import Iterable

from marketdata.clock import Clock
from marketdata.errors import ContentError
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.metrics import (
    TRANSPORT_DROPPED,
    TRANSPORT_EXPIRED,
    TRANSPORT_MISSING,
    TRANSPORT_PUBLISHED,
    TRANSPORT_PUBLISHED_BYTES,
    TRANSPORT_QUEUE_DEPTH,
    TRANSPORT_RECEIVED,
)
from marketdata.transport.base import Batch, QueueDepth
from marketdata.transport.envelope import SequenceGaps, is_expired
from marketdata.transport.queues import QueueLimits, QueueName

log = RateLimitedLog(get_logger(__name__))


class Intake:
    """Decides which arriving batches a subscription hands out, and counts the others in the metrics.

    Expired batches arrived too old. Missing ones were published and never arrived: the broker expired them or
    pushed them out of a full queue, which follows from the holes in the sequence numbers.
    """

    def __init__(self, limits: QueueLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._gaps = SequenceGaps()

    def admit(self, batch: Batch) -> bool:
        """Whether the batch is young enough to be handed out."""
        missing = self._gaps.missing_before(batch)
        if missing:
            TRANSPORT_MISSING.labels(queue=batch.queue).inc(missing)
        if is_expired(batch, self._clock.time_ns(), self._limits):
            TRANSPORT_EXPIRED.labels(queue=batch.queue).inc()
            return False
        TRANSPORT_RECEIVED.labels(queue=batch.queue).inc()
        return True

    def refuse(self, queue: QueueName, shard: int, error: ContentError) -> None:
        """Note a message that is not a batch; nothing else is lost with it."""
        TRANSPORT_DROPPED.labels(queue=queue, reason=error.reason).inc()
        log.warning(
            "foreign message in a queue", reason=error.reason, queue=queue, shard=shard, detail=str(error)
        )


def count_published(batches: Iterable[Batch]) -> None:
    """Note batches that the broker took."""
    for batch in batches:
        TRANSPORT_PUBLISHED.labels(queue=batch.queue).inc()
        TRANSPORT_PUBLISHED_BYTES.inc(len(batch.body))


def count_given_up(queue: QueueName, *, surplus: int, expired: int) -> None:
    """Note batches that left a queue unread: it was full, or their time was over."""
    if surplus:
        TRANSPORT_DROPPED.labels(queue=queue, reason="queue_full").inc(surplus)
    if expired:
        TRANSPORT_EXPIRED.labels(queue=queue).inc(expired)


def forget_depths() -> None:
    """Show no depths: the broker does not tell them at present."""
    TRANSPORT_QUEUE_DEPTH.clear()


def note_depths(depths: Iterable[QueueDepth]) -> None:
    """Show the depths on the metrics page."""
    for depth in depths:
        TRANSPORT_QUEUE_DEPTH.labels(queue=depth.queue, shard=depth.shard).set(depth.batches)
