"""The declarations of feeds of one symbol: views of its row, and lists of what it has several of."""

from typing import Final

import msgspec

from marketdata.schema.columns import ColumnInfo

SYMBOL_PLACE: Final = "{symbol}"
"""Where the name of such a feed has the symbol."""


class RowView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a symbol's row in the market table. `columns` are names of its columns, as clients have them.

    `feed` is the name under which clients subscribe, such as `quote:{symbol}`.
    """

    feed: str
    label: str
    description: str
    columns: tuple[str, ...]


class SymbolList(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol has several of, such as its trades, oldest first. `columns` say what one of them shows.

    They are no columns of the market table. `feed` is as that of a `RowView`.
    """

    feed: str
    label: str
    description: str
    columns: tuple[ColumnInfo, ...]
