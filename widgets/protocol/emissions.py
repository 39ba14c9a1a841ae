"""Emissions of feeds as structs that do not depend on the version of the protocol.

An emission has one of four forms: the whole feed (`FeedSnapshot`), changed rows (`FeedDelta`), rows to append
(`FeedAppend`), and new entries (`FeedAlert`).
"""

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.units import NS_PER_MS


class EmittedRows(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Rows as they are sent: `values[i]` are the values of `symbols[i]`, one for each of `columns`.

    NaN means absent. A column with 0 `decimals` holds integers. `texts` has the encoded rows by the name of
    the protocol version; `ProtocolVersion.rows_text` fills it.
    """

    symbols: Sequence[str]
    columns: tuple[str, ...]
    decimals: tuple[int, ...]
    values: NDArray[np.float64]
    texts: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)


class FeedPosition(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The position of an emission in its feed: `seq` counts the emissions within an epoch.

    `received_ns`: when the newest data of the feed was received; 0 if there is none.
    """

    feed: str
    epoch: str
    seq: int
    received_ns: int
    market_time_ms: int

    def age_ms(self, now_ns: int) -> int | None:
        """Age of the newest data; None when there is none. Never negative: the clocks of machines differ."""
        if self.received_ns <= 0:
            return None
        return max(0, (now_ns - self.received_ns) // NS_PER_MS)


class FeedSnapshot(msgspec.Struct, frozen=True, eq=False, gc=False):
    """All rows of a feed. It replaces the rows that a client has.

    A feed that is a list has a `limit`, its greatest number of rows. They are the newest ones, oldest first.
    """

    replaces: ClassVar[bool] = True

    position: FeedPosition
    rows: EmittedRows
    limit: int | None = None


class FeedDelta(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The changed and new rows, whole, and the removed symbols. `order` is set only if it changed."""

    replaces: ClassVar[bool] = False

    position: FeedPosition
    rows: EmittedRows
    removed: Sequence[str]
    order: Sequence[str] | None


class FeedAppend(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Rows to append to those of a list, such as trades."""

    replaces: ClassVar[bool] = False

    position: FeedPosition
    rows: EmittedRows


class FeedAlert(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The entries since the emission before: rows to append. A symbol may have several."""

    replaces: ClassVar[bool] = False

    position: FeedPosition
    rows: EmittedRows


FeedEmission: TypeAlias = FeedSnapshot | FeedDelta | FeedAppend | FeedAlert
