"""Queues in RabbitMQ, by way of aio-pika.

Queues
    ``{prefix}.{queue}.{shard}``, classic, with ``x-message-ttl``, ``x-max-length`` with
    ``x-overflow: drop-head``, and ``x-single-active-consumer``. They are durable and hold only transient
    messages: the definitions outlive a restart of the broker, so that nobody has to be first, and the
    batches do not. (Transient queues that are not exclusive are deprecated since RabbitMQ 4.)
Message
    Its body is the batch's body byte for byte; the rest of the `Batch` travels in headers.
Ownership
    Single active consumer is a promise per queue: two processors could each get some queues of a shard.
    So the owner holds an exclusive queue ``{prefix}.owner.{shard}`` as a lock, which the broker gives up
    with the connection; a standby asks for it every half second. Single active consumer is still of
    use: a queue serves the next owner only once it has taken back, in order, what the last had on loan.
    Each subscription has a connection of its own, since exclusive means exclusive to a connection.
    A heartbeat of one second makes the broker notice a vanished peer in 2 to 3 s; the owner asks the
    broker itself at least once a second whether the lock stands before it hands out what it has prefetched.
Connections
    Plain, not aio-pika's robust ones. Those of 10.2 do come back with their consumers after the broker was
    killed or restarted (tried; earlier ones had a history of hanging without), but by themselves: an
    owner that lost its shard would consume again, and declare its lock again, without having acquired.
    Here a connection that failed is dropped; the next call makes a new one and declares all again.
    All queues of a shard share one channel: one for each was no faster (measured with 170 kB batches).
"""

import asyncio
import contextlib
import re
import weakref
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    AuthenticationError,
    ChannelPreconditionFailed,
    ProbableAuthenticationError,
)
from aiormq.exceptions import ChannelLockedResource

from marketdata.clock import Clock
from marketdata.errors import (
    ConfigurationError,
    ContentError,
    OwnershipLost,
    TopologyMismatch,
    TransportUnavailable,
)
from marketdata.observability.metrics import TRANSPORT_ERRORS, TRANSPORT_RECONNECTS
from marketdata.transport.accounting import Intake, count_published, note_depths
from marketdata.transport.base import Batch, Delivery, QueueDepth
from marketdata.transport.queues import QueueLimits, QueueName

PUBLISHER_HEARTBEAT_SECONDS: Final = 10
OWNER_HEARTBEAT_SECONDS: Final = 1
OWNERSHIP_VALID_SECONDS: Final = 1.0
STANDBY_POLL_SECONDS: Final = 0.5
CLOSE_SECONDS: Final = 2.0

