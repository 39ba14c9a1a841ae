"""The declaration of a stream: what happened to symbols, one line for each event."""

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
"""What a line of every stream tells of its symbol beside what happened, as of the tick that published it."""


class Stream(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stream of an analyzer. `columns` are what a line tells; the circumstances follow them.

    A column of the market table may stand in a stream too: then it is the same declaration. `feed` is the
    name under which clients subscribe to it, empty where there is none.
    """

    name: str
    label: str
    description: str
    columns: tuple[ColumnInfo, ...]
    feed: str = ""

    @property
    def line(self) -> tuple[str, ...]:
        """The names of all columns of its lines."""
        return (*names(self.columns), *CIRCUMSTANCES)
