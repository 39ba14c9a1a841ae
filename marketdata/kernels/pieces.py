"""Finds objects by their braces, in a text that as a whole is not JSON."""

from typing import Final

import numba

from marketdata.kernels.arrays import INTEGER_TABLE, TEXT_BYTES, Integers, TextBytes
from marketdata.kernels.compilation import kernel, part
from marketdata.kernels.json_text import (
    CLOSING_BRACE,
    END,
    NOT_PLAIN,
    OPENING_BRACE,
    QUOTE,
    after_object,
    byte_at,
)

MOST_UNENDED: Final = 8
"""The search stops after this many objects without an end: each of them costs a pass over the whole text."""


@part
def _before_next_object(text: TextBytes, at: int) -> int:
    """The offset after the next closing brace that an opening brace follows, without a quote between them."""
    after_brace = NOT_PLAIN
    while byte_at(text, at) != END:
        if byte_at(text, at) == CLOSING_BRACE:
            after_brace = at + 1
        elif byte_at(text, at) == QUOTE:
            after_brace = NOT_PLAIN
        elif byte_at(text, at) == OPENING_BRACE and after_brace != NOT_PLAIN:
            return after_brace
        at += 1
    return NOT_PLAIN


@kernel(numba.int64(TEXT_BYTES, INTEGER_TABLE))
def find_objects(text: TextBytes, offsets: Integers) -> int:
    """Write start and end of each outermost object into `offsets`; returns the number of objects.

    An object without an end is ended where another one seems to begin. After `MOST_UNENDED` such objects the
    search stops. `text` must end with its only zero byte; `offsets` has a row for each opening brace in it.
    """
    count = 0
    unended = 0
    at = 0
    while byte_at(text, at) != END:
        if byte_at(text, at) != OPENING_BRACE:
            at += 1
            continue
        end = after_object(text, at)
        if end == NOT_PLAIN:
            unended += 1
            end = _before_next_object(text, at)
        if end == NOT_PLAIN or unended > MOST_UNENDED:
            break
        offsets[count, 0], offsets[count, 1] = at, end
        count += 1
        at = end
    return count