_INEQUIVALENT: Final = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)' for queue '(?P<queue>[^']+)'.*"
    r"received (?P<ours>.+?) but current is (?P<theirs>.+)"
)


class _Headers(msgspec.Struct, frozen=True, kw_only=True):
    """What travels beside the body; queue and shard are those of the queue itself."""

    source: str
    sequence: int
    received_ns: int
    event_count: int
    trace_context: str = ""


class RabbitMQTransport:
    """One publishing connection to the broker; see `base.Transport` for what it promises."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        shard_count: int,
        limits: QueueLimits,
        clock: Clock,
        publisher_confirms: bool = True,
        operation_timeout_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._topology = _Topology(prefix, limits)
        self._shard_count = shard_count
        self._limits = limits
        self._clock = clock
        self._timeout_seconds = operation_timeout_seconds
        self._link = _Link(url, PUBLISHER_HEARTBEAT_SECONDS, operation_timeout_seconds)
        self._confirms = publisher_confirms
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._subscriptions: weakref.WeakSet[RabbitMQSubscription] = weakref.WeakSet()

    async def open(self) -> None:
        """Connect and declare the queues of all shards."""
        async with self._link.translated_errors():
            await self._publishing_channel()

    async def publish(self, batches: Iterable[Batch]) -> None:
        """Publish all at once; with publisher confirms, wait until the broker has confirmed each."""
        batches = list(batches)
        async with self._link.translated_errors():
            channel = await self._publishing_channel()
            outcomes = await asyncio.gather(
                *(self._publish_one(channel, batch) for batch in batches), return_exceptions=True
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
        count_published(batches)

    async def _publish_one(self, channel: AbstractChannel, batch: Batch) -> None:
        name = self._topology.queue(batch.queue, batch.shard)
        await channel.default_exchange.publish(_message_of(batch), name, mandatory=True)

    def subscribe(self, shard: int, queues: Sequence[QueueName], *, prefetch: int) -> "RabbitMQSubscription":
        """A subscription with a connection of its own."""
        subscription = RabbitMQSubscription(
            _Link(self._url, OWNER_HEARTBEAT_SECONDS, self._timeout_seconds),
            self._topology,
            shard,
            queues,
            prefetch=prefetch,
            intake=Intake(self._limits, self._clock),
        )
        self._subscriptions.add(subscription)
        return subscription

    async def depths(self) -> Sequence[QueueDepth]:
        """Ask the broker for each queue in turn."""
        places = [(queue, shard) for shard in range(self._shard_count) for queue in QueueName]
        async with self._link.translated_errors():
            channel = await self._publishing_channel()
            depths = [
                QueueDepth(
                    queue=queue, shard=shard, batches=await self._topology.depth(channel, queue, shard)
                )
                for queue, shard in places
            ]
        note_depths(depths)
        return depths

    async def close(self) -> None:
        """Close the subscriptions and disconnect."""
        for subscription in list(self._subscriptions):
            await subscription.close()
        await self._link.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _publishing_channel(self) -> AbstractChannel:
        async with self._opening:
            connection = await self._link.connection()
            if self._channel is None or self._channel.is_closed or self._connection is not connection:
                self._channel = await self._opened_channel(connection)
                self._connection = connection
            return self._channel

    async def _opened_channel(self, connection: AbstractConnection) -> AbstractChannel:
        channel = connection.channel(publisher_confirms=self._confirms, on_return_raises=self._confirms)
        await channel.initialize()
        for shard in range(self._shard_count):
            await self._topology.declare(channel, shard, QueueName)
        # Without confirms this is how we learn that someone deleted a queue: declare them again.
        channel.return_callbacks.add(lambda *_: self._on_return(channel))
        return channel

    def _on_return(self, channel: AbstractChannel) -> None:
        if channel is self._channel:
            self._link.drop()


class RabbitMQSubscription:
    """One would-be owner of a shard; see `base.ShardSubscription` for what it promises."""

    def __init__(
        self,
        link: "_Link",
        topology: "_Topology",
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        intake: Intake,
    ) -> None:
        self._link = link
        self._topology = topology
        self._shard = shard
        self._queues = tuple(queues)
        self._prefetch = prefetch
        self._intake = intake
        self._lock = topology.lock(shard)
        self._term = 0
        self._channel: AbstractChannel | None = None
        self._lost = False
        self._in_doubt = False
        self._owned_until = 0.0
        self._waiting: dict[QueueName, deque[AbstractIncomingMessage]] = {}
        self._on_loan: dict[int, AbstractIncomingMessage] = {}
        self._stirred = asyncio.Event()

    @property
    def expired_batches(self) -> int:
        """Batches that were too old when they came."""
        return self._intake.expired_batches

    @property
    def lost_batches(self) -> int:
        """Batches that never came."""
        return self._intake.lost_batches

    async def acquire(self) -> None:
        """Wait for the lock, then consume every queue of the shard on one channel."""
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
        self._stirred.clear()
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
            batch = _batch_of(queue, self._shard, message.body, message.headers)
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


def _message_of(batch: Batch) -> aio_pika.Message:
    headers = {
        "source": batch.source,
        "sequence": batch.sequence,
        "received_ns": batch.received_ns,
        "event_count": batch.event_count,
        "trace_context": batch.trace_context,
    }
    return aio_pika.Message(
        batch.body,
        headers=headers,  # type: ignore[arg-type]
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT,
    )


def _batch_of(queue: QueueName, shard: int, body: bytes, headers: Mapping[str, Any]) -> Batch:
    try:
        values = msgspec.convert(headers, _Headers)
    except msgspec.ValidationError as error:
        raise ContentError("malformed_batch", str(error)) from error
    return Batch(
        queue=queue,
        shard=shard,
        source=values.source,
        sequence=values.sequence,
        received_ns=values.received_ns,
        event_count=values.event_count,
        trace_context=values.trace_context,
        body=body,
    )


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


class _Topology:
    """Names and arguments of the queues under one prefix."""

    def __init__(self, prefix: str, limits: QueueLimits) -> None:
        self._prefix = prefix
        self._arguments: Any = {
            "x-message-ttl": limits.ttl_ms,
            "x-max-length": limits.max_batches,
            "x-overflow": "drop-head",
            "x-single-active-consumer": True,
        }

    def queue(self, queue: QueueName, shard: int) -> str:
        return f"{self._prefix}.{queue}.{shard}"

    def lock(self, shard: int) -> str:
        return f"{self._prefix}.owner.{shard}"

    async def declare(self, channel: AbstractChannel, shard: int, queues: Iterable[QueueName]) -> None:
        for queue in queues:
            try:
                await channel.declare_queue(self.queue(queue, shard), durable=True, arguments=self._arguments)
            except ChannelPreconditionFailed as error:
                raise TopologyMismatch(_explain(self.queue(queue, shard), str(error))) from error

    async def depth(self, channel: AbstractChannel, queue: QueueName, shard: int) -> int:
        declared = await channel.declare_queue(
            self.queue(queue, shard), durable=True, arguments=self._arguments
        )
        return declared.declaration_result.message_count or 0


def _explain(queue: str, refusal: str) -> str:
    """The broker's refusal of a declaration in an operator's words."""
    found = _INEQUIVALENT.search(refusal)
    difference = (
        f"{found['argument']} is {found['theirs']} there and {found['ours']} in our settings"
        if found
        else refusal
    )
    return (
        f"the queue {queue} exists with other properties: {difference}. Delete the queue "
        f"(rabbitmqctl delete_queue {queue}), choose another MDQ_PREFIX, or set MARKET_DATA_MESSAGE_TTL "
        "and MDQ_MAX_BATCHES back"
    )


class _Link:
    """A connection that is made when it is needed, and made anew after it was lost."""

    def __init__(self, url: str, heartbeat_seconds: int, timeout_seconds: float) -> None:
        self._url = url
        self._heartbeat_seconds = heartbeat_seconds
        self._timeout_seconds = timeout_seconds
        self._connection: AbstractConnection | None = None
        self._connected_before = False
        self._connecting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def connection(self) -> AbstractConnection:
        async with self._connecting:
            if self._connection is None or not self._connection.connected.is_set():
                self.drop()
                self._connection = await aio_pika.connect(self._url, heartbeat=self._heartbeat_seconds)
                if self._connected_before:
                    TRANSPORT_RECONNECTS.inc()
                self._connected_before = True
            return self._connection

    def drop(self) -> None:
        """Give the connection up without waiting for its goodbye."""
        if self._connection is not None:
            closing = asyncio.create_task(_close(self._connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._connection = None

    async def close(self) -> None:
        self.drop()
        if self._closing:
            await asyncio.wait(set(self._closing))

    @contextlib.asynccontextmanager
    async def translated_errors(self) -> AsyncIterator[None]:
        """Our timeout and our errors around calls of the broker; after any failure the connection goes."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except TopologyMismatch:
            self.drop()
            raise
        except (AuthenticationError, ProbableAuthenticationError) as error:
            self.drop()
            raise ConfigurationError(f"the RabbitMQ broker of MDQ_URL refuses us: {error}") from error
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            self.drop()
            TRANSPORT_ERRORS.labels(reason="unavailable").inc()
            msg = f"the RabbitMQ broker of MDQ_URL is away or blocks publishers: {error!r}"
            raise TransportUnavailable(msg) from error


async def _close(connection: AbstractConnection) -> None:
    with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()
