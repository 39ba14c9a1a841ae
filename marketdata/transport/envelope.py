"""What travels around a batch's body, and what a consumer concludes from it. Pure functions.

A stored batch is eight bytes, its received time in epoch milliseconds (big-endian, so that the queue
itself can tell its age without reading further), and then the `Batch` as a MessagePack map.
"""

import struct
from typing import Final

import msgspec

from marketdata.errors import ContentError
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueLimits, QueueName

NS_PER_MS: Final = 1_000_000
_RECEIVED_MS: Final = struct.Struct(">Q")
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Batch)


def encode(batch: Batch) -> bytes:
    """The batch as bytes that `decode` reads."""
    return _RECEIVED_MS.pack(batch.received_ns // NS_PER_MS) + _encoder.encode(batch)


def decode(data: bytes) -> Batch:
    """The batch in the bytes that `encode` made.

    Raises:
        ContentError: reason `malformed_batch`; something else wrote to the queue.
    """
    try:
        return _decoder.decode(memoryview(data)[_RECEIVED_MS.size :])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ContentError("malformed_batch", str(error)) from error


def oldest_received_ms(now_ns: int, limits: QueueLimits) -> int:
    """Batches received before this epoch millisecond are expired."""
    return now_ns // NS_PER_MS - limits.ttl_ms


def is_expired(batch: Batch, now_ns: int, limits: QueueLimits) -> bool:
    """Whether the batch is older than the limit, from its received time to `now_ns`."""
    return now_ns - batch.received_ns > limits.ttl_ms * NS_PER_MS


class SequenceGaps:
    """Counts the batches that one reader of a shard never saw.

    A publisher numbers its batches from 1 per (queue, shard); a hole between two that arrive is
    what the broker expired or pushed out of a full queue. What was lost before the
    first batch of a source is not known; a number that goes back is a redelivery or a
    restarted publisher, and no loss.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[QueueName, str], int] = {}

    def missing_before(self, batch: Batch) -> int:
        """How many batches of its queue and source are missing between the previous one and this one."""
        key = (batch.queue, batch.source)
        previous = self._newest.get(key, batch.sequence)
        self._newest[key] = batch.sequence
        return max(batch.sequence - previous - 1, 0)
