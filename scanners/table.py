"""The market table: one row per symbol, one float64 column per field.

All columns lie in one matrix, one matrix line per column. So one NumPy operation writes a batch of events or
copies a block of rows. NaN means that a value is absent, which is not the same as zero.

Besides the published columns a table has *private columns* over the same rows, in groups. Each group belongs
to one analyzer. It is stored separately, and only after it changed. A table also has *tapes*: the newest
trades of each row.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.codec import SymbolColumn
from marketdata.issues import is_test_issue
from marketdata.kernels.arrays import Codes
from marketdata.kernels.json_text import NO_CODE
from marketdata.kernels.symbols import UNKNOWN, enter, find
from marketdata.payloads import Column, RowBlock
from scanners.rows import Rows
from scanners.tape import Tapes

INITIAL_CAPACITY: Final = 1024
_SMALLEST_HASH_TABLE: Final = 1 << 12


class SymbolIndex:
    """Numbers symbols in the order in which they are added: the row numbers of a table.

    A dictionary lookup for each symbol of a batch would be slow: each lookup waits several times for memory,
    and the waits follow one another. Here a compiled loop looks up the integer codes of all symbols, so the
    waits overlap.
    """

    def __init__(self) -> None:
        self.symbols: Final[list[str]] = []
        self._rows: Final[dict[str, int]] = {}
        self._make_table(_SMALLEST_HASH_TABLE)

    def __len__(self) -> int:
        """The number of symbols."""
        return len(self.symbols)

    def add(self, symbols: Iterable[str]) -> None:
        """Give the next number to each symbol that has none."""
        first = len(self.symbols)
        for symbol in symbols:
            if symbol not in self._rows:
                self._rows[symbol] = len(self.symbols)
                self.symbols.append(symbol)
        if 2 * len(self.symbols) > len(self._codes):
            self._make_table(1 << (2 * len(self.symbols)).bit_length())
        else:
            self._enter(first)

    def find(self, column: SymbolColumn) -> tuple[Rows, bool]:
        """The number of each symbol, or `UNKNOWN`, and whether all symbols have a number."""
        rows = np.empty(len(column), dtype=np.int64)
        all_found = find(column.codes, self._codes, self._rows_of_codes, rows)
        if not all_found:
            for index in np.flatnonzero(column.codes == NO_CODE).tolist():
                rows[index] = self._rows.get(column[index], UNKNOWN)
            all_found = bool((rows != UNKNOWN).all())
        return rows, all_found

    def _make_table(self, size: int) -> None:
        self._codes: Codes = np.full(size, NO_CODE)
        self._rows_of_codes = np.full(size, UNKNOWN, dtype=np.int64)
        self._enter(0)

    def _enter(self, first: int) -> None:
        """Enter the symbols with numbers from `first` on into the hash table."""
        codes = SymbolColumn.from_symbols(self.symbols[first:]).codes
        enter(codes, np.arange(first, len(self.symbols)), self._codes, self._rows_of_codes)


class PrivateColumns:
    """One group of private columns of an analyzer. They are stored together.

    `values[i]` are the values of `names[i]`, one for each row of the table. After writing to `values`, call
    `mark`. Do not keep a reference to `values`: it is stale after the table got a new row.
    """

    def __init__(self, names: Sequence[str], capacity: int) -> None:
        self.names: Final = tuple(names)
        self._matrix = np.full((len(self.names), capacity), np.nan)
        self._row_count = 0
        self._is_changed = False

    @property
    def values(self) -> NDArray[np.float64]:
        """A view of all values, for reading and writing."""
        return self._matrix[:, : self._row_count]

    @property
    def is_changed(self) -> bool:
        """Whether the columns were marked as changed since they were last stored."""
        return self._is_changed

    def mark(self, *, changed: bool = True) -> None:
        """Mark the columns as changed, or as stored."""
        self._is_changed = changed

    def clear(self) -> None:
        """Make all values absent."""
        if not np.isnan(self.values).all():
            self._matrix[:] = np.nan
            self.mark()

    def keep(self, rows: Rows, capacity: int) -> None:
        """Keep only these rows of the table."""
        self._matrix = _widened(self._matrix[:, rows], capacity)
        self._row_count = len(rows)
        self.mark()

    def resize(self, row_count: int, capacity: int) -> None:
        """Have `row_count` rows. The values of new rows are absent."""
        self._row_count = row_count
        if capacity > self._matrix.shape[1]:
            self._matrix = _widened(self._matrix, capacity)


class MarketTable:
    """The rows are in the order in which their symbols appeared. Only `keep` removes rows.

    `names` are the published columns. `private_columns` maps each group's name to its columns.
    Code that writes values marks the rows that changed. `take_changed` returns the marked rows and unmarks
    them.
    """

    def __init__(
        self,
        names: Sequence[str],
        private_columns: Mapping[str, Sequence[str]] = MappingProxyType({}),
        capacity: int = INITIAL_CAPACITY,
    ) -> None:
        self.names: Final = tuple(names)
        self._index_of_name: Final = {name: index for index, name in enumerate(self.names)}
        if len(self._index_of_name) != len(self.names):
            raise ValueError(f"column names must differ: {self.names}")
        self._matrix = np.full((len(self.names), capacity), np.nan)
        self._changed = np.zeros(capacity, dtype=np.bool_)
        self._is_test_issue = np.zeros(0, dtype=np.bool_)
        self.private_columns: Final = {
            name: PrivateColumns(columns, capacity) for name, columns in private_columns.items()
        }
        self.tape: Final = Tapes()
        self._index = SymbolIndex()
        self._alphabetic = np.empty(0, dtype=np.intp)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._index)

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of each row. Read only."""
        return self._index.symbols

    def symbols_of(self, rows: Rows) -> Sequence[str]:
        """The symbols of some rows, in their order."""
        symbols = self._index.symbols
        return [symbols[row] for row in rows.tolist()]

    @property
    def test_issues(self) -> NDArray[np.bool_]:
        """Which rows are test issues. Read only."""
        return self._is_test_issue

    def __getitem__(self, name: str) -> Column:
        """A writable view of a column. It is stale after a row was added."""
        column: Column = self._matrix[self._index_of_name[name], : len(self._index)]
        return column

    def columns(self, names: Sequence[str]) -> slice:
        """The slice of these columns for `write`.

        Raises:
            ValueError: the columns are not adjacent, in this order, in the table.
        """
        first = self._index_of_name[names[0]]
        if self.names[first : first + len(names)] != tuple(names):
            raise ValueError(f"columns {tuple(names)} are not adjacent in the table")
        return slice(first, first + len(names))

    def write(self, columns: slice, rows: Rows, values: NDArray[np.float64]) -> None:
        """Set `columns` of `rows` to `values[column, row]` and mark the rows. No row may occur twice."""
        self._matrix[columns, rows] = values
        self._changed[rows] = True

    def find(self, symbols: SymbolColumn) -> tuple[Rows, bool]:
        """The row of each symbol, or `UNKNOWN`, and whether all symbols have a row."""
        return self._index.find(symbols)

    def rows(self, symbols: Sequence[str]) -> Rows:
        """The row of each symbol. A new symbol gets a row of NaN, which is marked as changed."""
        column = SymbolColumn.from_symbols(symbols)
        rows, all_found = self._index.find(column)
        if not all_found:
            self._add(column[index] for index in np.flatnonzero(rows == UNKNOWN).tolist())
            rows, all_found = self._index.find(column)
            if not all_found:  # a symbol must always have the code with which it was entered
                raise RuntimeError("symbols that were added have no row")
        return rows

    def keep(self, rows: Rows) -> None:
        """Keep only these rows (ascending), numbered from 0. The memory of the other rows is freed.

        The kept rows and all private columns are marked as changed, because their row numbers changed.
        """
        symbols = self.symbols_of(rows)
        self._index = SymbolIndex()
        self._index.add(symbols)
        capacity = _capacity(INITIAL_CAPACITY, len(rows))
        self._matrix = _widened(self._matrix[:, rows], capacity)
        self._changed = np.zeros(capacity, dtype=np.bool_)
        self._changed[: len(rows)] = True
        self._is_test_issue = self._is_test_issue[rows]
        for private in self.private_columns.values():
            private.keep(rows, capacity)
        self.tape.keep(rows)
        self._alphabetic = np.empty(0, dtype=np.intp)

    def mark(self, rows: Rows | slice) -> None:
        """Mark the rows as changed."""
        self._changed[: len(self._index)][rows] = True

    def changed(self) -> Rows:
        """The marked rows, ascending."""
        return np.flatnonzero(self._changed[: len(self._index)])

    def take_changed(self) -> Rows:
        """Return the marked rows, ascending, and unmark them."""
        rows = self.changed()
        self._changed[:] = False
        return rows

    def clear(self, names: Sequence[str], rows: Rows | slice = slice(None)) -> None:
        """Make the columns of the rows (all by default) absent, and mark the rows."""
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
            indices = np.array([self._index_of_name[name] for name in chosen], dtype=np.intp)
            matrix = whole[indices] if rows is None else whole[indices[:, np.newaxis], rows]
        return dict(zip(chosen, matrix, strict=True))

    def apply(self, block: RowBlock) -> Rows:
        """Write a block, mark its rows and return them. New symbols get rows; unknown columns are ignored."""
        rows = self.rows(block.symbols)
        for name, column in block.columns.items():
            if name in self._index_of_name:
                self[name][rows] = column
        self.mark(rows)
        return rows

    def copy_private_columns(self, name: str) -> Mapping[str, Column]:
        """Copies of the columns of a group, by name."""
        private = self.private_columns[name]
        return dict(zip(private.names, private.values.copy(), strict=True))

    def apply_private_columns(self, name: str, block: RowBlock) -> None:
        """Write private columns that were read from the store. Unknown columns and symbols are ignored.

        They are not marked: the store has these values already.
        """
        rows, _ = self.find(SymbolColumn.from_symbols(block.symbols))
        held = np.flatnonzero(rows != UNKNOWN)
        private = self.private_columns[name]
        for index, column in enumerate(private.names):
            if column in block.columns:
                private.values[index, rows[held]] = block.columns[column][held]

    def alphabetic_positions(self) -> Rows:
        """The rank of each row in the alphabetic order of symbols, so that ties need no text comparison."""
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
        for private in self.private_columns.values():
            private.resize(row_count, capacity)
        self.tape.resize(row_count)


def _capacity(capacity: int, row_count: int) -> int:
    """The capacity, doubled until it is enough: growth costs amortised constant time per row."""
    while capacity < row_count:
        capacity *= 2
    return capacity


def _widened(matrix: NDArray[np.float64], capacity: int) -> NDArray[np.float64]:
    widened = np.full((len(matrix), capacity), np.nan)
    widened[:, : matrix.shape[1]] = matrix
    return widened
