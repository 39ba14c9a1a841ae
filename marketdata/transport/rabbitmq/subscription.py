"""Consumes the queues of one shard while this process owns it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.exceptions import ChannelLockedResource

from marketdata.errors import ContentError, OwnershipLost, TransportUnavailable
from marketdata.transport.accounting import Intake
from marketdata.transport.base import Batch, Delivery, Taken
from marketdata.transport.queues import QueueName
from marketdata.transport.rabbitmq.connection import Link
from marketdata.transport.rabbitmq.queues_and_messages import Topology, batch_of

OWNERSHIP_VALID_SECONDS: Final = 1.0
STANDBY_POLL_SECONDS: Final = 0.5
QUIET_ROUNDS: Final = 3
"""A purge ends after so many questions to the broker during which nothing arrived that is dropped.

What we acknowledge lets a queue send more to its channel, before it answers our next question. The channel
sends that on before it handles the question after that one. The third round is for the driver's tasks."""


class RabbitMQSubscription:
    """Implements `base.ShardSubscription` with an exclusive queue as the lock of the shard."""

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
        self._unacknowledged: dict[int, AbstractIncomingMessage] = {}
        self._kept: list[Delivery] = []  # arrived during a purge that they outlived
        self._work_available = asyncio.Event()

    @property
    def taken(self) -> Mapping[QueueName, Taken]:
        """What it took from each queue."""
        return self._intake.taken

    async def acquire(self) -> None:
        """Wait for the lock; then consume every queue of the shard on one channel."""
        self._acquiring.add(self)
        self._forget()
        self._link.drop()
        while not await self._try_lock():  # noqa: ASYNC110 - the other owner is another process
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
        """Return the batches that have arrived. Once a second, check first that we still own the shard."""
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            self._work_available.clear()  # before the check: any later arrival ends the wait below
            await self._confirm_ownership()
            arrived = await self._drain()
            deliveries, self._kept = self._kept + arrived, []
            remaining = deadline - asyncio.get_running_loop().time()
            if deliveries or remaining <= 0:
                return deliveries
            await self._wait(min(remaining, OWNERSHIP_VALID_SECONDS))

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge in as few frames as the order of the deliveries allows."""
        tags = [delivery.tag for delivery in deliveries]
        numbers = {tag.number for tag in tags if isinstance(tag, _Tag) and tag.term == self._term}
        if len(numbers) < len(deliveries) or not numbers <= self._unacknowledged.keys():
            raise OwnershipLost(f"a batch of shard {self._shard} was not delivered under this ownership")
        await self._acknowledge_numbers(numbers)

    async def purge(self, queues: Collection[QueueName]) -> int:
        """Drain what arrives, until nothing more arrives that is dropped."""
        self._intake.purge(queues)
        before = self._intake.purged
        quiet_rounds = 0
        while quiet_rounds < QUIET_ROUNDS:
            refused = self._intake.refused
            await self._ask_broker(queues)
            self._kept += await self._drain()
            quiet_rounds = quiet_rounds + 1 if self._intake.refused == refused else 0
        return self._intake.purged - before

    async def _ask_broker(self, queues: Collection[QueueName]) -> None:
        """Return once the broker has answered for each queue, on the channel of the deliveries."""
        await self._confirm_ownership()
        channel = self._channel
        if channel is not None:
            async with self._link.translated_errors():
                await self._topology.declare(channel, self._shard, queues)

    async def close(self) -> None:
        """Disconnect: the broker requeues the unacknowledged batches in order, and releases the lock."""
        self._forget()
        await self._link.close()
        self._acquiring.discard(self)

    def _forget(self) -> None:
        self._channel = None
        self._lost = False
        self._in_doubt = False
        self._owned_until = 0.0
        self._unacknowledged = {}
        self._waiting = {queue: deque() for queue in self._queues}
        self._kept = []
        self._work_available.set()

    def _on_loss(self, channel: AbstractChannel) -> None:
        """Handle a closed channel, or a consumer that the broker cancelled because its queue was deleted."""
        if channel is self._channel:
            self._lost = True
            self._work_available.set()

    async def _try_lock(self) -> bool:
        """Try once to declare the exclusive queue. If another connection has it, we lose the channel."""
        async with self._link.translated_errors():
            connection = await self._link.connection()
            try:
                async with connection.channel(publisher_confirms=False) as channel:
                    await channel.declare_queue(self._lock, exclusive=True)
            except ChannelLockedResource:
                return False
        return True

    async def _confirm_ownership(self) -> None:
        """Raise unless the broker confirmed our lock within the last second, or confirms it now."""
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
        self._in_doubt = True  # until the answer arrives; stays so if this call is cancelled
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
            await declared.consume(
                _Inbox(self._waiting[queue], self._unacknowledged, self._work_available).put
            )

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._work_available.wait()

    async def _drain(self) -> list[Delivery]:
        deliveries: list[Delivery] = []
        refused: set[int] = set()
        for queue, waiting in self._waiting.items():
            while waiting:
                message = waiting.popleft()
                number = message.delivery_tag or 0
                batch = self._admit(queue, message)
                if batch is None:
                    refused.add(number)
                else:
                    deliveries.append(Delivery(batch, _Tag(self._term, number)))
        if refused:
            await self._acknowledge_numbers(refused)
        return deliveries

    def _admit(self, queue: QueueName, message: AbstractIncomingMessage) -> Batch | None:
        try:
            batch = batch_of(queue, self._shard, message.body, message.headers)
        except ContentError as error:
            self._intake.refuse(queue, self._shard, error)
            return None
        return batch if self._intake.admit(batch) else None

    async def _acknowledge_numbers(self, numbers: Collection[int]) -> None:
        up_to, single = acknowledgement_frames(self._unacknowledged, numbers)
        messages = {number: self._unacknowledged.pop(number) for number in numbers}
        async with self._link.translated_errors():
            if up_to is not None:
                await messages[up_to].ack(multiple=True)
            for number in single:
                await messages[number].ack()


def acknowledgement_frames(
    unacknowledged: Iterable[int], done: Collection[int]
) -> tuple[int | None, Sequence[int]]:
    """The number up to which one frame acknowledges all, and the numbers that need a frame each.

    `unacknowledged` is in ascending order, as the broker numbers deliveries, and includes all of `done`.
    """
    up_to = None
    for number in unacknowledged:
        if number not in done:
            break
        up_to = number
    return up_to, sorted(number for number in done if up_to is None or number > up_to)


class _Tag(NamedTuple):
    """Identifies a delivery: the broker's number, which is valid in one term of ownership only."""

    term: int
    number: int


class _Inbox(NamedTuple):
    """Receives the messages of one queue."""

    waiting: deque[AbstractIncomingMessage]
    unacknowledged: dict[int, AbstractIncomingMessage]
    work_available: asyncio.Event

    async def put(self, message: AbstractIncomingMessage) -> None:
        self.unacknowledged[message.delivery_tag or 0] = message
        self.waiting.append(message)
        self.work_available.set()
