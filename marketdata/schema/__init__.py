"""The schema: all columns, boards, streams and symbol feeds of the platform, each declared once.

An analyzer declares its columns, streams and feeds in its own file, with the types of `columns`, `streams`
and `symbol_feeds`. The boards are declared in `boards`. `assembly` combines and checks all declarations.
`export` writes them (`make schema`) for readers that cannot import the analyzers: web processes, which load
them with `stored`, the browser code, and docs/metrics.md. So a new column needs only its analyzer's file.
"""

from marketdata.schema.assembly import Owner, Schema, SchemaError, assemble, board_columns, checked_columns
from marketdata.schema.boards import BOARDS, Board, Direction
from marketdata.schema.columns import (
    MOST_DECIMALS,
    SIGNIFICANT_DIGITS,
    YES_OR_NO,
    ColumnInfo,
    Unit,
    names,
    shown_names,
)
from marketdata.schema.streams import CIRCUMSTANCES, Stream
from marketdata.schema.symbol_feeds import SYMBOL_PLACEHOLDER, RowView, SymbolList

__all__ = [
    "BOARDS",
    "CIRCUMSTANCES",
    "MOST_DECIMALS",
    "SIGNIFICANT_DIGITS",
    "SYMBOL_PLACEHOLDER",
    "YES_OR_NO",
    "Board",
    "ColumnInfo",
    "Direction",
    "Owner",
    "RowView",
    "Schema",
    "SchemaError",
    "Stream",
    "SymbolList",
    "Unit",
    "assemble",
    "board_columns",
    "checked_columns",
    "names",
    "shown_names",
]
