"""Digests of the spelling of values: numbers by which texts can be compared."""

from typing import Final

import numba
import numpy as np

from marketdata.kernels.arrays import INTEGERS, TEXT_BYTES, Integers, TextBytes
from marketdata.kernels.compilation import kernel, part
from marketdata.kernels.json_text import PACKED_BYTES, packed

DIGEST_BITS: Final = 53
"""A double holds 53 bits exactly. Two different spellings have the same digest once in 2**53 pairs."""

# The factors of the finalizer of MurmurHash3 (A. Appleby, public domain): each input bit changes each output
# bit with a probability of one half. Each step is reversible, so short texts never collide.
_FIRST_FACTOR: Final = np.uint64(0xFF51_AFD7_ED55_8CCD)
_SECOND_FACTOR: Final = np.uint64(0xC4CE_B9FE_1A85_EC53)
_HALF: Final = np.uint64(33)
_SURPLUS: Final = np.uint64(64 - DIGEST_BITS)


@part
def spelling(text: TextBytes, start: int, end: int, number: int) -> np.uint64:
    """The part of the digest that comes from value `number`. Its text must have no zero byte."""
    state = np.uint64(number) * _SECOND_FACTOR
    while start < end:
        state = (state ^ packed(text, start, min(start + PACKED_BYTES, end))) * _FIRST_FACTOR
        state ^= state >> _HALF
        start += PACKED_BYTES
    return state


@part
def digest_of(sum_of_spellings: np.uint64) -> float:
    """The digest: a whole number below 2**`DIGEST_BITS`; 0 without any value."""
    state = sum_of_spellings * _SECOND_FACTOR
    return np.float64(np.int64((state ^ (state >> _HALF)) >> _SURPLUS))


@kernel(numba.float64(TEXT_BYTES, INTEGERS))
def digest_of_texts(text: TextBytes, ends: Integers) -> float:
    """The digest of values whose texts follow each other: value i ends at `ends[i]`. Empty means absent."""
    total = np.uint64(0)
    start = 0
    for index in range(len(ends)):
        if ends[index] > start:
            total += spelling(text, start, ends[index], index + 1)
        start = ends[index]
    return digest_of(total)
