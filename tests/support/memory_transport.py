"""A `Transport` in memory for unit tests. The contract suite holds it to the promises of the real ones.

Transports with the same `MemoryBroker` share its queues, like processes that share a server.
`MemoryBroker.go_away` and `come_back` simulate a restart of the server, `MemoryTransport.cut` a lost
connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from marketdata.clock import Clock, SystemClock
from marketdata.errors import OwnershipLost, TransportUnavailable
from marketdata.transport.accounting import Intake, is_expired, set_depths
from marketdata.transport.base import Batch, Delivery, QueueDepth, Taken
from marketdata.transport.queues import LONGEST_TTL_MS, QueueLimits, QueueName

QueueAndShard = tuple[QueueName, int]


class MemoryBroker:
    """The server that the transports of a test share."""

    def __init__(self) -> None:
        self.available = True
        self.waiting: dict[QueueAndShard, deque[Batch]] = {}
        self.owners: dict[int, MemorySubscription] = {}
        self._changed = asyncio.Event()

    def queue(self, queue: QueueName, shard: int) -> deque[Batch]:
        """The waiting batches, oldest first."""
        return self.waiting.setdefault((queue, shard), deque())

    def go_away(self) -> None:
        """Lose all batches and owners. Every call raises an error until `come_back`."""
        self.available = False
        self.waiting.clear()
        self.owners.clear()
        self.notify()

    def come_back(self) -> None:
        """Serve again, with empty queues."""
        self.available = True
        self.notify()

    def notify(self) -> None:
        """Wake all tasks that wait in `change`."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until a batch is published, a shard is released, or the broker goes away or comes back."""
        await self._changed.wait()


class MemoryTransport:
    """A connection to a `MemoryBroker`."""

    def __init__(
        self,
        broker: MemoryBroker | None = None,
        *,
        shard_count: int = 2,
        limits: QueueLimits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.broker = broker or MemoryBroker()
        self._shard_count = shard_count
        self._limits = limits or QueueLimits()
        self._clock = clock or SystemClock()
        self._subscriptions: list[MemorySubscription] = []
        self._cut = False

    def cut(self) -> None:
        """Lose the connection. Every call raises; the broker releases shards and unacknowledged batches."""
        self._cut = True
        for subscription in self._subscriptions:
            subscription.release()

    def check(self) -> None:
        """Raise `TransportUnavailable` if the broker cannot be reached."""
        if self._cut or not self.broker.available:
            raise TransportUnavailable("the memory broker is away")

    async def open(self) -> None:
        """Check that the broker can be reached."""
        self.check()

    async def publish(self, batches: Iterable[Batch]) -> None:
        """Append batches to the queues, and remove batches above the limits."""
        self.check()
        for batch in batches:
            self.broker.queue(batch.queue, batch.shard).append(batch)
        self._bound()
        self.broker.notify()

    def _bound(self) -> None:
        now_ns = self._clock.time_ns()
        for queue in self.broker.waiting.values():
            while queue and (
                len(queue) > self._limits.max_batches or is_expired(queue[0], now_ns, self._limits.ttl_ms)
            ):
                queue.popleft()

    def subscribe(
        self,
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        life_ms: Callable[[], int] = lambda: LONGEST_TTL_MS,
    ) -> "MemorySubscription":
        """A subscription to queues of a shard."""
        intake = Intake(self._limits, self._clock, life_ms)
        subscription = MemorySubscription(self, shard, queues, prefetch=prefetch, intake=intake)
        self._subscriptions.append(subscription)
        return subscription

    async def depths(self) -> Sequence[QueueDepth]:
        """The number of waiting batches of each queue."""
        self.check()
        self._bound()
        depths = [
            QueueDepth(queue=queue, shard=shard, batches=len(self.broker.queue(queue, shard)))
            for shard in range(self._shard_count)
            for queue in QueueName
        ]
        set_depths(depths)
        return depths

    async def close(self) -> None:
        """Close the subscriptions."""
        for subscription in self._subscriptions:
            await subscription.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class _DeliveryTag(NamedTuple):
    """Identifies an unacknowledged batch. `term` counts the ownerships of its subscription."""

    term: int
    queue: QueueName
    number: int


class MemorySubscription:
    """A subscription that owns a shard of a `MemoryBroker`, or waits for it."""

    def __init__(
        self,
        transport: MemoryTransport,
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        intake: Intake,
    ) -> None:
        self._transport = transport
        self._broker = transport.broker
        self._shard = shard
        self._queues = tuple(queues)
        self._prefetch = prefetch
        self._intake = intake
        self._term = 0
        self._numbers = 0
        self._unacknowledged: dict[QueueName, dict[int, Batch]] = {queue: {} for queue in queues}
        self._kept: list[Delivery] = []

    @property
    def taken(self) -> Mapping[QueueName, Taken]:
        """What it took from each queue."""
        return self._intake.taken

    async def acquire(self) -> None:
        """Wait until no other subscription owns the shard."""
        self.release()
        self._transport.check()
        while self._broker.owners.get(self._shard, self) is not self:
            await self._broker.change()
            self._transport.check()
        self._broker.owners[self._shard] = self
        self._term += 1

    async def receive(self, *, wait_seconds: float) -> Sequence[Delivery]:
        """Take the waiting batches. If there are none, wait for a change."""
        try:
            async with asyncio.timeout(wait_seconds):
                while not (deliveries := self._take()):
                    await self._broker.change()
        except TimeoutError:
            return self._take()
        return deliveries

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Forget the deliveries, so that they are not delivered again."""
        self._check_owner()
        for delivery in deliveries:
            tag = delivery.tag
            if not isinstance(tag, _DeliveryTag) or tag.term != self._term:
                raise OwnershipLost("delivered under an earlier ownership")
            self._unacknowledged[tag.queue].pop(tag.number, None)

    async def purge(self, queues: Collection[QueueName]) -> int:
        """Take what waits, and keep what is not purged for the next `receive`."""
        self._intake.purge(queues)
        before = self._intake.purged
        self._kept = self._take()
        return self._intake.purged - before

    async def close(self) -> None:
        """Release the shard."""
        self.release()

    def release(self) -> None:
        """Put unacknowledged batches back in order, and release the shard."""
        if self._broker.owners.get(self._shard) is self:
            del self._broker.owners[self._shard]
            for queue, batches in self._unacknowledged.items():
                self._broker.queue(queue, self._shard).extendleft(reversed(batches.values()))
        self._unacknowledged = {queue: {} for queue in self._queues}
        self._kept = []
        self._broker.notify()

    def _check_owner(self) -> None:
        self._transport.check()
        if self._broker.owners.get(self._shard) is not self:
            raise OwnershipLost(f"shard {self._shard} is not owned here")

    def _take(self) -> list[Delivery]:
        self._check_owner()
        deliveries, self._kept = self._kept, []
        for queue, batches in self._unacknowledged.items():
            waiting = self._broker.queue(queue, self._shard)
            while waiting and len(batches) < self._prefetch:
                batch = waiting.popleft()
                if self._intake.admit(batch):
                    self._numbers += 1
                    batches[self._numbers] = batch
                    deliveries.append(Delivery(batch, _DeliveryTag(self._term, queue, self._numbers)))
        return deliveries
