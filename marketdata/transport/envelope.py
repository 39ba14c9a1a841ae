"""The stored form of a batch, its age, and gaps in the sequence numbers. No I/O.

A stored batch begins with its received time in epoch milliseconds: eight bytes, big-endian, so that a script
in the queue's server can compute the age without decoding the rest. The `Batch` follows as a MessagePack map.
"""

import struct
from typing import Final

import msgspec

from marketdata.errors import ContentError
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.units import NS_PER_MS

_RECEIVED_MS: Final = struct.Struct(">Q")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Batch)


def encode(batch: Batch) -> bytes:
    """The batch as bytes that `decode` reads."""
    return _RECEIVED_MS.pack(batch.received_ns // NS_PER_MS) + _encoder.encode(batch)


def decode(data: bytes) -> Batch:
    """The batch in the bytes that `encode` made.

    Raises:
        ContentError: reason `malformed_batch`; the bytes are not a batch.
    """
    try:
        return _decoder.decode(memoryview(data)[_RECEIVED_MS.size :])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ContentError("malformed_batch", str(error)) from error


def oldest_received_ms(now_ns: int, limits: QueueLimits) -> int:
    """The oldest received time, in epoch milliseconds, that has not expired."""
    return now_ns // NS_PER_MS - limits.ttl_ms


def is_expired(batch: Batch, now_ns: int, limits: QueueLimits) -> bool:
    """Whether the batch is older than the limit, from its received time to `now_ns`."""
    return now_ns - batch.received_ns > limits.ttl_ms * NS_PER_MS


class SequenceGaps:
    """Counts the batches that one reader of a shard never received.

    A publisher numbers its batches from 1 per (queue, shard). A gap between two arrivals means that the
    broker expired batches or dropped them from a full queue. Batches lost before the first one of
    a source remain unknown. A number that goes back is a redelivery or a restarted publisher, not a loss.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[QueueName, str], int] = {}

    def missing_before(self, batch: Batch) -> int:
        """How many batches are missing between the previous one of this queue and source and this one."""
        key = (batch.queue, batch.source)
        previous = self._newest.get(key, batch.sequence)
        self._newest[key] = batch.sequence
        return max(batch.sequence - previous - 1, 0)
