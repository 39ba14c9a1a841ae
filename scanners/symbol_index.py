"""From symbols to row numbers, for a whole batch at once.

Looking up one symbol after the other in a dictionary waits for memory at each: the hash of a new string, the
slot, the key, the number. It was the dearest step after decoding. Here the symbols of a batch become
one array of 64-bit codes, and every step is one NumPy operation over all of them, so that the waits overlap.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.intp]
Codes = NDArray[np.uint64]

CODE_BYTES: Final = 8
"""Longer symbols, which are rare, are found one by one."""

UNKNOWN: Final = -1
_SMALLEST_TABLE: Final = 1 << 12
_MULTIPLIER: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
"""2**64 divided by the golden ratio: Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4)."""

_WORD_BITS: Final = 64
_MASKS: Final = np.array([(1 << 8 * length) - 1 for length in range(CODE_BYTES + 1)], dtype=np.uint64)
_SEPARATOR: Final = "\0"


class SymbolIndex:
    """Numbers symbols in the order in which they are added. Open addressing with linear probing."""

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
            self._insert(first)

    def find(self, symbols: Sequence[str]) -> Numbers:
        """The number of each symbol; `UNKNOWN` where it has none."""
        coded = _codes(symbols)
        if coded is None:
            return np.array([self._rows.get(symbol, UNKNOWN) for symbol in symbols], dtype=np.intp)
        codes, lengths = coded
        found = self._numbers[self._slots(codes)].astype(np.intp)
        for place in np.flatnonzero(lengths > CODE_BYTES).tolist():
            found[place] = self._rows.get(symbols[place], UNKNOWN)
        return found

    def _slots(self, codes: Codes) -> Numbers:
        """For each code the slot that holds it, or the empty one where it would stand."""
        slots = ((codes * _MULTIPLIER) >> self._shift).astype(np.intp)
        held = self._codes[slots]
        pending = np.flatnonzero((held != codes) & (held != 0))
        while len(pending):
            slots[pending] = (slots[pending] + 1) & (len(self._codes) - 1)
            held = self._codes[slots[pending]]
            pending = pending[(held != codes[pending]) & (held != 0)]
        return slots

    def _make_table(self, size: int) -> None:
        self._codes = np.zeros(size, dtype=np.uint64)
        self._numbers = np.full(size, UNKNOWN, dtype=np.int32)
        self._shift = np.uint64(_WORD_BITS + 1 - size.bit_length())
        self._insert(0)

    def _insert(self, first: int) -> None:
        """Enter the symbols from a number on; those without a code of their own are looked up one by one."""
        numbers = np.array(
            [number for number in range(first, len(self.symbols)) if _has_code(self.symbols[number])],
            dtype=np.int32,
        )
        coded = _codes([self.symbols[number] for number in numbers.tolist()])
        if coded is None:
            return
        codes = coded[0]
        while len(codes):
            slots, entered = np.unique(self._slots(codes), return_index=True)
            self._codes[slots], self._numbers[slots] = codes[entered], numbers[entered]
            codes, numbers = np.delete(codes, entered), np.delete(numbers, entered)


def _has_code(symbol: str) -> bool:
    return 0 < len(symbol) <= CODE_BYTES and symbol.isascii() and _SEPARATOR not in symbol


def _codes(symbols: Sequence[str]) -> tuple[Codes, Numbers] | None:
    """The first eight bytes of each symbol as a number, and its length; None where that cannot be told.

    A code of up to eight bytes, none of which is zero, stands for one symbol alone.
    """
    text = _SEPARATOR.join(symbols) + _SEPARATOR * (CODE_BYTES + 1)
    if not text.isascii():
        return None
    data = text.encode()
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8)[:-CODE_BYTES] == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    if len(ends) != len(symbols) or not lengths.all():
        return None  # a symbol contains the separator, or is empty
    words = np.ndarray((len(data) - CODE_BYTES + 1,), dtype="<u8", buffer=data, strides=(1,))
    return words[starts] & _MASKS[np.minimum(lengths, CODE_BYTES)], lengths
