"""The format of a symbol's *tape*, the newest trades of its day, in memory and in the cache.

A tape is a set: a trade that arrives twice is on it once, and the order of arrival does not matter. Two
trades are the same if time, sequence number, price, size and identity are equal; trades are sorted by these
fields, so the newest are the greatest. In the cache a tape is one string: a header, and then a ring of
records, in which a processor overwrites only changed records. The order of the records shows where the ring
begins.
"""

import struct
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.errors import ContentError
from marketdata.payloads import Column

TAPE_TRADES: Final = 1_000

RECORD: Final = np.dtype([("moment", "<i8"), ("price", "<f8"), ("size", "<i8"), ("identity", "<i8")])
"""One trade: moment (see `moments`), dollars a share, and millionths of a share, so that sums are exact.

The identity is a digest of the other fields that distinguish two trades: id, exchange and tape.
"""

ORDER: Final = tuple(RECORD.names or ())
"""The fields by which records are sorted, the first field first."""

RECORD_BYTES: Final = RECORD.itemsize
MILLIONTHS: Final = 1_000_000
GREATEST_SIZE: Final = 2**53  # millionths: 9 billion shares, beyond which a float is not exact

_SEQUENCE_BITS: Final = 33
GREATEST_SEQUENCE_NUMBER: Final = 2**_SEQUENCE_BITS - 1

_HEADER: Final = struct.Struct("<4sIq")
_MAGIC: Final = b"tape"
_VERSION: Final = 2
HEADER_BYTES: Final = _HEADER.size

Records = NDArray[np.void]
Moments = NDArray[np.int64]


class TapeWrites(msgspec.Struct, frozen=True):
    """Writes into stored tapes: `parts[i]` into the tape of `symbols[i]`, from byte `offsets[i]` on.

    With offset 0 the part replaces the whole string. A symbol may occur twice.
    """

    symbols: Sequence[str]
    offsets: Sequence[int]
    parts: Sequence[bytes]

    def __len__(self) -> int:
        """Number of parts."""
        return len(self.symbols)


class TapeTick(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of a shard's tapes in one tick.

    `completes`: after these writes all tapes of the day are stored, and the mark for that is to be written.
    """

    day_start_ms: int
    writes: TapeWrites
    completes: bool


class StoredTape(msgspec.Struct, frozen=True):
    """A tape as it is stored: the start of its trading day (epoch ms), and its ring, slot by slot."""

    day_start_ms: int
    ring: Records


class TradeTape(msgspec.Struct, frozen=True):
    """Trades, column by column: dollars a share, shares with their fraction, epoch milliseconds."""

    prices: Column
    sizes: Column
    timestamps: NDArray[np.int64]
    sequence_numbers: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of trades."""
        return len(self.prices)


def moments(times_ms: NDArray[np.int64], sequence_numbers: NDArray[np.int64], day_start_ms: int) -> Moments:
    """Time since the start of the day and sequence number, packed into one integer with the same order.

    Sequence numbers restart every day and stay far below 2**33; a greater one counts as the greatest.
    """
    bounded = np.minimum(sequence_numbers, GREATEST_SEQUENCE_NUMBER)
    packed: Moments = ((times_ms - day_start_ms) << _SEQUENCE_BITS) | bounded
    return packed


def moments_from(times_ms: NDArray[np.int64], day_start_ms: int) -> Moments:
    """The smallest moment of each time."""
    smallest: Moments = (times_ms - day_start_ms) << _SEQUENCE_BITS
    return smallest


def records_of(
    times_ms: NDArray[np.int64],
    sequence_numbers: NDArray[np.int64],
    prices: Column,
    sizes_shares: Column,
    identities: Column | NDArray[np.int64],
    *,
    day_start_ms: int,
) -> Records:
    """Trades as records, in the same order."""
    records = np.empty(len(times_ms), dtype=RECORD)
    records["moment"] = moments(times_ms, sequence_numbers, day_start_ms)
    records["price"] = prices
    records["size"] = np.minimum(np.rint(sizes_shares * MILLIONTHS), GREATEST_SIZE)
    records["identity"] = identities
    return records


def times_of(moments_: Moments, day_start_ms: int) -> NDArray[np.int64]:
    """The times in epoch milliseconds."""
    times: NDArray[np.int64] = (moments_ >> _SEQUENCE_BITS) + day_start_ms
    return times


def trades_of(records: Records, day_start_ms: int) -> TradeTape:
    """The trades in the records, in the same order."""
    return TradeTape(
        prices=records["price"].astype(np.float64),
        sizes=records["size"] / MILLIONTHS,
        timestamps=times_of(records["moment"], day_start_ms),
        sequence_numbers=records["moment"] & GREATEST_SEQUENCE_NUMBER,
    )


def newest_first(tape: StoredTape) -> TradeTape:
    """The trades of a stored tape, newest first."""
    return trades_of(in_order(tape.ring)[::-1], tape.day_start_ms)


def in_order(records: Records) -> Records:
    """The records, oldest first."""
    ordered: Records = records[np.lexsort([records[field] for field in reversed(ORDER)])]
    return ordered


def encode_header(day_start_ms: int) -> bytes:
    """The header of a stored tape. It is also the mark that all tapes of the day are stored."""
    return _HEADER.pack(_MAGIC, _VERSION, day_start_ms)


def decode_day(data: bytes) -> int | None:
    """The start of the day in a header, epoch ms; None for other bytes."""
    try:
        return decode_tape(data).day_start_ms
    except ContentError:
        return None


def decode_tape(data: bytes) -> StoredTape:
    """A stored tape; the ring is a read-only view into `data`.

    Raises:
        ContentError: reason `tape`; the bytes are not a tape, have another version, or a wrong size.
    """
    body = len(data) - HEADER_BYTES
    if not 0 <= body <= TAPE_TRADES * RECORD_BYTES or body % RECORD_BYTES:
        raise ContentError("tape", f"{len(data)} bytes are no header and up to {TAPE_TRADES} records")
    magic, version, day_start_ms = _HEADER.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise ContentError("tape", f"begins with {magic!r}, version {version}, not {_MAGIC!r}, {_VERSION}")
    return StoredTape(day_start_ms, np.frombuffer(data, dtype=RECORD, offset=HEADER_BYTES))
