"""What RabbitMQ has of ours: the queues with their names and arguments, and batches as messages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelPreconditionFailed
from aiormq import spec

from marketdata.errors import ContentError, TopologyMismatch
from marketdata.transport.base import Batch, QueueDepth
from marketdata.transport.queues import QueueLimits, QueueName

Properties = spec.Basic.Properties

_INEQUIVALENT: Final = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)' for queue '(?P<queue>[^']+)'.*"
    r"received (?P<ours>.+?) but current is (?P<theirs>.+)"
)


class Topology:
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
        """The name of the queue of an event class and shard; also its routing key."""
        return f"{self._prefix}.{queue}.{shard}"

    def lock(self, shard: int) -> str:
        """The name of the exclusive queue that the owner of a shard holds."""
        return f"{self._prefix}.owner.{shard}"

    async def declare(
        self, channel: AbstractChannel, shard: int, queues: Iterable[QueueName]
    ) -> Sequence[QueueDepth]:
        """Create the queues that do not exist. Returns how many batches wait in each.

        Raises:
            TopologyMismatch: a queue exists with other arguments.
        """
        return [await self._declare(channel, queue, shard) for queue in queues]

    async def _declare(self, channel: AbstractChannel, queue: QueueName, shard: int) -> QueueDepth:
        name = self.queue(queue, shard)
        try:
            declared = await channel.declare_queue(name, durable=True, arguments=self._arguments)
        except ChannelPreconditionFailed as error:
            raise TopologyMismatch(_explain(name, str(error))) from error
        return QueueDepth(queue=queue, shard=shard, batches=declared.declaration_result.message_count or 0)


class _Headers(msgspec.Struct, frozen=True, kw_only=True):
    """The headers of a message. Queue and shard are not among them: the queue's name gives them."""

    format: str
    source: str
    sequence: int
    received_ns: int
    feed_time_ms: int
    event_count: int
    trace_context: str = ""


def properties_of(batch: Batch) -> Properties:
    """The message properties with the batch's headers. The message's body is the batch's body, unchanged."""
    headers: Any = {
        "format": batch.format,
        "source": batch.source,
        "sequence": batch.sequence,
        "received_ns": batch.received_ns,
        "feed_time_ms": batch.feed_time_ms,
        "event_count": batch.event_count,
        "trace_context": batch.trace_context,
    }
    return Properties(
        headers=headers, content_type="application/json", delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT
    )


def batch_of(queue: QueueName, shard: int, body: bytes, headers: Mapping[str, Any]) -> Batch:
    """The batch in a message that arrived in this queue.

    Raises:
        ContentError: reason `malformed_batch`; the message is not a batch.
    """
    try:
        values = msgspec.convert(headers, _Headers)
    except msgspec.ValidationError as error:
        raise ContentError("malformed_batch", str(error)) from error
    return Batch(
        format=values.format,
        queue=queue,
        shard=shard,
        source=values.source,
        sequence=values.sequence,
        received_ns=values.received_ns,
        feed_time_ms=values.feed_time_ms,
        event_count=values.event_count,
        trace_context=values.trace_context,
        body=body,
    )


def _explain(queue: str, refusal: str) -> str:
    """The broker's refusal of a declaration, in words for an operator."""
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
