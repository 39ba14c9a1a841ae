"""The declarations of feeds of one symbol: views of its row, and lists such as its trades."""

from typing import Final

import msgspec

from marketdata.schema.columns import ColumnInfo

SYMBOL_PLACEHOLDER: Final = "{symbol}"
"""The placeholder for the symbol in the name of such a feed."""


class RowView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a symbol's row in the market table. `columns` are the names of its columns, in this order.

    `feed` is the name by which clients subscribe, such as `quote:{symbol}`.
    """

    feed: str
    label: str
    description: str
    columns: tuple[str, ...]


class SymbolList(msgspec.Struct, frozen=True, kw_only=True):
    """A list of a symbol, such as its trades, the oldest first. `columns` are the columns of one item.

    They are not columns of the market table. `feed` is like that of a `RowView`.
    """

    feed: str
    label: str
    description: str
    columns: tuple[ColumnInfo, ...]
