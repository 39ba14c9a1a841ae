"""Columnar market state: one row per symbol, one float64 column per field.

The columns are the rows of one matrix, so that a batch of events is written, and a block
of rows copied out, in one NumPy operation. NaN means absent, which is not zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column, RowBlock

Rows = NDArray[np.intp]
INITIAL_CAPACITY: Final = 1024


class MarketTable:
    """Rows in the order in which their symbols appeared; a row is never removed.

    `names` is the schema. Whoever writes values marks the rows that changed; `take_changed` hands
    the marked rows to the publisher and starts anew.
    """

    def __init__(self, names: Sequence[str], capacity: int = INITIAL_CAPACITY) -> None:
        self.names: Final = tuple(names)
        self._index_of_name: Final = {name: index for index, name in enumerate(self.names)}
        if len(self._index_of_name) != len(self.names):
            raise ValueError(f"column names must differ: {self.names}")
        self._matrix = np.full((len(self.names), capacity), np.nan)
        self._changed = np.zeros(capacity, dtype=np.bool_)
        self._unstamped = np.zeros(capacity, dtype=np.bool_)
        self._row_of_symbol: dict[str, int] = {}
        self._symbols: list[str] = []
        self._alphabetic = np.empty(0, dtype=np.intp)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._symbols)

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of each row. Do not change."""
        return self._symbols

    def __getitem__(self, name: str) -> Column:
        """The column of a name: a view, whose elements may be set; it is stale once a row is added."""
        column: Column = self._matrix[self._index_of_name[name], : len(self._symbols)]
        return column

    def columns(self, names: Sequence[str]) -> slice:
        """Where columns that stand side by side in the schema lie, for `write`."""
        first = self._index_of_name[names[0]]
        if self.names[first : first + len(names)] != tuple(names):
            raise ValueError(f"columns {tuple(names)} do not stand side by side in the schema")
        return slice(first, first + len(names))

    def write(self, columns: slice, rows: Rows, values: NDArray[np.float64]) -> None:
        """Set `columns` of `rows` to `values` (one line per column) and mark the rows. Rows must differ."""
        self._matrix[columns, rows] = values
        self._changed[rows] = True
        self._unstamped[rows] = True

    def rows(self, symbols: Sequence[str]) -> Rows:
        """The row of each symbol; a symbol that is new gets a row of NaN, which is marked."""
        try:
            found = [self._row_of_symbol[symbol] for symbol in symbols]
        except KeyError:
            self._add(symbols)
            found = [self._row_of_symbol[symbol] for symbol in symbols]
        return np.array(found, dtype=np.intp)

    def known_rows(self, symbols: Iterable[str]) -> Rows:
        """The row of each symbol, -1 where it has none."""
        return np.array([self._row_of_symbol.get(symbol, -1) for symbol in symbols], dtype=np.intp)

    def mark(self, rows: Rows | slice) -> None:
        """Note that the rows changed."""
        self._changed[: len(self._symbols)][rows] = True

    def stamp(self, name: str, value: float) -> None:
        """Set a column in the rows that were written since the last stamp: where their news is from."""
        rows = np.flatnonzero(self._unstamped)
        self[name][rows] = value
        self._unstamped[rows] = False

    def changed(self) -> Rows:
        """The marked rows, ascending."""
        return np.flatnonzero(self._changed[: len(self._symbols)])

    def take_changed(self) -> Rows:
        """The marked rows, ascending; none is marked afterwards."""
        rows = self.changed()
        self._changed[:] = False
        return rows

    def clear(self, names: Sequence[str], rows: Rows | slice = slice(None)) -> None:
        """Make the columns absent in the rows (all by default), and mark these."""
        for name in names:
            self[name][rows] = np.nan
        self.mark(rows)

    def copy_columns(
        self, rows: Rows | None = None, names: Sequence[str] | None = None
    ) -> Mapping[str, Column]:
        """Copies of the named columns (all by default) of the given rows (all by default)."""
        chosen = self.names if names is None else tuple(names)
        whole = self._matrix[:, : len(self._symbols)]
        lines = whole if names is None else whole[[self._index_of_name[name] for name in chosen]]
        matrix = lines.copy() if rows is None else lines[:, rows]
        return dict(zip(chosen, matrix, strict=True))

    def apply(self, block: RowBlock) -> Rows:
        """Write the rows of a block, adding new ones, and give the rows. Foreign columns are ignored."""
        rows = self.rows(block.symbols)
        for name, column in block.columns.items():
            if name in self._index_of_name:
                self[name][rows] = column
        self.mark(rows)
        return rows

    def alphabetic_positions(self) -> Rows:
        """The place of each row in the alphabetic order of symbols: breaks ties without comparing text."""
        if len(self._alphabetic) != len(self._symbols):
            order = np.argsort(np.array(self._symbols, dtype=np.str_), kind="stable")
            self._alphabetic = np.empty(len(order), dtype=np.intp)
            self._alphabetic[order] = np.arange(len(order))
        return self._alphabetic

    def _add(self, symbols: Iterable[str]) -> None:
        first = len(self._symbols)
        for symbol in symbols:
            if symbol not in self._row_of_symbol:
                self._row_of_symbol[symbol] = len(self._symbols)
                self._symbols.append(symbol)
        self._reserve(len(self._symbols))
        self._changed[first : len(self._symbols)] = True

    def _reserve(self, row_count: int) -> None:
        """Double the capacity until it suffices, so that growth costs amortised constant time a row."""
        capacity = self._matrix.shape[1]
        if row_count <= capacity:
            return
        while capacity < row_count:
            capacity *= 2
        matrix = np.full((len(self.names), capacity), np.nan)
        matrix[:, : self._matrix.shape[1]] = self._matrix
        self._matrix = matrix
        self._changed, self._unstamped = (_grown(mask, capacity) for mask in (self._changed, self._unstamped))


def _grown(mask: NDArray[np.bool_], capacity: int) -> NDArray[np.bool_]:
    grown = np.zeros(capacity, dtype=np.bool_)
    grown[: len(mask)] = mask
    return grown
