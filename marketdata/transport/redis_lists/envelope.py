"""The stored form of a batch. No I/O.

A stored batch begins with its received time in epoch milliseconds: eight bytes, big-endian, so that a script
in the queue's server can compute the age without decoding the rest. The `Batch` follows as a MessagePack map.
"""

import struct
from typing import Final

import msgspec

from marketdata.errors import ContentError
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueLimits
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
