"""Factories of transports for the contract suite: one for each implementation, with the same interface."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from marketdata.clock import Clock, SystemClock
from marketdata.transport.base import Batch, Delivery, ShardSubscription, Transport
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.registry import create_transport
from marketdata.units import NS_PER_MS
from tests.support.deadlines import eventually, scaled
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.network import CuttableLink

SHARD_COUNT = 2
RECEIVE_SECONDS = 0.2
DELIVERY_SECONDS = 5.0
OPERATION_TIMEOUT_SECONDS = 2.0


class Queues(Protocol):
    """The factory of one implementation, with its own prefix."""

    async def transport(
        self, *, limits: QueueLimits | None = None, clock: Clock | None = None, cuttable: bool = False
    ) -> Transport:
        """An open transport, which the fixture closes. `cut` affects the `cuttable` ones."""

    def cut(self) -> None:
        """Silence the connections of the cuttable transports, like a pulled cable."""


class MemoryQueues:
    """The in-memory implementation."""

    def __init__(self) -> None:
        self._broker = MemoryBroker()
        self._cuttable: list[MemoryTransport] = []

    async def transport(
        self, *, limits: QueueLimits | None = None, clock: Clock | None = None, cuttable: bool = False
    ) -> Transport:
        made = MemoryTransport(self._broker, shard_count=SHARD_COUNT, limits=limits, clock=clock)
        if cuttable:
            self._cuttable.append(made)
        return made

    def cut(self) -> None:
        for made in self._cuttable:
            made.cut()


class ServerQueues:
    """An implementation with a server, reached directly or through a relay that can be cut."""

    def __init__(self, url: str, prefix: str, stack: contextlib.AsyncExitStack) -> None:
        self._url = url
        self._prefix = prefix
        self._stack = stack
        self._links: list[CuttableLink] = []

    async def transport(
        self, *, limits: QueueLimits | None = None, clock: Clock | None = None, cuttable: bool = False
    ) -> Transport:
        url = await self._linked_url() if cuttable else self._url
        made = create_transport(
            url,
            prefix=self._prefix,
            shard_count=SHARD_COUNT,
            limits=limits or QueueLimits(),
            clock=clock or SystemClock(),
            operation_timeout_seconds=scaled(OPERATION_TIMEOUT_SECONDS),
        )
        return await self._stack.enter_async_context(made)

    async def _linked_url(self) -> str:
        port = urlsplit(self._url).port
        assert port is not None
        link = await self._stack.enter_async_context(CuttableLink(port))
        self._links.append(link)
        return self._url.replace(f":{port}", f":{link.port}")

    def cut(self) -> None:
        for link in self._links:
            link.cut()


@contextlib.asynccontextmanager
async def server_queues(url: str, prefix: str) -> AsyncIterator[ServerQueues]:
    """Queues of a server. Closes all transports at the end."""
    async with contextlib.AsyncExitStack() as stack:
        yield ServerQueues(url, prefix, stack)


def batches(
    *sequences: int,
    queue: QueueName = QueueName.TRADES,
    shard: int = 0,
    source: str = "listener-1",
    body: bytes = b'[{"ev":"T"}]',
) -> list[Batch]:
    """Batches with these sequence numbers, received now."""
    received_ns = SystemClock().time_ns()
    return [
        Batch(
            format="massive",
            queue=queue,
            shard=shard,
            source=source,
            sequence=sequence,
            received_ns=received_ns,
            feed_time_ms=received_ns // NS_PER_MS,
            event_count=1,
            body=body,
        )
        for sequence in sequences
    ]


async def receive(subscription: ShardSubscription, count: int) -> list[Delivery]:
    """Receive `count` deliveries, with as many calls as needed. Fails if they do not arrive in time."""
    deliveries: list[Delivery] = []

    async def all_there() -> bool:
        if len(deliveries) < count:
            deliveries.extend(await subscription.receive(wait_seconds=RECEIVE_SECONDS))
        return len(deliveries) >= count

    await eventually(all_there, DELIVERY_SECONDS)
    return deliveries


def sequences(deliveries: Sequence[Delivery]) -> list[int]:
    """The sequence numbers of the deliveries."""
    return [delivery.batch.sequence for delivery in deliveries]
