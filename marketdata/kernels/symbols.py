"""Symbols: their characters, their packed codes, and the hash table that finds their rows.

A symbol of up to eight bytes, none of them zero, is one 64-bit code. The table uses open addressing with
linear probing. Its size is a power of two, and at least one slot is free. A free slot holds `NO_CODE`.
"""

import re
from typing import Final

import numba
import numpy as np

from marketdata.kernels.arrays import CODES, INTEGERS, TEXT_BYTES, ByteArray, Codes, Integers, TextBytes
from marketdata.kernels.compilation import kernel, part
from marketdata.kernels.json_text import NO_CODE, NOT_PLAIN, QUOTE, byte_at, packed

UNKNOWN: Final = -1

BEGINS: Final = 1
GOES_ON: Final = 2
_BYTES: Final = 256
_ASCII: Final = 128

_MULTIPLIER: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
"""2**64 divided by the golden ratio: Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4)."""

_HALF: Final = np.uint64(32)


def characters_of(pattern: str) -> ByteArray:
    """For each byte, whether a symbol of this pattern may begin (`BEGINS`) and go on (`GOES_ON`) with it.

    The pattern must have one rule for the first character and one rule for each other character.
    """
    characters = np.zeros(_BYTES, dtype=np.uint8)
    symbols = re.compile(pattern)
    letters = [chr(code) for code in range(_ASCII)]
    first = next(letter for letter in letters if symbols.search(letter))
    for code, letter in enumerate(letters):
        characters[code] |= BEGINS * bool(symbols.search(letter))
        characters[code] |= GOES_ON * bool(symbols.search(first + letter))
    return characters


@part
def after_symbol(text: TextBytes, at: int, characters: ByteArray, longest: int) -> int:
    """The offset after a quoted symbol of up to `longest` `characters` (see `characters_of`)."""
    if byte_at(text, at) != QUOTE or not characters[byte_at(text, at + 1)] & BEGINS:
        return NOT_PLAIN
    start = at + 1
    at += 2
    while characters[byte_at(text, at)] & GOES_ON:
        at += 1
    return at + 1 if byte_at(text, at) == QUOTE and at - start <= longest else NOT_PLAIN


@part
def _slot_of(code: np.uint64, table: Codes) -> int:
    """The slot of the code in the table, or the free slot for it."""
    mask = np.int64(len(table) - 1)
    slot = np.int64((code * _MULTIPLIER) >> _HALF) & mask
    while table[slot] not in (code, NO_CODE):
        slot = (slot + 1) & mask
    return int(slot)


@kernel(numba.void(TEXT_BYTES, CODES, INTEGERS, INTEGERS))
def pack(text: TextBytes, codes: Codes, starts: Integers, lengths: Integers) -> None:
    """Write code, start and length of each symbol in a text in which a zero byte follows each symbol."""
    start = 0
    for index in range(len(codes)):
        end = start
        while byte_at(text, end) != 0:
            end += 1
        starts[index], lengths[index] = start, end - start
        codes[index] = packed(text, start, end)
        start = end + 1


@kernel(numba.void(CODES, INTEGERS, CODES, INTEGERS))
def enter(codes: Codes, rows: Integers, table: Codes, rows_in_table: Integers) -> None:
    """Add codes with their rows to the table. The codes must not be in it yet."""
    for index in range(len(codes)):
        if codes[index] != NO_CODE:
            slot = _slot_of(codes[index], table)
            table[slot] = codes[index]
            rows_in_table[slot] = rows[index]


@kernel(numba.boolean(CODES, CODES, INTEGERS, INTEGERS))
def find(codes: Codes, table: Codes, rows_in_table: Integers, rows: Integers) -> bool:
    """Write the row of each code, `UNKNOWN` for a code without one; returns whether all were found."""
    all_found = True
    for index in range(len(codes)):
        row = rows_in_table[_slot_of(codes[index], table)] if codes[index] != NO_CODE else UNKNOWN
        rows[index] = row
        all_found &= row != UNKNOWN
    return all_found
