"""From symbols to row numbers, for a whole batch at once.

Looking up one symbol after the other in a dictionary waits for memory at each: the hash of a new string, the
slot, the key, the number. Here a compiled loop looks up the codes of a batch, whose waits overlap.
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
        """How many symbols there are."""
        return len(self.symbols)

    def add(self, symbols: Iterable[str]) -> None:
        """Give each symbol that has none the next number."""
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
        """The number of each symbol, `UNKNOWN` where it has none; and whether all have one."""
        column = SymbolColumn.from_symbols(symbols)
        rows = np.empty(len(column), dtype=np.int64)
        all_found = find(column.codes, self._codes, self._rows_of_codes, rows)
        if not all_found:
            for place in np.flatnonzero(column.codes == NO_CODE).tolist():
                rows[place] = self._rows.get(column[place], UNKNOWN)
            all_found = bool((rows != UNKNOWN).all())
        return rows, all_found

    def _make_table(self, size: int) -> None:
        self._codes: Codes = np.full(size, NO_CODE)
        self._rows_of_codes = np.full(size, UNKNOWN, dtype=np.int64)
        self._enter(0)

    def _enter(self, first: int) -> None:
        """Enter the symbols from a number on."""
        codes = SymbolColumn.from_symbols(self.symbols[first:]).codes
        enter(codes, np.arange(first, len(self.symbols)), self._codes, self._rows_of_codes)
