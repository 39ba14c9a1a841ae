"""Version 2 of the protocol: encodes the server's messages. `docs/protocol.md` is its specification."""

import functools
import math
from collections.abc import Sequence
from typing import ClassVar, Final, TypedDict, assert_never

import msgspec

from widgets.protocol.answers import Answer
from widgets.protocol.cells import Cells, cell_lists
from widgets.protocol.emissions import (
    EmittedRows,
    FeedAlert,
    FeedAppend,
    FeedDelta,
    FeedEmission,
    FeedSnapshot,
)
from widgets.protocol.version import ProtocolVersion

SUBPROTOCOL_V2: Final = "mdp.v2"

_encoder = msgspec.json.Encoder()
_NO_ROWS: Final = msgspec.Raw(b"[]")


class _Place(TypedDict):
    """The members that all frames of feeds have."""

    feed: str
    epoch: str
    prev: int | msgspec.UnsetType
    seq: int
    age_ms: int | None
    market_time_ms: int


class _Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    feed: str
    epoch: str
    prev: int | msgspec.UnsetType
    seq: int
    age_ms: int | None
    market_time_ms: int


class _Snapshot(_Frame, frozen=True, kw_only=True, tag="snapshot", gc=False):
    hz: float
    columns: Sequence[str]
    rows: msgspec.Raw
    limit: int | None = None


class _Delta(_Frame, frozen=True, kw_only=True, tag="delta", gc=False):
    rows: msgspec.Raw
    cells: list[Cells]
    order: Sequence[str | tuple[int, int]] | None = None


class _Alert(_Frame, frozen=True, kw_only=True, tag="alert", gc=False):
    rows: msgspec.Raw


class _Append(_Frame, frozen=True, kw_only=True, tag="append", gc=False):
    rows: msgspec.Raw


@functools.lru_cache(maxsize=64)
def _integer_columns(decimals: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(index for index, count in enumerate(decimals) if count == 0)


class Version2(ProtocolVersion):
    """`mdp.v2`: one JSON object in a text frame."""

    subprotocol: ClassVar[str] = SUBPROTOCOL_V2

    def encode_answer(self, answer: Answer) -> str:
        """The frame's text."""
        return _encoder.encode(answer).decode()

    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str:
        """The frame's text. The encoded rows are copied into it."""
        return _encoder.encode(self._frame(emission, now_ns)).decode()

    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """An array of `[symbol, value, ...]`.

        NaN and infinities become null. Columns with 0 decimals have integers. Other values become the
        shortest text that is read back as the same float64.
        """
        if not rows.symbols:
            return _NO_ROWS
        integers = _integer_columns(rows.decimals)
        if len(rows.symbols) == 1:  # most emissions are the row of one symbol: no list for each column
            (row,) = rows.values.tolist()
            for index in integers:
                row[index] = int(row[index]) if -math.inf < row[index] < math.inf else None
            return msgspec.Raw(_encoder.encode([[rows.symbols[0], *row]]))
        columns = rows.values.T.tolist()
        for index in integers:
            columns[index] = [
                int(number) if -math.inf < number < math.inf else None for number in columns[index]
            ]
        return msgspec.Raw(_encoder.encode(list(zip(rows.symbols, *columns, strict=True))))

    def _frame(self, emission: FeedEmission, now_ns: int) -> _Frame:
        at, rows = emission.position, self.rows_text(emission.rows)
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
                return _Delta(**place, rows=rows, cells=cell_lists(cells), order=order)
            case FeedSnapshot(hz=hz, limit=limit):
                return _Snapshot(**place, hz=hz, columns=emission.rows.columns, rows=rows, limit=limit)
            case FeedAppend():
                return _Append(**place, rows=rows)
            case FeedAlert():
                return _Alert(**place, rows=rows)
            case _:
                assert_never(emission)


VERSION_2: Final = Version2()
