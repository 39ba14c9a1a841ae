"""Emissions of feeds as structs that do not depend on the version of the protocol.

An emission has one of four forms: the whole feed (`FeedSnapshot`), changes of a table (`FeedDelta`), rows to
append (`FeedAppend`), and new entries (`FeedAlert`).

`value_count` of an emission is its number of values and symbols: a measure of its size in every version.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import RowBlock
from marketdata.units import NS_PER_MS


class ColumnMarks(msgspec.Struct, frozen=True):
    """The columns of a feed that operators have switched off, and those that are partial.

    `partial` has the market time (epoch ms) since which a column counts: it was off before. If all columns of
    a feed are off, the feed itself is.
    """

    off: tuple[str, ...] = ()
    partial: Mapping[str, int] = MappingProxyType({})

    @classmethod
    def of(cls, block: RowBlock, columns: Iterable[str]) -> "ColumnMarks":
        """The marks of a block for these columns."""
        if not (block.off or block.partial):
            return NO_MARKS
        names = tuple(columns)
        return cls(block.off, block.partial).picked(names)

    def picked(self, columns: tuple[str, ...]) -> "ColumnMarks":
        """The marks of these columns."""
        off = tuple(name for name in columns if name in self.off)
        return ColumnMarks(off, {name: self.partial[name] for name in columns if name in self.partial})

    def joined(self, other: "ColumnMarks") -> "ColumnMarks":
        """The marks of rows of two producers: a column is off, or partial, where it is so in one of them."""
        off = tuple(dict.fromkeys((*self.off, *other.off)))
        later = {name: max(since, self.partial.get(name, 0)) for name, since in other.partial.items()}
        return ColumnMarks(off, {**self.partial, **later})


NO_MARKS: Final = ColumnMarks()


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

    @property
    def value_count(self) -> int:
        """The number of values and symbols."""
        return len(self.symbols) * (1 + len(self.columns))


class EmittedCells(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The changed values of some rows. Row `i` of the arrays is the row at `places[i]` of the state before.

    `values` are all values of these rows after the change, and `differ` says which of them changed. NaN means
    absent. A column with 0 `decimals` holds integers.
    """

    places: NDArray[np.intp]
    differ: NDArray[np.bool_]
    values: NDArray[np.float64]
    decimals: tuple[int, ...]

    @property
    def value_count(self) -> int:
        """The number of changed values, and of places and masks."""
        return int(np.count_nonzero(self.differ)) + 2 * len(self.places)


class FeedPosition(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The position of an emission in its feed: `seq` orders the emissions within an epoch.

    `received_ns`: when the newest data of the feed was received; 0 if there is none. `prev`: the `seq` that
    the emission follows; None for a snapshot.
    """

    feed: str
    epoch: str
    seq: int
    received_ns: int
    market_time_ms: int
    prev: int | None = None

    def age_ms(self, now_ns: int) -> int | None:
        """Age of the newest data; None when there is none. Never negative: the clocks of machines differ."""
        if self.received_ns <= 0:
            return None
        return max(0, (now_ns - self.received_ns) // NS_PER_MS)


class FeedSnapshot(msgspec.Struct, frozen=True, eq=False, gc=False):
    """All rows of a feed. It replaces the rows that a client has.

    `hz` is the greatest number of emissions a second. A feed that is a list has a `limit`: its most rows,
    which are the newest ones, oldest first. `symbol` is set for a feed of one symbol. `document` is set for a
    feed that is one document: it has no rows.
    """

    replaces: ClassVar[bool] = True

    position: FeedPosition
    rows: EmittedRows
    hz: float
    limit: int | None = None
    symbol: str = ""
    marks: ColumnMarks = NO_MARKS
    document: msgspec.Struct | None = None

    @property
    def value_count(self) -> int:
        """The size."""
        return self.rows.value_count


class FeedDelta(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The changes of a table: changed values, the rows of new symbols, and the sequence of symbols.

    `order` is None if the sequence is the same. Otherwise it has new symbols by name, and `(start, count)`
    for neighbours of the state before. Symbols that it does not contain are gone. `symbols_before` are the
    symbols of the state before, in its order.
    """

    replaces: ClassVar[bool] = False

    position: FeedPosition
    rows: EmittedRows
    cells: EmittedCells
    order: Sequence[str | tuple[int, int]] | None
    symbols_before: Sequence[str] = ()

    @property
    def value_count(self) -> int:
        """The size."""
        return self.rows.value_count + self.cells.value_count + 2 * len(self.order or ())


class FeedAppend(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Rows to append to those of a list, such as trades."""

    replaces: ClassVar[bool] = False

    position: FeedPosition
    rows: EmittedRows

    @property
    def value_count(self) -> int:
        """The size."""
        return self.rows.value_count


class FeedAlert(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The entries since the emission before: rows to append. A symbol may have several."""

    replaces: ClassVar[bool] = False

    position: FeedPosition
    rows: EmittedRows

    @property
    def value_count(self) -> int:
        """The size."""
        return self.rows.value_count


FeedEmission: TypeAlias = FeedSnapshot | FeedDelta | FeedAppend | FeedAlert
