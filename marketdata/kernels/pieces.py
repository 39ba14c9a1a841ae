"""Objects told by their braces, in a text that is not JSON as a whole."""

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
"""Of so many objects the end is looked for in vain: each time to the end of the text."""


@part
def _before_next_object(text: TextBytes, at: int) -> int:
    """Behind the first closing brace before which an opening one stands, with no quote between them."""
    behind = NOT_PLAIN
    while byte_at(text, at) != END:
        if byte_at(text, at) == CLOSING_BRACE:
            behind = at + 1
        elif byte_at(text, at) == QUOTE:
            behind = NOT_PLAIN
        elif byte_at(text, at) == OPENING_BRACE and behind != NOT_PLAIN:
            return behind
        at += 1
    return NOT_PLAIN


@kernel(numba.int64(TEXT_BYTES, INTEGER_TABLE))
def find_objects(text: TextBytes, places: Integers) -> int:
    """Write start and end of each outermost object; how many there are.

    One that does not end goes up to where another seems to begin. After `MOST_UNENDED` such the rest is left.
    `text` must end with its only zero byte; `places` has a line for each opening brace in it.
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
        places[count, 0], places[count, 1] = at, end
        count += 1
        at = end
    return count
