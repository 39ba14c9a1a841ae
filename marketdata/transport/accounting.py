"""Counts published, received, expired and lost batches, in the same way for each transport."""

from collections.abc import Callable, Collection, Iterable
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
    TRANSPORT_PURGED,
    TRANSPORT_QUEUE_DEPTH,
    TRANSPORT_RECEIVED,
)
from marketdata.transport.base import Batch, QueueDepth, Taken
from marketdata.transport.queues import LONGEST_TTL_MS, QueueLimits, QueueName
from marketdata.units import NS_PER_MS

log = RateLimitedLog(get_logger(__name__))


def is_expired(batch: Batch, now_ns: int, life_ms: int) -> bool:
    """Whether the batch is older than its life, from its received time to `now_ns`."""
    return now_ns - batch.received_ns > life_ms * NS_PER_MS


class Intake:
    """Decides which arriving batches a subscription delivers, and counts all of them, also in the metrics.

    A publisher numbers its batches from 1 per (queue, shard). A number above the next one means that the
    batches between were published and never arrived: the broker expired them or dropped them from a full
    queue, or the listener did not publish them. Batches lost before the first one of a source remain unknown.
    A number that is not above the newest is a redelivery, not a loss.

    A batch lives as long as its queue keeps it, or only `life_ms()`, if that is shorter. `refused` counts the
    messages that it did not let through, for whatever reason.
    """

    def __init__(
        self, limits: QueueLimits, clock: Clock, life_ms: Callable[[], int] = lambda: LONGEST_TTL_MS
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._life_ms = life_ms
        self.refused = 0
        self._purged_until_ns: dict[QueueName, int] = {}
        self.taken: Final[dict[QueueName, Taken]] = {}

    def admit(self, batch: Batch) -> bool:
        """Whether the batch may be delivered: it has not expired, and is not purged."""
        taken = self.taken.setdefault(batch.queue, Taken())
        self._note_number(taken, batch)
        if is_expired(batch, self._clock.time_ns(), min(self._limits.ttl_ms, self._life_ms())):
            self.refused += 1
            taken.expired += 1
            TRANSPORT_EXPIRED.labels(queue=batch.queue).inc()
            return False
        if batch.received_ns <= self._purged_until_ns.get(batch.queue, 0):
            self.refused += 1
            taken.purged += 1
            TRANSPORT_PURGED.labels(queue=batch.queue).inc()
            return False
        taken.received += 1
        TRANSPORT_RECEIVED.labels(queue=batch.queue).inc()
        return True

    def purge(self, queues: Collection[QueueName]) -> None:
        """Refuse the batches of these queues that a listener received until now, whenever they arrive."""
        self._purged_until_ns.update(dict.fromkeys(queues, self._clock.time_ns()))

    @property
    def purged(self) -> int:
        """How many batches were purged, of all queues."""
        return sum(each.purged for each in self.taken.values())

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
        self.refused += 1
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
