"""The consuming side: one would-be owner of a shard."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.exceptions import ChannelLockedResource

from marketdata.errors import ContentError, OwnershipLost, TransportUnavailable
from marketdata.transport.accounting import Intake
from marketdata.transport.base import Batch, Delivery
from marketdata.transport.queues import QueueName
from marketdata.transport.rabbitmq.connection import Link
from marketdata.transport.rabbitmq.messages import batch_of
from marketdata.transport.rabbitmq.topology import Topology

OWNERSHIP_VALID_SECONDS: Final = 1.0
STANDBY_POLL_SECONDS: Final = 0.5


class RabbitMQSubscription:
    """One would-be owner of a shard; see `base.ShardSubscription` for what it promises."""

    def __init__(
        self,
        link: Link,
        topology: Topology,
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        intake: Intake,
        acquiring: "set[RabbitMQSubscription]",
    ) -> None:
        self._link = link
        self._topology = topology
        self._shard = shard
        self._queues = tuple(queues)
        self._prefetch = prefetch
        self._intake = intake
        self._acquiring = acquiring
        self._lock = topology.lock(shard)
        self._term = 0
        self._channel: AbstractChannel | None = None
        self._lost = False
        self._in_doubt = False
        self._owned_until = 0.0
        self._waiting: dict[QueueName, deque[AbstractIncomingMessage]] = {}
        self._on_loan: dict[int, AbstractIncomingMessage] = {}
        self._stirred = asyncio.Event()

    async def acquire(self) -> None:
        """Wait for the lock, then consume every queue of the shard on one channel."""
        self._acquiring.add(self)
        self._forget()
        self._link.drop()
        while not await self._locked():  # noqa: ASYNC110 - the other owner is another process
            await asyncio.sleep(STANDBY_POLL_SECONDS)
        self._term += 1
        async with self._link.translated_errors():
            connection = await self._link.connection()
            channel = connection.channel(publisher_confirms=False)
            await channel.initialize()
            await self._topology.declare(channel, self._shard, self._queues)
            self._channel = channel
            self._in_doubt = True
            await self._consume(channel)
            self._in_doubt = False

    async def receive(self, *, wait_seconds: float) -> Sequence[Delivery]:
        """Drain what has arrived, after making sure once a second that the shard is still ours."""
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            self._stirred.clear()  # before looking: what comes from here on ends the wait
            await self._confirm_ownership()
            deliveries = await self._drain()
            remaining = deadline - asyncio.get_running_loop().time()
            if deliveries or remaining <= 0:
                return deliveries
            await self._wait(min(remaining, OWNERSHIP_VALID_SECONDS))

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge in as few frames as the order of the deliveries allows."""
        loans = [delivery.tag for delivery in deliveries]
        numbers = {loan.number for loan in loans if isinstance(loan, _Loan) and loan.term == self._term}
        if len(numbers) < len(deliveries) or not numbers <= self._on_loan.keys():
            raise OwnershipLost(f"a batch of shard {self._shard} is not on loan under this ownership")
        await self._acknowledge_numbers(numbers)

    async def close(self) -> None:
        """Disconnect: the broker takes back what is on loan, in order, and gives up the lock."""
        self._forget()
        await self._link.close()
        self._acquiring.discard(self)

    def _forget(self) -> None:
        self._channel = None
        self._lost = False
        self._in_doubt = False
        self._owned_until = 0.0
        self._on_loan = {}
        self._waiting = {queue: deque() for queue in self._queues}
        self._stirred.set()

    def _on_loss(self, channel: AbstractChannel) -> None:
        """The channel was closed, or the broker cancelled a consumer since someone deleted its queue."""
        if channel is self._channel:
            self._lost = True
            self._stirred.set()

    async def _locked(self) -> bool:
        """Try once to declare the exclusive queue; the broker closes the channel of who comes second."""
        async with self._link.translated_errors():
            connection = await self._link.connection()
            try:
                async with connection.channel(publisher_confirms=False) as channel:
                    await channel.declare_queue(self._lock, exclusive=True)
            except ChannelLockedResource:
                return False
        return True

    async def _confirm_ownership(self) -> None:
        """Raise unless the broker said within the last second, or says now, that the lock is ours."""
        channel = self._channel
        if channel is None or self._in_doubt:
            raise OwnershipLost(f"shard {self._shard} is not owned here: acquire it first")
        if self._lost or channel.is_closed:
            self._forget()
            self._link.drop()
            raise TransportUnavailable(f"the consumers of shard {self._shard} are gone")
        asked_at = asyncio.get_running_loop().time()
        if asked_at < self._owned_until:
            return
        self._in_doubt = True  # until the answer is here, also when this call is cancelled
        try:
            async with self._link.translated_errors():
                await channel.declare_queue(self._lock, exclusive=True)
        except TransportUnavailable:
            self._forget()
            raise
        self._in_doubt = False
        self._owned_until = asked_at + OWNERSHIP_VALID_SECONDS

    async def _consume(self, channel: AbstractChannel) -> None:
        await channel.set_qos(prefetch_count=self._prefetch)
        underlying = await channel.get_underlay_channel()
        underlying.on_consumer_cancel_callbacks.add(lambda _: self._on_loss(channel))
        channel.close_callbacks.add(lambda *_: self._on_loss(channel))
        for queue in self._queues:
            declared = await channel.get_queue(self._topology.queue(queue, self._shard), ensure=False)
            await declared.consume(_Inbox(self._waiting[queue], self._on_loan, self._stirred).put)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()

    async def _drain(self) -> list[Delivery]:
        deliveries: list[Delivery] = []
        refused: set[int] = set()
        for queue, waiting in self._waiting.items():
            while waiting:
                message = waiting.popleft()
                number = message.delivery_tag or 0
                batch = self._admitted(queue, message)
                if batch is None:
                    refused.add(number)
                else:
                    deliveries.append(Delivery(batch, _Loan(self._term, number)))
        if refused:
            await self._acknowledge_numbers(refused)
        return deliveries

    def _admitted(self, queue: QueueName, message: AbstractIncomingMessage) -> Batch | None:
        try:
            batch = batch_of(queue, self._shard, message.body, message.headers)
        except ContentError as error:
            self._intake.refuse(queue, self._shard, error)
            return None
        return batch if self._intake.admit(batch) else None

    async def _acknowledge_numbers(self, numbers: Collection[int]) -> None:
        up_to, single = acknowledgement_frames(self._on_loan, numbers)
        messages = {number: self._on_loan.pop(number) for number in numbers}
        async with self._link.translated_errors():
            if up_to is not None:
                await messages[up_to].ack(multiple=True)
            for number in single:
                await messages[number].ack()


def acknowledgement_frames(on_loan: Iterable[int], done: Collection[int]) -> tuple[int | None, Sequence[int]]:
    """The number up to which all can be acknowledged in one frame, and those that need their own.

    `on_loan` ascends, as the broker numbers deliveries, and includes all of `done`.
    """
    up_to = None
    for number in on_loan:
        if number not in done:
            break
        up_to = number
    return up_to, sorted(number for number in done if up_to is None or number > up_to)


class _Loan(NamedTuple):
    """The broker's number of a delivery, and the term of ownership in which it is valid."""

    term: int
    number: int


class _Inbox(NamedTuple):
    """Where the messages of one queue arrive."""

    waiting: deque[AbstractIncomingMessage]
    on_loan: dict[int, AbstractIncomingMessage]
    stirred: asyncio.Event

    async def put(self, message: AbstractIncomingMessage) -> None:
        self.on_loan[message.delivery_tag or 0] = message
        self.waiting.append(message)
        self.stirred.set()
