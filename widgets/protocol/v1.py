"""Version 1 of the protocol, for existing clients: bare payloads. `docs/protocol-v1.md` specifies it.

A payload is an object with named values, or an array of such objects. It does not say its feed.

- A board is an array of all its rows in rank order, each time.
- The row of a symbol is one object, each time.
- All rows (`quote:*`) are an array of the rows that changed.
- An entry of a list is one object, and is sent once.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec
import numpy as np

from marketdata.schema.boards import LEADERBOARD_COLUMNS
from widgets.protocol.answers import Answer
from widgets.protocol.emissions import (
    EmittedRows,
    FeedAlert,
    FeedAppend,
    FeedDelta,
    FeedEmission,
    FeedSnapshot,
)
from widgets.protocol.v1_messages import CacheAnswer, StatusAnswer
from widgets.protocol.version import ProtocolVersion
from widgets.wire import PreparedFrame

LEADERBOARDS: Final = "scanners:top_"
ALL_SYMBOLS: Final = ":*"
LEADERBOARD_FIELDS: Final = ("rank", "symbol", *LEADERBOARD_COLUMNS)
"""The fields of a row of a leaderboard, which existing clients know. Those that the board lacks are null."""

_EMPTY_ROW: Final = dict.fromkeys(LEADERBOARD_FIELDS)
_encoder = msgspec.json.Encoder()


class Version1(ProtocolVersion):
    """No subprotocol: bare JSON payloads in text frames."""

    subprotocol: ClassVar[str] = ""
    sends_entries: ClassVar[bool] = True
    sends_status: ClassVar[bool] = False

    def encode_answer(self, answer: Answer) -> str:
        """The bare members of an answer."""
        members = msgspec.to_builtins(answer)
        del members["type"]
        return _encoder.encode(members).decode()

    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str:
        """The payload of an emission: a whole feed, or the changed rows of it."""
        del now_ns  # payloads have no age
        if isinstance(emission, FeedSnapshot):
            return bytes(_state_text(emission)).decode()
        rows = _changed(emission) if isinstance(emission, FeedDelta) else objects(emission.rows)
        return _encoder.encode(rows).decode()

    def update(
        self, emission: FeedEmission, before: FeedSnapshot | None, now_ns: int
    ) -> tuple[PreparedFrame, ...] | None:
        """The changed rows of all symbols, or the new entries of a list. None: a table is sent whole."""
        match emission:
            case FeedAlert(rows=rows) | FeedAppend(rows=rows):
                return _entries(objects(rows))
            case FeedSnapshot(limit=int()):
                # Entries were missed, or one came late. Before the first state of a list there is none to
                # which its entries would be new.
                return () if before is None else _entries(_added(before.rows, emission.rows))
            case FeedDelta() if emission.position.feed.endswith(ALL_SYMBOLS):
                return (PreparedFrame(self.encode_emission(emission, now_ns)),)
            case _:
                return None

    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """An array of objects with a symbol and the named values."""
        return msgspec.Raw(_encoder.encode(objects(rows)))


VERSION_1: Final = Version1()


def status_frame(answer: StatusAnswer) -> PreparedFrame:
    """The frame of an answer to a message."""
    return PreparedFrame(_encoder.encode(answer).decode())


def cache_frame(cache: str, data: FeedSnapshot | Answer | None, limit: int) -> PreparedFrame:
    """The frame of the answer to `get`: the first rows of a table, the newest entries of a list, or a row.

    The data is null if there is none: nothing was read, or the symbol has no row.
    """
    if data is None or (isinstance(data, FeedSnapshot) and _is_absent_row(data)):
        text = msgspec.Raw(b"null")
    elif isinstance(data, FeedSnapshot):
        text = _state_text(data, limit)
    else:
        text = msgspec.Raw(VERSION_1.encode_answer(data).encode())
    return PreparedFrame(_encoder.encode(CacheAnswer(cache, text)).decode())


def objects(rows: EmittedRows) -> list[dict[str, Any]]:
    """The rows as objects. NaN and infinities become None; columns with 0 decimals have integers."""
    columns = rows.values.T.tolist()
    for index, decimals in enumerate(rows.decimals):
        convert = int if decimals == 0 else float
        columns[index] = [
            convert(number) if -math.inf < number < math.inf else None for number in columns[index]
        ]
    names = ("symbol", *rows.columns)
    return [dict(zip(names, row, strict=True)) for row in zip(rows.symbols, *columns, strict=True)]


def _state_text(state: FeedSnapshot, most_rows: int | None = None) -> msgspec.Raw:
    rows, is_list = state.rows, state.limit is not None
    if most_rows is not None and most_rows < len(rows.symbols):
        part = slice(-most_rows, None) if is_list else slice(most_rows)
        rows = EmittedRows(rows.symbols[part], rows.columns, rows.decimals, rows.values[part])
    feed = state.position.feed
    if state.document is not None:
        return msgspec.Raw(_encoder.encode(state.document))
    if is_list or feed.endswith(ALL_SYMBOLS):
        return VERSION_1.rows_text(rows)
    if state.symbol:
        row = objects(rows)[0] if rows.symbols else _absent(state.symbol, rows.columns)
        return msgspec.Raw(_encoder.encode(row))
    ranked = [{"rank": rank} | row for rank, row in enumerate(objects(rows), 1)]
    if feed.startswith(LEADERBOARDS):
        ranked = [_EMPTY_ROW | row for row in ranked]
    return msgspec.Raw(_encoder.encode(ranked))


def _is_absent_row(state: FeedSnapshot) -> bool:
    """Whether this is the state of a symbol that has no row."""
    return bool(state.symbol) and state.limit is None and not state.rows.symbols


def _absent(symbol: str, columns: Sequence[str]) -> dict[str, Any]:
    """The row of a symbol that has none (any more)."""
    return {"symbol": symbol, **dict.fromkeys(columns)}


def _changed(delta: FeedDelta) -> list[dict[str, Any]]:
    """The whole rows that a delta changes or adds, and a row without values for each that is gone."""
    before, cells, rows = delta.symbols_before, delta.cells, delta.rows
    places = cells.places.tolist()
    symbols = [before[place] for place in places]
    changed = objects(EmittedRows(symbols, rows.columns, cells.decimals, cells.values))
    if delta.order is None:
        return changed + objects(rows)
    stays = np.zeros(len(before), dtype=bool)
    for part in delta.order:
        if not isinstance(part, str):
            stays[part[0] : sum(part)] = True
    gone = [_absent(before[place], rows.columns) for place in np.flatnonzero(~stays).tolist()]
    return changed + objects(rows) + gone


def _added(before: EmittedRows, after: EmittedRows) -> list[dict[str, Any]]:
    """The entries of a list that it did not have before, oldest first."""
    known = Counter(zip(before.symbols, map(bytes, before.values), strict=True))
    added = []
    for place, entry in enumerate(zip(after.symbols, map(bytes, after.values), strict=True)):
        if known[entry]:
            known[entry] -= 1
        else:
            added.append(place)
    symbols = [after.symbols[place] for place in added]
    return objects(EmittedRows(symbols, after.columns, after.decimals, after.values[added]))


def _entries(entries: Sequence[dict[str, Any]]) -> tuple[PreparedFrame, ...]:
    return tuple(PreparedFrame(_encoder.encode(entry).decode()) for entry in entries)
