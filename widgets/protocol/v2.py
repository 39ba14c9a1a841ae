"""Version 2 of the protocol in JSON: encodes the server's messages, and parses a client's.

`docs/protocol.md` is its specification.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias, TypedDict, assert_never

import msgspec
import numpy as np

from widgets.protocol.answers import Answer
from widgets.protocol.emissions import (
    EmittedCells,
    EmittedRows,
    FeedAlert,
    FeedAppend,
    FeedDelta,
    FeedEmission,
    FeedSnapshot,
)
from widgets.protocol.messages import ACCEPTED, ClientMessage, ErrorCode, ProtocolError, parse_message
from widgets.protocol.version import ProtocolVersion

SUBPROTOCOL_V2: Final = "mdp.v2"

_encoder = msgspec.json.Encoder()
_NO_ROWS: Final = msgspec.Raw(b"[]")


Cells: TypeAlias = list[int | float | None]

MASK_COLUMNS: Final = 30
"""How many columns one mask covers: a client's JavaScript has bitwise operators for 32-bit integers."""

_BITS: Final = 1 << np.arange(MASK_COLUMNS, dtype=np.int64)


def cell_lists(cells: EmittedCells) -> list[Cells]:
    """A list for each changed row: its place, its masks, and the changed values in the order of the columns.

    Bit `i` of mask `m` is set if column `30 * m + i` changed. NaN and infinities become None. Columns with 0
    decimals have integers.
    """
    if not len(cells.places):
        return []
    if len(cells.places) == 1:  # most emissions change the row of one symbol: no arrays for a few values
        return [_one_row(cells)]
    rows, columns = np.nonzero(cells.differ)
    changed = cells.values[rows, columns]
    values: Cells = changed.tolist()
    finite = np.isfinite(changed)
    integers = np.flatnonzero(finite & (np.array(cells.decimals) == 0)[columns])
    for index, number in zip(integers.tolist(), changed[integers].astype(np.int64).tolist(), strict=True):
        values[index] = number
    if not finite.all():
        for index in np.flatnonzero(~finite).tolist():
            values[index] = None
    masks = [
        (cells.differ[:, start : start + MASK_COLUMNS] @ _BITS[: cells.differ.shape[1] - start]).tolist()
        for start in range(0, cells.differ.shape[1], MASK_COLUMNS)
    ]
    ends = np.cumsum(np.count_nonzero(cells.differ, axis=1)).tolist()
    return [
        [place, *mask, *values[start:end]]
        for place, mask, start, end in zip(
            cells.places.tolist(), zip(*masks, strict=True), [0, *ends], ends, strict=False
        )
    ]


