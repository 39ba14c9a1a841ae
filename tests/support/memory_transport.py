"""The queues in memory: a `Transport` for unit tests that promises what the real ones do.

Transports that share a `MemoryBroker` see the same queues, as processes that share a server do.
`MemoryBroker.go_away` and `come_back` play a restart, `MemoryTransport.cut` a connection that is lost.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from marketdata.clock import Clock, SystemClock
from marketdata.errors import OwnershipLost, TransportUnavailable
from marketdata.transport.accounting import Intake, note_depths
from marketdata.transport.base import Batch, Delivery, QueueDepth
from marketdata.transport.envelope import is_expired
from marketdata.transport.queues import QueueLimits, QueueName

Place = tuple[QueueName, int]


class MemoryBroker:
    """The server that the transports of a test share."""

    def __init__(self) -> None:
        self.available = True
        self.waiting: dict[Place, deque[Batch]] = {}
        self.owners: dict[int, MemorySubscription] = {}
        self._changed = asyncio.Event()

    def queue(self, queue: QueueName, shard: int) -> deque[Batch]:
        """The batches that wait there, oldest first."""
        return self.waiting.setdefault((queue, shard), deque())

    def go_away(self) -> None:
        """Lose all batches and owners; every call raises until `come_back`."""
        self.available = False
        self.waiting.clear()
        self.owners.clear()
        self.notify()

    def come_back(self) -> None:
        """Serve again, empty."""
        self.available = True
        self.notify()

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until something was published, released, or the broker came or went."""
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
        """Lose the connection: every call raises, and the broker frees what was owned and lent here."""
        self._cut = True
        for subscription in self._subscriptions:
            subscription.release()

    def check(self) -> None:
        """Raise `TransportUnavailable` while the broker cannot be reached."""
        if self._cut or not self.broker.available:
            raise TransportUnavailable("the memory broker is away")

    async def open(self) -> None:
        """Check that the broker is there."""
        self.check()

    async def publish(self, batches: Iterable[Batch]) -> None:
        """Append to the queues and bound them."""
        self.check()
        for batch in batches:
            self.broker.queue(batch.queue, batch.shard).append(batch)
        self._bound()
        self.broker.notify()

    def _bound(self) -> None:
        now_ns = self._clock.time_ns()
        for queue in self.broker.waiting.values():
            while queue and (
                len(queue) > self._limits.max_batches or is_expired(queue[0], now_ns, self._limits)
            ):
                queue.popleft()

    def subscribe(self, shard: int, queues: Sequence[QueueName], *, prefetch: int) -> "MemorySubscription":
        """A subscription to queues of a shard."""
        intake = Intake(self._limits, self._clock)
        subscription = MemorySubscription(self, shard, queues, prefetch=prefetch, intake=intake)
        self._subscriptions.append(subscription)
        return subscription

    async def depths(self) -> Sequence[QueueDepth]:
        """How many batches wait in each queue."""
        self.check()
        self._bound()
        depths = [
            QueueDepth(queue=queue, shard=shard, batches=len(self.broker.queue(queue, shard)))
            for shard in range(self._shard_count)
            for queue in QueueName
        ]
        note_depths(depths)
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


class _Loan(NamedTuple):
    term: int
    queue: QueueName
    number: int


class MemorySubscription:
    """One would-be owner of a shard of a `MemoryBroker`."""

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
        self._on_loan: dict[QueueName, dict[int, Batch]] = {queue: {} for queue in queues}

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
        """Take what waits; with nothing there, wait for a change."""
        try:
            async with asyncio.timeout(wait_seconds):
                while not (deliveries := self._take()):
                    await self._broker.change()
        except TimeoutError:
            return self._take()
        return deliveries

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """End the loans."""
        self._check_owner()
        for delivery in deliveries:
            loan = delivery.tag
            if not isinstance(loan, _Loan) or loan.term != self._term:
                raise OwnershipLost("lent under an earlier ownership")
            self._on_loan[loan.queue].pop(loan.number, None)

    async def close(self) -> None:
        """Give up ownership and what is on loan."""
        self.release()

    def release(self) -> None:
        """Put back what is on loan, in order, and free the shard."""
        if self._broker.owners.get(self._shard) is self:
            del self._broker.owners[self._shard]
            for queue, loans in self._on_loan.items():
                self._broker.queue(queue, self._shard).extendleft(reversed(loans.values()))
        self._on_loan = {queue: {} for queue in self._queues}
        self._broker.notify()

    def _check_owner(self) -> None:
        self._transport.check()
        if self._broker.owners.get(self._shard) is not self:
            raise OwnershipLost(f"shard {self._shard} is not owned here")

    def _take(self) -> list[Delivery]:
        self._check_owner()
        deliveries: list[Delivery] = []
        for queue, loans in self._on_loan.items():
            waiting = self._broker.queue(queue, self._shard)
            while waiting and len(loans) < self._prefetch:
                batch = waiting.popleft()
                if self._intake.admit(batch):
                    self._numbers += 1
                    loans[self._numbers] = batch
                    deliveries.append(Delivery(batch, _Loan(self._term, queue, self._numbers)))
        return deliveries
