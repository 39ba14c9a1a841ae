"""What the platform tells about the market, each thing declared once.

An analyzer declares what it makes in its own file, with the types of `columns`, `streams` and
`symbol_feeds`. The boards are declared in `boards`. `assembly` puts all declarations together and checks
them. `export` writes them down for what cannot see the analyzers (`make schema`): a web process, which reads
them by `stored`, the browser code, and docs/metrics.md. So a new column needs its analyzer's file and nothing
else.
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
from marketdata.schema.symbol_feeds import SYMBOL_PLACE, RowView, SymbolList

__all__ = [
    "BOARDS",
    "CIRCUMSTANCES",
    "MOST_DECIMALS",
    "SIGNIFICANT_DIGITS",
    "SYMBOL_PLACE",
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
