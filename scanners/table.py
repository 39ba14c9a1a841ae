"""Columnar market state: one row per symbol, one float64 column per field.

The columns are the rows of one matrix, so that a batch of events is written, and a block
of rows copied out, in one NumPy operation. NaN means absent, which is not zero.

Beside the published columns a table has *sheets*: further columns over the same rows, which only the
analyzer that declared them reads. A sheet is stored by itself, and only after it changed. And it has a
*tape*: the newest trades of each row.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.issues import is_test_issue
from marketdata.kernels.symbols import UNKNOWN
from marketdata.payloads import Column, RowBlock
from scanners.rows import Rows
from scanners.symbol_index import SymbolIndex
from scanners.tape import Tapes

INITIAL_CAPACITY: Final = 1024


class Sheet:
    """Private columns of a table, stored together.

    `values` has one line for each of `names` and one column for each row of the table; whoever writes to it
    calls `mark`. Do not keep `values`: it is stale once the table has a new row.
    """

    def __init__(self, names: Sequence[str], capacity: int) -> None:
        self.names: Final = tuple(names)
        self._matrix = np.full((len(self.names), capacity), np.nan)
        self._row_count = 0
        self._is_changed = False

    @property
    def values(self) -> NDArray[np.float64]:
        """The view to read and write."""
        return self._matrix[:, : self._row_count]

    @property
    def is_changed(self) -> bool:
        """Whether it was marked since it was last stored."""
        return self._is_changed

    def mark(self, *, changed: bool = True) -> None:
        """Note that it changed, or that it is stored."""
        self._is_changed = changed

    def clear(self) -> None:
        """Make everything absent."""
        if not np.isnan(self.values).all():
            self._matrix[:] = np.nan
            self.mark()

    def keep(self, rows: Rows, capacity: int) -> None:
        """Follow the table to some of its rows."""
        self._matrix = _widened(self._matrix[:, rows], capacity)
        self._row_count = len(rows)
        self.mark()

    def resize(self, row_count: int, capacity: int) -> None:
        """Follow the table to a number of rows; new ones are absent."""
        self._row_count = row_count
        if capacity > self._matrix.shape[1]:
            self._matrix = _widened(self._matrix, capacity)


class MarketTable:
    """Rows in the order in which their symbols appeared; only `keep` removes some.

    `names` is the schema, `sheets` the names of the columns of each sheet. Whoever writes values marks the
    rows that changed; `take_changed` hands the marked rows to the publisher and starts anew.
    """

    def __init__(
        self,
        names: Sequence[str],
        sheets: Mapping[str, Sequence[str]] = MappingProxyType({}),
        capacity: int = INITIAL_CAPACITY,
    ) -> None:
        self.names: Final = tuple(names)
        self._index_of_name: Final = {name: index for index, name in enumerate(self.names)}
        if len(self._index_of_name) != len(self.names):
            raise ValueError(f"column names must differ: {self.names}")
        self._matrix = np.full((len(self.names), capacity), np.nan)
        self._changed = np.zeros(capacity, dtype=np.bool_)
        self._is_test_issue = np.zeros(0, dtype=np.bool_)
        self.sheets: Final = {name: Sheet(columns, capacity) for name, columns in sheets.items()}
        self.tape: Final = Tapes()
        self._index = SymbolIndex()
        self._alphabetic = np.empty(0, dtype=np.intp)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._index)

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of each row. Do not change."""
        return self._index.symbols

    def symbols_of(self, rows: Rows) -> Sequence[str]:
        """The symbols of some rows, in their order."""
        symbols = self._index.symbols
        return [symbols[row] for row in rows.tolist()]

    @property
    def test_issues(self) -> NDArray[np.bool_]:
        """Which rows are of test issues. Do not change."""
        return self._is_test_issue

    def __getitem__(self, name: str) -> Column:
        """The column of a name: a view, whose elements may be set; it is stale once a row is added."""
        column: Column = self._matrix[self._index_of_name[name], : len(self._index)]
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

    def find(self, symbols: Sequence[str]) -> tuple[Rows, bool]:
        """The row of each symbol, `UNKNOWN` where it has none; and whether all have one."""
        return self._index.find(symbols)

    def rows(self, symbols: Sequence[str]) -> Rows:
        """The row of each symbol; a symbol that is new gets a row of NaN, which is marked."""
        rows, all_found = self._index.find(symbols)
        if not all_found:
            self._add(symbols[index] for index in np.flatnonzero(rows == UNKNOWN).tolist())
            rows, all_found = self._index.find(symbols)
            if not all_found:  # no code for a symbol may differ from the one it was entered with
                raise RuntimeError("symbols that were added have no row")
        return rows

    def keep(self, rows: Rows) -> None:
        """Keep these rows (ascending), which become the first; all others go, with their memory.

        What is left is marked, and so are the sheets: their rows are others now.
        """
        symbols = self.symbols_of(rows)
        self._index = SymbolIndex()
        self._index.add(symbols)
        capacity = _capacity(INITIAL_CAPACITY, len(rows))
        self._matrix = _widened(self._matrix[:, rows], capacity)
        self._changed = np.zeros(capacity, dtype=np.bool_)
        self._changed[: len(rows)] = True
        self._is_test_issue = self._is_test_issue[rows]
        for sheet in self.sheets.values():
            sheet.keep(rows, capacity)
        self.tape.keep(rows)
        self._alphabetic = np.empty(0, dtype=np.intp)

    def mark(self, rows: Rows | slice) -> None:
        """Note that the rows changed."""
        self._changed[: len(self._index)][rows] = True

    def changed(self) -> Rows:
        """The marked rows, ascending."""
        return np.flatnonzero(self._changed[: len(self._index)])

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
        whole = self._matrix[:, : len(self._index)]
        if names is None:
            matrix = whole.copy() if rows is None else whole[:, rows]
        else:
            lines = np.array([self._index_of_name[name] for name in chosen], dtype=np.intp)
            matrix = whole[lines] if rows is None else whole[lines[:, np.newaxis], rows]
        return dict(zip(chosen, matrix, strict=True))

    def apply(self, block: RowBlock) -> Rows:
        """Write the rows of a block, adding new ones, and give the rows. Foreign columns are ignored."""
        rows = self.rows(block.symbols)
        for name, column in block.columns.items():
            if name in self._index_of_name:
                self[name][rows] = column
        self.mark(rows)
        return rows

    def copy_sheet(self, name: str) -> Mapping[str, Column]:
        """Copies of the columns of a sheet."""
        sheet = self.sheets[name]
        return dict(zip(sheet.names, sheet.values.copy(), strict=True))

    def apply_sheet(self, name: str, block: RowBlock) -> None:
        """Write a stored sheet, which counts as stored. Foreign columns and symbols are ignored."""
        rows, _ = self.find(block.symbols)
        held = np.flatnonzero(rows != UNKNOWN)
        sheet = self.sheets[name]
        for index, column in enumerate(sheet.names):
            if column in block.columns:
                sheet.values[index, rows[held]] = block.columns[column][held]

    def alphabetic_positions(self) -> Rows:
        """The place of each row in the alphabetic order of symbols: breaks ties without comparing text."""
        if len(self._alphabetic) != len(self._index):
            order = np.argsort(np.array(self.symbols, dtype=np.str_), kind="stable")
            self._alphabetic = np.empty(len(order), dtype=np.intp)
            self._alphabetic[order] = np.arange(len(order))
        return self._alphabetic

    def _add(self, symbols: Iterable[str]) -> None:
        first = len(self._index)
        self._index.add(symbols)
        new = np.array([is_test_issue(symbol) for symbol in self.symbols[first:]], dtype=np.bool_)
        self._is_test_issue = np.concatenate((self._is_test_issue, new))
        self._reserve(len(self._index))
        self._changed[first : len(self._index)] = True

    def _reserve(self, row_count: int) -> None:
        capacity = _capacity(self._matrix.shape[1], row_count)
        if capacity > self._matrix.shape[1]:
            changed = np.zeros(capacity, dtype=np.bool_)
            changed[: len(self._changed)] = self._changed
            self._changed = changed
            self._matrix = _widened(self._matrix, capacity)
        for sheet in self.sheets.values():
            sheet.resize(row_count, capacity)
        self.tape.resize(row_count)


def _capacity(capacity: int, row_count: int) -> int:
    """Doubled until it suffices, so that growth costs amortised constant time a row."""
    while capacity < row_count:
        capacity *= 2
    return capacity


def _widened(matrix: NDArray[np.float64], capacity: int) -> NDArray[np.float64]:
    widened = np.full((len(matrix), capacity), np.nan)
    widened[:, : matrix.shape[1]] = matrix
    return widened