def _one_row(cells: EmittedCells) -> Cells:
    masks = [0] * -(-len(cells.decimals) // MASK_COLUMNS)
    values: Cells = []
    row = cells.values[0].tolist()
    for column in np.flatnonzero(cells.differ[0]).tolist():
        masks[column // MASK_COLUMNS] |= 1 << column % MASK_COLUMNS
        value = row[column]
        if not -math.inf < value < math.inf:
            value = None
        elif not cells.decimals[column]:
            value = int(value)
        values.append(value)
    return [int(cells.places[0]), *masks, *values]


class _Place(TypedDict):
    """The values of these members."""

    feed: str
    epoch: str
    prev: int | msgspec.UnsetType
    seq: int
    age_ms: int | None
    market_time_ms: int


class FeedFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The members that all frames of feeds have."""

    feed: str
    epoch: str
    prev: int | msgspec.UnsetType
    seq: int
    age_ms: int | None
    market_time_ms: int


class SnapshotFrame(FeedFrame, frozen=True, kw_only=True, tag="snapshot", gc=False):
    """All rows of a feed. It replaces everything that the client holds for the feed."""

    hz: float
    columns: Sequence[str]
    rows: msgspec.Raw
    limit: int | None = None
    off: Sequence[str] | None = None
    partial: Mapping[str, int] | None = None


class DocumentFrame(FeedFrame, frozen=True, kw_only=True, tag="document", gc=False):
    """The whole state of a feed that has no rows. It replaces the document that the client holds."""

    hz: float
    document: Any


class DeltaFrame(FeedFrame, frozen=True, kw_only=True, tag="delta", gc=False):
    """Changes of a table. Apply `cells`, then `order`, with the new symbols of `rows`."""

    rows: msgspec.Raw
    cells: list[Cells]
    order: Sequence[str | tuple[int, int]] | None = None


class AlertFrame(FeedFrame, frozen=True, kw_only=True, tag="alert", gc=False):
    """New entries of a list of alerts or halts. Add them at the end; keep the newest `limit` rows."""

    rows: msgspec.Raw


class AppendFrame(FeedFrame, frozen=True, kw_only=True, tag="append", gc=False):
    """New trades of a symbol. Add them at the end; keep the newest `limit` rows."""

    rows: msgspec.Raw


FEED_FRAMES: Final[tuple[type[FeedFrame], ...]] = (
    SnapshotFrame,
    DocumentFrame,
    DeltaFrame,
    AlertFrame,
    AppendFrame,
)


@functools.lru_cache(maxsize=64)
def _integer_columns(decimals: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(index for index, count in enumerate(decimals) if count == 0)


def row_lists(rows: EmittedRows) -> list[Sequence[Any]]:
    """The rows as `[symbol, value, ...]`. Columns with 0 decimals have integers, or None in place of NaN.

    The other columns keep NaN and infinities.
    """
    integers = _integer_columns(rows.decimals)
    if len(rows.symbols) == 1:  # most emissions are the row of one symbol: no list for each column
        (row,) = rows.values.tolist()
        for index in integers:
            row[index] = int(row[index]) if -math.inf < row[index] < math.inf else None
        return [[rows.symbols[0], *row]]
    columns = rows.values.T.tolist()
    for index in integers:
        columns[index] = [int(number) if -math.inf < number < math.inf else None for number in columns[index]]
    return list(zip(rows.symbols, *columns, strict=True))


def feed_frame(emission: FeedEmission, rows: msgspec.Raw, now_ns: int) -> FeedFrame:
    """The frame of an emission that is sent now, with its encoded rows."""
    at = emission.position
    place: _Place = {
        "feed": at.feed,
        "epoch": at.epoch,
        "prev": msgspec.UNSET if at.prev is None else at.prev,
        "seq": at.seq,
        "age_ms": at.age_ms(now_ns),
        "market_time_ms": at.market_time_ms,
    }
    match emission:
        case FeedDelta(cells=cells, order=order):
            return DeltaFrame(**place, rows=rows, cells=cell_lists(cells), order=order)
        case FeedSnapshot(hz=hz, document=document) if document is not None:
            return DocumentFrame(**place, hz=hz, document=document)
        case FeedSnapshot(hz=hz, limit=limit, marks=marks):
            return SnapshotFrame(
                **place,
                hz=hz,
                columns=emission.rows.columns,
                rows=rows,
                limit=limit,
                off=marks.off or None,
                partial=marks.partial or None,
            )
        case FeedAppend():
            return AppendFrame(**place, rows=rows)
        case FeedAlert():
            return AlertFrame(**place, rows=rows)
        case _:
            assert_never(emission)


class Version2(ProtocolVersion):
    """`mdp.v2`: one JSON object in a text frame."""

    subprotocol: ClassVar[str] = SUBPROTOCOL_V2

    def parse(self, payload: str | bytes) -> ClientMessage:
        """The message in a client's frame.

        Raises:
            ProtocolError: the frame is not of this version's kind, or its message is not accepted.
        """
        if isinstance(payload, bytes):
            text = f"a binary frame of {len(payload)} bytes; accepted is {ACCEPTED}"
            raise ProtocolError(ErrorCode.BAD_MESSAGE, text)
        return parse_message(payload)

    def encode_answer(self, answer: Answer) -> str:
        """The frame's text."""
        return _encoder.encode(answer).decode()

    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str:
        """The frame's text. The encoded rows are copied into it."""
        return _encoder.encode(feed_frame(emission, self.rows_text(emission.rows), now_ns)).decode()

    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """An array of `[symbol, value, ...]`.

        NaN and infinities become null. Columns with 0 decimals have integers. Other values become the
        shortest text that is read back as the same float64.
        """
        return msgspec.Raw(_encoder.encode(row_lists(rows))) if rows.symbols else _NO_ROWS


VERSION_2: Final = Version2()
