"""Version 2 of the protocol, towards the client: `docs/protocol.md` is its specification."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Final, assert_never

import msgspec

from widgets.protocol.answers import Answer
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


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    feed: str
    epoch: str
    seq: int
    age_ms: int | None
    market_time_ms: int


class _Snapshot(_Frame, frozen=True, tag="snapshot", kw_only=True, omit_defaults=True):
    columns: Sequence[str]
    rows: msgspec.Raw
    limit: int | None = None


class _Delta(_Frame, frozen=True, tag="delta", kw_only=True, omit_defaults=True):
    rows: msgspec.Raw
    removed: Sequence[str]
    order: Sequence[str] | None = None


class _Alert(_Frame, frozen=True, tag="alert", kw_only=True):
    rows: msgspec.Raw


class _Append(_Frame, frozen=True, tag="append", kw_only=True):
    rows: msgspec.Raw


class Version2(ProtocolVersion):
    """`mdp.v2`: one JSON object in a text frame."""

    subprotocol: ClassVar[str] = SUBPROTOCOL_V2

    def encode_answer(self, answer: Answer) -> str:
        """The frame's text."""
        return _encoder.encode(answer).decode()

    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str:
        """The frame's text; its encoded rows are copied in as they are."""
        return _encoder.encode(self._frame(emission, now_ns)).decode()

    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """An array of `[symbol, value, ...]`.

        NaN and infinities become null. Columns with 0 decimals hold integers; the others become the
        shortest text that reads back as the same float64.
        """
        columns = rows.values.T.tolist()
        for index, decimals in enumerate(rows.decimals):
            if decimals == 0:
                columns[index] = [int(number) if math.isfinite(number) else None for number in columns[index]]
        return msgspec.Raw(_encoder.encode(list(zip(rows.symbols, *columns, strict=True))))

    def _frame(self, emission: FeedEmission, now_ns: int) -> _Frame:
        fields: dict[str, Any] = {
            "feed": emission.feed,
            "epoch": emission.epoch,
            "seq": emission.seq,
            "age_ms": emission.age_ms(now_ns),
            "market_time_ms": emission.market_time_ms,
            "rows": self.rows_text(emission.rows),
        }
        match emission:
            case FeedSnapshot():
                return _Snapshot(**fields, columns=emission.rows.columns, limit=emission.limit)
            case FeedDelta():
                return _Delta(**fields, removed=emission.removed, order=emission.order)
            case FeedAppend():
                return _Append(**fields)
            case FeedAlert():
                return _Alert(**fields)
            case _:
                assert_never(emission)


VERSION_2: Final = Version2()
