"""The declaration of a stream: a list of things that happened to symbols, one entry for each."""

from typing import Final

import msgspec

from marketdata.schema.columns import ColumnInfo, names

CIRCUMSTANCES: Final = (
    "close",
    "pct_change",
    "pct_change_since_open",
    "accumulated_volume",
    "relative_volume",
    "aggregate_vwap",
    "avg_volume",
    "free_float",
    "prev_day_close",
)
"""The columns of the symbol's row that every entry of a stream has, as of the tick that published it."""


class Stream(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stream of an analyzer. An entry has the `columns`, and after them the circumstances.

    A stream may use a column of the market table; then it has the same declaration. `own_circumstances` are
    columns of the table that its entries have beside those of every stream. `feed` is the name by which
    clients subscribe to the stream, empty if they cannot.
    """

    name: str
    label: str
    description: str
    columns: tuple[ColumnInfo, ...]
    own_circumstances: tuple[str, ...] = ()
    feed: str = ""

    @property
    def circumstances(self) -> tuple[str, ...]:
        """The columns of the symbol's row that an entry has, as of the tick that published it."""
        return (*self.own_circumstances, *CIRCUMSTANCES)

    @property
    def entry_columns(self) -> tuple[str, ...]:
        """The names of all columns of an entry."""
        return (*names(self.columns), *self.circumstances)
