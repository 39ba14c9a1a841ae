"""Maps the symbols of a whole batch to row numbers.

A dictionary lookup for each symbol would be slow: each lookup waits several times for memory, and the waits
follow one another. Here a compiled loop looks up the integer codes of all symbols, so the waits overlap.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from marketdata.kernels.arrays import Codes
from marketdata.kernels.json_text import NO_CODE
from marketdata.kernels.symbols import UNKNOWN, enter, find
from marketdata.symbols import SymbolColumn
from scanners.rows import Rows

_SMALLEST_TABLE: Final = 1 << 12


class SymbolIndex:
    """Numbers symbols in the order in which they are added."""

    def __init__(self) -> None:
        self.symbols: Final[list[str]] = []
        self._rows: Final[dict[str, int]] = {}
        self._make_table(_SMALLEST_TABLE)

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

    def find(self, symbols: Sequence[str]) -> tuple[Rows, bool]:
        """The number of each symbol, or `UNKNOWN`, and whether all symbols have a number."""
        column = SymbolColumn.from_symbols(symbols)
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
