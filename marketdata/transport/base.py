"""The specification of a queue transport.

Both implementations (RabbitMQ, Redis lists) and the in-memory fake of the tests promise the
same; the contract suite in `tests/contract` holds them to it.

Unit
    A `Batch`: events of one queue and one shard that the listener received together.
    Its body is a JSON array of the provider's original event texts, byte for byte.
Order
    First in, first out within one (queue, shard), as published by one publisher.
Delivery
    At least once while the batch is younger than the TTL: a batch delivered and not
    acknowledged when its subscriber dies goes to the shard's next owner, before newer ones.
    Across a restart of the broker nothing is kept.
Expiry
    A batch older than `QueueLimits.ttl_ms`, counted from `Batch.received_ns`, is never handed
    out: what the broker itself did not expire, the subscription drops and counts in the metrics.
Capacity
    `QueueLimits.max_batches` per (queue, shard); a full queue drops its oldest batch.
    Publishing never waits for consumers.
Ownership
    A shard has one owner at a time, over all of its queues together. `acquire` waits
    as a standby; after the owner's death (kill -9 included) a standby owns within 5 s.
    An owner that lost the shard (lease expired, connection gone) learns it from
    `OwnershipLost` or `TransportUnavailable` and receives nothing more.
Reconnection
    Every call raises `TransportUnavailable` while the broker is away, within
    `operation_timeout_seconds`, and works again once it is back: the caller decides
    how to wait, and repeats `acquire` before it receives again.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, Self

import msgspec

from marketdata.transport.queues import QueueName


class Batch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one queue message carries.

    `source` names the listener instance and `sequence` numbers its batches from 1 per (queue, shard),
    so that a consumer can tell a redelivery. `received_ns` is the epoch time at which the oldest
    of its events arrived. `feed_time_ms` is what the feed's own clock said when the newest of them arrived
    (epoch milliseconds): none of its events can be later. `trace_context` is a W3C traceparent, or empty.
    `format` names the provider whose decoders read the body (`marketdata.providers.wire_format`).
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
    """A batch on loan: it comes back to the shard's next owner unless it is acknowledged."""

    batch: Batch
    tag: object


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """How many batches wait in one (queue, shard), not counting those on loan."""

    queue: QueueName
    shard: int
    batches: int


class ShardSubscription(Protocol):
    """The queues of one shard, as seen by one would-be owner. Not safe for concurrent calls."""

    async def acquire(self) -> None:
        """Wait, for as long as it takes, until this subscriber owns the shard.

        Raises:
            TransportUnavailable: the broker is away.
        """

    async def receive(self, *, wait_seconds: float) -> Sequence[Delivery]:
        """Hand over what waits, oldest first per queue; wait up to `wait_seconds` when there is nothing.

        Raises:
            OwnershipLost: another subscriber owns the shard, or `acquire` was not called.
            TransportUnavailable: the broker is away.
        """

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Give the batches back as done; they will not come again.

        Raises:
            OwnershipLost: the loan ended with the ownership.
            TransportUnavailable: the broker is away.
        """

    async def close(self) -> None:
        """Give up ownership and what is on loan. Never raises; may be called twice."""


class Transport(Protocol):
    """One connection to the queues; made per process, opened once, closed once."""

    async def open(self) -> None:
        """Connect and declare all queues, idempotently.

        Raises:
            TransportUnavailable: the broker cannot be reached.
            TopologyMismatch: a queue exists with other limits; the message names it and what to do.
        """

    async def publish(self, batches: Iterable[Batch]) -> None:
        """Append the batches in one go, in the given order, without waiting for consumers.

        Either all were handed to the broker or an error is raised; after an error some may have arrived.

        Raises:
            TransportUnavailable: the broker is away.
            PublishersBlocked: it is there and takes nothing (memory or disk alarm).
        """

    def subscribe(self, shard: int, queues: Sequence[QueueName], *, prefetch: int) -> ShardSubscription:
        """A subscription to the named queues of a shard with at most `prefetch` batches on loan per queue."""

    async def depths(self) -> Sequence[QueueDepth]:
        """The depth of every queue of every shard.

        Raises:
            TransportUnavailable: the broker is away.
        """

    async def close(self) -> None:
        """Disconnect. Never raises; may be called twice."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...
