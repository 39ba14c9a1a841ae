"""Converts a batch to an AMQP message and back. No I/O."""

from collections.abc import Mapping
from typing import Any

import aio_pika
import msgspec
from aiormq import spec

from marketdata.errors import ContentError
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName

Properties = spec.Basic.Properties


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
