"""Versioned payloads that cross process boundaries after the queues.

All processes from processor to browser use one payload, the `RowBlock`: rows (one per symbol, or one per
rank), stored column by column. A processor's changed rows, its whole shard, and a leaderboard are row blocks.
Only the last step before a browser makes an object for each row.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.errors import ContentError

ROW_BLOCK_VERSION: Final = 1
UNKNOWN_PIECE_BYTES: Final = 4_096
"""At most so much of an unknown piece is kept."""

Column = NDArray[np.float64]


class RowBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of market state, column by column.

    `symbols[i]` and `columns[name][i]` describe row `i`. Numbers are float64. NaN means *absent*, which is
    not zero. Epoch milliseconds and share counts are exact up to 2**53.

    `producer` is the name of the block's source (`shard:0`, `scanners:top_gainers`). `epoch` is the start of
    that producer in epoch nanoseconds, and `tick` numbers its publications from 1 without gaps. A reader that
    sees a new epoch or misses a tick reads the whole stored block.

    Times: `published_ns` is our clock at publication; `received_ns` is the newest received time of an event
    that the block reflects (0 for none); `market_time_ms` is the newest event time.

    `shows_test_issues`: whether boards may show the processor's test issues.

    `off` are the columns that operators have switched off: they are absent. `off_streams` are the streams to
    which nothing is emitted now. `partial` are columns that were switched on again, each with the market
    time (epoch ms) since which it counts: until it has seen what it needs, it may be wrong.
    """

    producer: str
    epoch: int
    tick: int
    published_ns: int
    received_ns: int
    market_time_ms: int
    symbols: tuple[str, ...]
    columns: Mapping[str, Column]
    shows_test_issues: bool = False
    off: tuple[str, ...] = ()
    off_streams: tuple[str, ...] = ()
    partial: Mapping[str, int] = MappingProxyType({})

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.symbols)

    def rows(self) -> Iterator[dict[str, float | str | None]]:
        """Each row as a plain mapping with `symbol`; absent values are None. For small blocks only."""
        names = tuple(self.columns)
        values = [self.columns[name].tolist() for name in names]
        for index, symbol in enumerate(self.symbols):
            row: dict[str, float | str | None] = {"symbol": symbol}
            for name, column in zip(names, values, strict=True):
                value = column[index]
                row[name] = None if value != value else value  # noqa: PLR0124 - NaN is the one value unlike itself
            yield row


class TickHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What the row blocks of one tick have in common; `RowBlock` says what each field means."""

    producer: str
    epoch: int
    tick: int
    published_ns: int
    received_ns: int
    market_time_ms: int
    shows_test_issues: bool
    off: tuple[str, ...] = ()
    off_streams: tuple[str, ...] = ()
    partial: Mapping[str, int] = MappingProxyType({})

    def block(self, symbols: Sequence[str], columns: Mapping[str, Column]) -> RowBlock:
        """A block under this header."""
        return RowBlock(
            producer=self.producer,
            epoch=self.epoch,
            tick=self.tick,
            published_ns=self.published_ns,
            received_ns=self.received_ns,
            market_time_ms=self.market_time_ms,
            symbols=tuple(symbols),
            columns=columns,
            shows_test_issues=self.shows_test_issues,
            off=self.off,
            off_streams=self.off_streams,
            partial=self.partial,
        )


class UnknownPiece(msgspec.Struct, array_like=True, frozen=True):
    """Bytes from the feed that are not an event, or an event of another queue; unchanged.

    `reason` is one of `marketdata.codec.RejectReason`. `raw` is limited to the first 4 KiB; `byte_count` is
    the complete length.
    """

    reason: str
    received_ns: int
    byte_count: int
    raw: bytes

    @classmethod
    def cut(cls, raw: bytes, *, reason: str, received_ns: int) -> "UnknownPiece":
        """A piece of any length, cut to `UNKNOWN_PIECE_BYTES`."""
        return cls(reason, received_ns, len(raw), raw[:UNKNOWN_PIECE_BYTES])


class _WireBlock(msgspec.Struct, array_like=True, frozen=True):
    """The block in msgpack: a header, the names, and one column-major float64 matrix."""

    version: int
    producer: str
    epoch: int
    tick: int
    published_ns: int
    received_ns: int
    market_time_ms: int
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    matrix: bytes
    shows_test_issues: bool = False
    off: tuple[str, ...] = ()
    off_streams: tuple[str, ...] = ()
    partial: dict[str, int] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_WireBlock)
_unknown_decoder = msgspec.msgpack.Decoder(UnknownPiece)


def encode_unknown(piece: UnknownPiece) -> bytes:
    """The piece as bytes (msgpack)."""
    return _encoder.encode(piece)


def decode_unknown(data: bytes) -> UnknownPiece:
    """The piece that `encode_unknown` wrote.

    Raises:
        ContentError: reason `unknown_piece`; the bytes are not such a piece.
    """
    try:
        return _unknown_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ContentError("unknown_piece", str(error)) from error


def encode_row_block(block: RowBlock) -> bytes:
    """The block as bytes (msgpack header, little-endian float64 columns one after the other)."""
    names = tuple(block.columns)
    matrix = np.empty((len(names), len(block.symbols)), dtype="<f8")
    for index, name in enumerate(names):
        matrix[index] = block.columns[name]
    return _encoder.encode(
        _WireBlock(
            ROW_BLOCK_VERSION,
            block.producer,
            block.epoch,
            block.tick,
            block.published_ns,
            block.received_ns,
            block.market_time_ms,
            block.symbols,
            names,
            matrix.ravel().view(np.uint8).data,  # type: ignore[arg-type] # encoded like bytes, without a copy
            block.shows_test_issues,
            block.off,
            block.off_streams,
            dict(block.partial),
        )
    )


def block_beginning(producer: str, epoch: int, tick: int) -> bytes:
    """The first bytes of every block that this producer made at this tick."""
    header = (ROW_BLOCK_VERSION, producer, epoch, tick)
    block = _encoder.encode(_WireBlock(*header, 0, 0, 0, (), (), b""))
    # Both arrays have less than 16 elements, so their lengths take one byte each.
    return block[: len(_encoder.encode(header))]


def decode_row_block(data: bytes) -> RowBlock:
    """The block that `encode_row_block` wrote; its columns are read-only views into `data`.

    Raises:
        ContentError: reason `row_block`; the bytes are not a block, have another version, or a wrong size.
    """
    try:
        wire = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("row_block", str(error)) from error
    if wire.version != ROW_BLOCK_VERSION:
        raise ContentError("row_block", f"version {wire.version}, this program reads {ROW_BLOCK_VERSION}")
    if len(wire.matrix) != 8 * len(wire.names) * len(wire.symbols):
        raise ContentError("row_block", "matrix size does not match symbols and names")
    matrix = np.frombuffer(wire.matrix, dtype="<f8").reshape(len(wire.names), len(wire.symbols))
    return RowBlock(
        producer=wire.producer,
        epoch=wire.epoch,
        tick=wire.tick,
        published_ns=wire.published_ns,
        received_ns=wire.received_ns,
        market_time_ms=wire.market_time_ms,
        symbols=wire.symbols,
        columns=dict(zip(wire.names, matrix, strict=True)),
        shows_test_issues=wire.shows_test_issues,
        off=wire.off,
        off_streams=wire.off_streams,
        partial=wire.partial,
    )
