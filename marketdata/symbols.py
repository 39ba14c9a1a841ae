"""The symbols of many events as one column."""

from collections.abc import Sequence
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from marketdata.kernels.arrays import Codes, Integers
from marketdata.kernels.json_text import NO_CODE, packed_word
from marketdata.kernels.symbols import pack

_SEPARATOR: Final = "\0"


class SymbolColumn(Sequence[str]):
    """A column of symbols. Most have a code, a unique 64-bit number, so that no text is built for each.

    `codes[i]` is `NO_CODE` if the symbol is longer than eight bytes, or not plain ASCII. The text of symbol
    `i` begins in `text` at byte `starts[i]` and is `lengths[i]` bytes long; a negative start -n means the
    n-th of `spelled`.
    """

    def __init__(
        self, text: bytes, codes: Codes, starts: Integers, lengths: Integers, spelled: Sequence[str] = ()
    ) -> None:
        self.codes: Final = codes
        self._text = text
        self._starts = starts
        self._lengths = lengths
        self._spelled = spelled

    @classmethod
    def from_symbols(cls, symbols: Sequence[str]) -> "SymbolColumn":
        """The column of these symbols."""
        if isinstance(symbols, SymbolColumn):
            return symbols
        count = len(symbols)
        starts, lengths = np.empty((2, count), dtype=np.int64)
        codes = np.empty(count, dtype=np.uint64)
        joined = _SEPARATOR.join([*symbols, ""])
        if joined.isascii() and joined.count(_SEPARATOR) == count:
            text = joined.encode()
            pack(text, codes, starts, lengths)
            return cls(text, codes, starts, lengths)
        for index, symbol in enumerate(symbols):
            codes[index] = code_of(symbol)
        return cls(b"", codes, -1 - np.arange(count), lengths, tuple(symbols))

    def __len__(self) -> int:
        """Number of symbols."""
        return len(self.codes)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "SymbolColumn": ...

    def __getitem__(self, index: int | slice) -> "str | SymbolColumn":
        """The text of one symbol, or a column of some."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        start = int(self._starts[index])
        if start < 0:
            return self._spelled[-1 - start]
        return self._text[start : start + int(self._lengths[index])].decode()

    def take(self, indices: NDArray[np.intp]) -> "SymbolColumn":
        """The column of the symbols at the indices."""
        return SymbolColumn(
            self._text, self.codes[indices], self._starts[indices], self._lengths[indices], self._spelled
        )


def code_of(symbol: str) -> np.uint64:
    """The code of a symbol; `NO_CODE` if it has none."""
    try:
        return np.uint64(packed_word(symbol))
    except ValueError:
        return NO_CODE
