"""Counts published, received, expired and lost batches, in the same way for each transport."""

from collections.abc import Iterable
from typing import Final

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
from marketdata.transport.base import Batch, QueueDepth, Taken
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.units import NS_PER_MS

log = RateLimitedLog(get_logger(__name__))


def is_expired(batch: Batch, now_ns: int, limits: QueueLimits) -> bool:
    """Whether the batch is older than the limit, from its received time to `now_ns`."""
    return now_ns - batch.received_ns > limits.ttl_ms * NS_PER_MS


class Intake:
    """Decides which arriving batches a subscription delivers, and counts all of them, also in the metrics.

    A publisher numbers its batches from 1 per (queue, shard). A number above the next one means that the
    batches between were published and never arrived: the broker expired them or dropped them from a full
    queue, or the listener did not publish them. Batches lost before the first one of a source remain unknown.
    A number that is not above the newest is a redelivery, not a loss.
    """

    def __init__(self, limits: QueueLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self.taken: Final[dict[QueueName, Taken]] = {}

    def admit(self, batch: Batch) -> bool:
        """Whether the batch may be delivered: it has not expired."""
        taken = self.taken.setdefault(batch.queue, Taken())
        self._note_number(taken, batch)
        if is_expired(batch, self._clock.time_ns(), self._limits):
            taken.expired += 1
            TRANSPORT_EXPIRED.labels(queue=batch.queue).inc()
            return False
        taken.received += 1
        TRANSPORT_RECEIVED.labels(queue=batch.queue).inc()
        return True

    def _note_number(self, taken: Taken, batch: Batch) -> None:
        number, known = batch.sequence, taken.numbers.get(batch.source)
        taken.newest_received_ns = max(taken.newest_received_ns, batch.received_ns)
        if known is None:
            taken.numbers[batch.source] = (number, number)
            return
        first, newest = known
        if number <= newest:
            taken.again += 1
            return
        taken.numbers[batch.source] = (first, number)
        if missing := number - newest - 1:
            taken.missing += missing
            TRANSPORT_MISSING.labels(queue=batch.queue).inc(missing)

    def refuse(self, queue: QueueName, shard: int, error: ContentError) -> None:
        """Count and log a message that is not a batch. The messages around it are not affected."""
        TRANSPORT_DROPPED.labels(queue=queue, reason=error.reason).inc()
        log.warning(
            "foreign message in a queue", reason=error.reason, queue=queue, shard=shard, detail=str(error)
        )


def count_published(batches: Iterable[Batch]) -> None:
    """Count batches that the broker accepted."""
    for batch in batches:
        TRANSPORT_PUBLISHED.labels(queue=batch.queue).inc()
        TRANSPORT_PUBLISHED_BYTES.inc(len(batch.body))


def count_discarded(queue: QueueName, *, surplus: int, expired: int) -> None:
    """Count batches that left a queue unread: `surplus` of a full queue, and `expired` ones."""
    if surplus:
        TRANSPORT_DROPPED.labels(queue=queue, reason="queue_full").inc(surplus)
    if expired:
        TRANSPORT_EXPIRED.labels(queue=queue).inc(expired)


def clear_depths() -> None:
    """Remove the depths from the metrics, since the broker does not report them at present."""
    TRANSPORT_QUEUE_DEPTH.clear()


def set_depths(depths: Iterable[QueueDepth]) -> None:
    """Set the depths in the metrics."""
    for depth in depths:
        TRANSPORT_QUEUE_DEPTH.labels(queue=depth.queue, shard=depth.shard).set(depth.batches)
