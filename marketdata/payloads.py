"""Versioned shapes that cross a process boundary after the queues.

One shape serves the whole way from processor to browser: the `RowBlock`, a set of
rows (one per symbol, or one per rank) held column by column. A processor's changed
rows, its whole shard, and a leaderboard are all row blocks; nobody builds an object
per row until the last step towards a browser.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.errors import ContentError

ROW_BLOCK_VERSION: Final = 1
UNKNOWN_PIECE_BYTES: Final = 4_096
"""How much of an unknown piece is kept."""

Column = NDArray[np.float64]


class RowBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of market state, column by column.

    `symbols[i]` and `columns[name][i]` describe row `i`. Numbers are float64; NaN means
    *absent*, which is not zero; epoch milliseconds and share counts are exact up to 2**53.

    `producer` names who made the block (`shard:0`, `scanners:top_gainers`), `epoch` is that
    process's start in epoch nanoseconds, and `tick` counts its publications from 1 without
    gaps: a reader that sees another epoch or skips a tick re-reads the stored whole.

    Times: `published_ns` our clock at publication; `received_ns` the newest received time of
    an event that is reflected in the block (0 when none); `market_time_ms` the newest event time.

    `shows_test_issues`: the processor's decision on whether its test issues stand on boards.
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
        )


class UnknownPiece(msgspec.Struct, array_like=True, frozen=True):
    """Something from the feed that is no event, or not one of its queue: byte for byte as it came.

    `reason` is one of `marketdata.codec.RejectReason`. Of a piece of more than 4 KiB, `raw` is the beginning;
    `byte_count` tells the whole length.
    """

    reason: str
    received_ns: int
    byte_count: int
    raw: bytes

    @classmethod
    def cut(cls, raw: bytes, *, reason: str, received_ns: int) -> "UnknownPiece":
        """A piece of any length, cut to what is kept of it."""
        return cls(reason, received_ns, len(raw), raw[:UNKNOWN_PIECE_BYTES])


class _WireBlock(msgspec.Struct, array_like=True, frozen=True):
    """The block as msgpack sees it: a header, the names, and one column-major float64 matrix."""

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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_WireBlock)
_unknown_decoder = msgspec.msgpack.Decoder(UnknownPiece)


def encode_unknown(piece: UnknownPiece) -> bytes:
    """The piece as bytes (msgpack)."""
    return _encoder.encode(piece)


def decode_unknown(data: bytes) -> UnknownPiece:
    """The piece that `encode_unknown` wrote.

    Raises:
        ContentError: with reason `unknown_piece` for foreign bytes.
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
        )
    )


def decode_row_block(data: bytes) -> RowBlock:
    """The block that `encode_row_block` wrote; its columns are read-only views into `data`.

    Raises:
        ContentError: with reason `row_block` for foreign bytes, another version, or a size that does not fit.
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
    )
