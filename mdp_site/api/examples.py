"""An example of each answer, encoded as the answers of operations are."""

from collections.abc import Mapping
from typing import Any, Final, TypedDict

import msgspec
import numpy as np

from marketdata.schema import Schema, Unit
from marketdata.schema.boards import Direction
from mdp_site.api import answers
from mdp_site.api.control.answers import AuditPage
from mdp_site.api.control.examples import AUDIT_CSV, CONTROL_EXAMPLES
from mdp_site.api.tables import csv_rows, json_rows
from widgets.data_state import DataState
from widgets.protocol import EmittedRows

_TIME_MS: Final = 1_795_000_000_000


class _Place(TypedDict):
    epoch: str
    seq: int
    market_time_ms: int
    age_ms: int | None
    state: DataState


_AT: Final[_Place] = {
    "epoch": "1795000000000000000.5f3a01c2",
    "seq": 41,
    "market_time_ms": _TIME_MS,
    "age_ms": 180,
    "state": DataState.LIVE,
}
_ROWS: Final = EmittedRows(
    ("AAPL", "XYZ"), ("close", "volume"), (4, 0), np.array([[190.2, 5.0], [3.5, np.nan]])
)
_TRADES: Final = EmittedRows(
    ("AAPL",),
    ("trade_price", "trade_size", "trade_timestamp"),
    (4, 6, 0),
    np.array([[190.2, 100.0, _TIME_MS]]),
)
_ROW: Final = msgspec.Raw(b'{"symbol":"AAPL","close":190.2,"volume":5}')
_COLUMN: Final = answers.ColumnDefinition(
    name="close",
    label="Price",
    unit=Unit.DOLLARS,
    decimals=4,
    description="The newest price",
    definition="close of the newest bar",
    codes={},
)
_QUOTE: Final = answers.QuoteAnswer(feed="quote:AAPL", **_AT, row=_ROW)

CSV_EXAMPLES: Final[Mapping[type[msgspec.Struct], str]] = {
    answers.TableAnswer: csv_rows(_ROWS).decode(),
    answers.ListAnswer: csv_rows(_ROWS).decode(),
    AuditPage: AUDIT_CSV,
}
"""The example of each answer that is also there as CSV."""

_EXAMPLES: Final = (
    answers.TableAnswer(feed="scanners:top_gainers", **_AT, columns=_ROWS.columns, rows=json_rows(_ROWS)),
    answers.ListAnswer(
        feed="trades:AAPL",
        **_AT,
        columns=_TRADES.columns,
        rows=json_rows(_TRADES),
        next_cursor="WyJ0cmFkZXMi",
    ),
    _QUOTE,
    answers.QuotesAnswer(state=DataState.LIVE, quotes=[_QUOTE], missing=["ZZZZ"]),
    answers.DataStatus(
        state=DataState.LIVE,
        age_ms=120,
        detail="The data is fresh.",
        opens_ms=None,
        feed_delay_ms=0,
        lost_events=0,
    ),
    _COLUMN,
    answers.ColumnList(columns=[_COLUMN]),
    answers.BoardList(
        boards=[
            answers.BoardDefinition(
                name="top_gainers",
                feed="scanners:top_gainers",
                label="Top gainers",
                description="Largest rise since the open, in percent",
                ranked_by="pct_change_since_open",
                direction=Direction.HIGHEST_FIRST,
                columns=("pct_change_since_open", "close"),
            )
        ]
    ),
    answers.AlertLists(
        alerts=[
            answers.AlertDefinition(
                name="daily_range_hod_alert",
                label="New highs",
                description="A new high of the day",
                columns=("price", "level"),
            )
        ]
    ),
    answers.FeedList(
        feeds=[
            answers.FeedDefinition(
                name="quote:{symbol}",
                permission="quotes",
                permitted=True,
                columns=("close", "volume"),
                most_columns=None,
                fastest_hz=10,
            )
        ]
    ),
    answers.OpenApiDocument(openapi="3.1.0", info={"title": "Market Data Platform"}, paths={}),
)

EXAMPLES: Final[Mapping[type[msgspec.Struct], Any]] = {
    type(each): msgspec.json.decode(msgspec.json.encode(each)) for each in (*_EXAMPLES, *CONTROL_EXAMPLES)
}
"""The example of each answer, as JSON values."""


def row_schema(schema: Schema) -> dict[str, Any]:
    """The schema of a row: a symbol, and values of some of the columns."""
    members: dict[str, Any] = {
        "symbol": {"type": "string", "description": "The symbol.", "examples": ["AAPL"]}
    }
    for name, info in schema.shown.items():
        kind = "number" if info.decimals else "integer"
        description = f"{info.description} ({info.unit.value})"
        members[name] = {"type": [kind, "null"], "description": description}
        if info.codes:
            codes = ", ".join(f"{code} {meaning}" for code, meaning in info.codes.items())
            members[name]["description"] = f"{description}: {codes}"
    return {
        "type": "object",
        "title": answers.ROW_SCHEMA,
        "description": "A symbol with a member for each of the answer's columns. Null: the value is absent, "
        "which is not zero.",
        "properties": members,
        "required": ["symbol"],
        "additionalProperties": False,
        "examples": [{"symbol": "AAPL", "close": 190.2, "volume": 5}],
    }
