"""Queue names, shards and limits."""

import enum
import functools
import zlib
from typing import Final

import msgspec

from marketdata.units import MS_PER_HOUR

DEFAULT_TTL_MS: Final = 5_000
LONGEST_TTL_MS: Final = MS_PER_HOUR
DEFAULT_MAX_BATCHES: Final = 20_000


class QueueName(enum.StrEnum):
    """The event classes that have a queue of their own."""

    AGGREGATE = "aggregate"
    TRADES = "trades"
    QUOTES = "quotes"
    HALTS = "halts"
    UNKNOWN = "unknown"


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of every queue, the same on both transports.

    `ttl_ms`: a batch older than this (received time to now) is dropped and counted as expired.
    `max_batches`: per queue and shard. A full queue drops its *oldest* batch, which is counted as dropped.
    """

    ttl_ms: int = DEFAULT_TTL_MS
    max_batches: int = DEFAULT_MAX_BATCHES


@functools.lru_cache(maxsize=65_536)
def shard_of(symbol: str, shard_count: int) -> int:
    """The shard of a symbol: CRC-32 modulo the count, which is the same in every process on every machine."""
    return zlib.crc32(symbol.encode()) % shard_count
