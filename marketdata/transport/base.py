"""The specification of a queue transport.

Both implementations (RabbitMQ, Redis lists) and the in-memory fake of the tests guarantee the
same. The contract suite in `tests/contract` tests this.

Unit
    A `Batch`: events of one queue and one shard that the listener received together.
    Its body is a JSON array of the provider's original event texts, byte for byte.
Order
    First in, first out within one (queue, shard), as published by one publisher.
Delivery
    At least once while the batch is younger than the TTL. If a subscriber dies, its
    unacknowledged batches go to the shard's next owner, before newer ones.
    A restart of the broker loses all batches.
Expiry
    A batch older than `QueueLimits.ttl_ms`, counted from `Batch.received_ns`, is never delivered.
    If the broker did not expire it, the subscription drops it and counts it in the metrics.
    A subscriber may let batches live shorter (`life_ms` of `Transport.subscribe`).
Purge
    The owner of a shard drops what waits in its queues, by the received time. Ownership stays.
Capacity
    `QueueLimits.max_batches` per (queue, shard); a full queue drops its oldest batch.
    Publishing never waits for consumers.
Ownership
    A shard has one owner at a time, who owns all of its queues. `acquire` waits as a standby.
    When the owner dies (kill -9 included), a standby becomes owner within 5 s.
    An owner that lost the shard (lease expired, connection lost) gets
    `OwnershipLost` or `TransportUnavailable`, and no more batches.
Reconnection
    While the broker is away, every call raises `TransportUnavailable` within
    `operation_timeout_seconds`. Calls work again once it is back: the caller decides
    how to wait, and calls `acquire` again before it receives.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol, Self

import msgspec

from marketdata.transport.queues import LONGEST_TTL_MS, QueueName


class Batch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The content of one queue message.

    `source` names the listener process, and `sequence` numbers its batches from 1 per (queue, shard), so that
    a consumer recognises a redelivery. `received_ns` is the epoch time at which the oldest event arrived.
    `feed_time_ms` is the time of the feed's own clock when the newest event arrived (epoch milliseconds): no
    event in the batch can be later. `trace_context` is a W3C traceparent, or empty. `format` names the
    provider whose decoders read the body (`marketdata.providers.wire_format`).
    """

    format: str
    queue: QueueName
    shard: int
    source: str
    sequence: int
    received_ns: int
    feed_time_ms: int
    event_count: int
    body: bytes
    trace_context: str = ""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A delivered batch. Unless it is acknowledged, the shard's next owner gets it again.

    `tag` is how its subscription identifies the delivery.
    """

    batch: Batch
    tag: object


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """How many batches wait in one (queue, shard), without the delivered ones."""

    queue: QueueName
    shard: int
    batches: int


class Taken(msgspec.Struct, gc=False):
    """What one subscription took from one queue, in batches.

    `expired` had expired when they arrived, `purged` were dropped by `ShardSubscription.purge`, and `missing`
    never arrived. `again` arrived although their number, or a newer one, had arrived before: redeliveries.
    `numbers`: source -> the first and the newest number. `newest_received_ns`: when the listener received the
    newest batch that arrived.
    """

    received: int = 0
    expired: int = 0
    purged: int = 0
    missing: int = 0
    again: int = 0
    numbers: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    newest_received_ns: int = 0

    @property
    def unaccounted(self) -> int:
        """Numbered batches that no count explains. Anything but 0 is a defect."""
        covered = sum(newest - first + 1 for first, newest in self.numbers.values())
        return covered - (self.received + self.expired + self.purged + self.missing - self.again)


class ShardSubscription(Protocol):
    """The queues of one shard, for a process that owns it or stands by. Not safe for concurrent calls."""

    @property
    def taken(self) -> Mapping[QueueName, Taken]:
        """What it took from each queue from which anything came. Do not change."""

    async def acquire(self) -> None:
        """Wait, for as long as it takes, until this subscriber owns the shard.

        Raises:
            TransportUnavailable: the broker is away.
        """

    async def receive(self, *, wait_seconds: float) -> Sequence[Delivery]:
        """The waiting batches, oldest first per queue. If there are none, wait up to `wait_seconds` for some.

        Raises:
            OwnershipLost: another subscriber owns the shard, or `acquire` was not called.
            TransportUnavailable: the broker is away.
        """

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Mark the batches as processed; they are not delivered again.

        Raises:
            OwnershipLost: they were delivered under an earlier ownership.
            TransportUnavailable: the broker is away.
        """

    async def purge(self, queues: Collection[QueueName]) -> int:
        """Drop the batches of these queues that a listener received until now. Returns how many waited.

        Delivered batches stay, and so does the ownership. What cannot arrive yet is dropped when it does: it
        is not published yet, or the prefetch does not admit it. It is not in the answer. `taken` counts all.

        Raises:
            OwnershipLost: another subscriber owns the shard, or `acquire` was not called.
            TransportUnavailable: the broker is away. Some batches may have been dropped.
        """

    async def close(self) -> None:
        """Give up ownership and return all unacknowledged batches. Never raises; may be called twice."""


class Transport(Protocol):
    """A process's connection to the queues; opened once, closed once."""

    async def open(self) -> None:
        """Connect and declare all queues, idempotently.

        Raises:
            TransportUnavailable: the broker cannot be reached.
            TopologyMismatch: a queue exists with other limits; the message names it and says what to do.
        """

    async def publish(self, batches: Iterable[Batch]) -> None:
        """Append the batches together, in the given order, without waiting for consumers.

        On return all of them were sent to the broker. After an error some of them may have been.

        Raises:
            TransportUnavailable: the broker is away.
            PublishersBlocked: the broker accepts no messages (memory or disk alarm).
        """

    def subscribe(
        self,
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        life_ms: Callable[[], int] = lambda: LONGEST_TTL_MS,
    ) -> ShardSubscription:
        """A subscription to these queues of a shard. `prefetch`: most unacknowledged batches per queue.

        Batches that are older than `life_ms()` when they arrive count as expired.
        """

    async def depths(self) -> Sequence[QueueDepth]:
        """The depth of every queue of every shard.

        Raises:
            TransportUnavailable: the broker is away.
        """

    async def close(self) -> None:
        """Disconnect. Never raises; may be called twice."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...
