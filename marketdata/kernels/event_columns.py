"""Events to columns: the fields that are asked for, out of JSON arrays of events."""

import enum
from typing import Final

import numba
import numpy as np

from marketdata.kernels.arrays import (
    BYTE_TABLE,
    BYTES,
    CODES,
    INTEGER_TABLE,
    INTEGERS,
    NUMBER_TABLE,
    TEXT,
    THREE_INTEGERS,
    Bytes,
    Codes,
    Integers,
    Numbers,
    Text,
)
from marketdata.kernels.compilation import kernel, part
from marketdata.kernels.json_text import (
    CLOSING_BRACE,
    CLOSING_BRACKET,
    COLON,
    COMMA,
    END,
    NOT_PLAIN,
    OPENING_BRACE,
    OPENING_BRACKET,
    QUOTE,
    after_null,
    after_object,
    after_space,
    after_string,
    after_value,
    number,
    packed,
    whole_number,
)
from marketdata.kernels.spelling import digest_of, spelling
from marketdata.kernels.symbols import after_symbol

KEY_TABLE_BITS: Final = 6
"""The table that finds fields by their keys has 2**6 places."""

FLAG_COUNT: Final = 256
"""Codes from this number on have no flags."""


class Kind(enum.IntEnum):
    """What a field holds, and so how it is read; of any value only the spelling."""

    NUMBER = 0
    WHOLE_NUMBER = 1
    NUMBER_OR_TEXT = 2
    CODES = 3
    ANY = 4
    SYMBOL = 5
    TAG = 6


class Trait(enum.IntEnum):
    """The columns of `traits`, one line for each field.

    `LINE` and `REST_LINE` are where its values go, or `NO_LINE`; a whole number is divided by `DIVISOR`, the
    quotient goes to the first, the remainder to the other. `NULLABLE` fields may be null, which is as if they
    were absent. `GREATEST_LENGTH` bounds a symbol. A field whose spelling goes into a digest has a `NUMBER`
    among those that do, from 1 on, and the line of the digest.
    """

    KIND = 0
    LINE = 1
    REST_LINE = 2
    DIVISOR = 3
    REQUIRED = 4
    NULLABLE = 5
    GREATEST_LENGTH = 6
    NUMBER = 7


class Bound(enum.IntEnum):
    """The columns of `bounds`, one line for each field: at least, less than, and what stands for absent."""

    AT_LEAST = 0
    BELOW = 1
    ABSENT = 2


class Odd(enum.IntEnum):
    """The columns of `odd`, one line for each event that is not plain: its number, start and end."""

    EVENT = 0
    START = 1
    END = 2


NO_LINE: Final = -1
NO_TAG: Final = -1

_NUMBER: Final = int(Kind.NUMBER)
_WHOLE_NUMBER: Final = int(Kind.WHOLE_NUMBER)
_NUMBER_OR_TEXT: Final = int(Kind.NUMBER_OR_TEXT)
_CODES: Final = int(Kind.CODES)
_ANY: Final = int(Kind.ANY)
_SYMBOL: Final = int(Kind.SYMBOL)
_TAG: Final = int(Kind.TAG)
_KIND: Final = int(Trait.KIND)
_LINE: Final = int(Trait.LINE)
_REST_LINE: Final = int(Trait.REST_LINE)
_DIVISOR: Final = int(Trait.DIVISOR)
_REQUIRED: Final = int(Trait.REQUIRED)
_NULLABLE: Final = int(Trait.NULLABLE)
_GREATEST_LENGTH: Final = int(Trait.GREATEST_LENGTH)
_NUMBER_IN_DIGEST: Final = int(Trait.NUMBER)
_AT_LEAST: Final = int(Bound.AT_LEAST)
_BELOW: Final = int(Bound.BELOW)
_ABSENT: Final = int(Bound.ABSENT)
_KEY_SHIFT: Final = np.uint64(64 - KEY_TABLE_BITS)
_ONE: Final = np.uint64(1)


def place_of_key(key: int, multiplier: int) -> int:
    """Where the key, packed, stands in the table of keys: multiplicative hashing into its highest bits."""
    return (key * multiplier & (1 << 64) - 1) >> int(_KEY_SHIFT)


@part
def _read_event(
    text: Text,
    at: int,
    event: int,
    keys: Codes,
    field_of_key: Integers,
    multiplier: np.uint64,
    traits: Integers,
    bounds: Numbers,
    flags: Bytes,
    characters: Bytes,
    tags: Codes,
    span_lines: Integers,
    longest_spans: Integers,
    lines: Numbers,
    symbols: Codes,
    symbol_starts: Integers,
    symbol_lengths: Integers,
) -> int:
    """The place behind an event that was read; `NOT_PLAIN` also where something is not as it must be."""
    tag = NO_TAG
    seen = spellings = np.uint64(0)
    digest_line = NO_LINE
    at = after_space(text, at + 1)
    while True:
        start = at + 1
        at = after_string(text, at)
        if at == NOT_PLAIN:
            return NOT_PLAIN
        field = _field_of(packed(text, start, at - 1), keys, field_of_key, multiplier)
        at = after_space(text, at)
        if text[at] != COLON:
            return NOT_PLAIN
        at = after_space(text, at + 1)
        if field < 0:
            at = after_value(text, at)
        else:
            bit = _ONE << np.uint64(field)
            if seen & bit:
                return NOT_PLAIN
            kind = traits[field, _KIND]
            behind_null = after_null(text, at) if traits[field, _NULLABLE] else NOT_PLAIN
            if behind_null != NOT_PLAIN:
                bit = np.uint64(0)
                at = behind_null
            elif kind == _ANY:
                start = at
                at = after_value(text, at)
                spellings += spelling(text, start, at, traits[field, _NUMBER_IN_DIGEST])
                digest_line = traits[field, _LINE]
            elif kind == _SYMBOL:
                start = at + 1
                at = after_symbol(text, at, characters, traits[field, _GREATEST_LENGTH])
                symbols[event] = packed(text, start, at - 1)
                symbol_starts[event], symbol_lengths[event] = start, at - 1 - start
            elif kind == _TAG:
                start = at + 1
                at = after_string(text, at)
                tag = NO_TAG if at == NOT_PLAIN else _number_of(packed(text, start, at - 1), tags)
                if tag == NO_TAG:
                    return NOT_PLAIN
            else:
                at = _read_field(text, at, event, field, traits, bounds, flags, lines)
            seen |= bit
        if at == NOT_PLAIN:
            return NOT_PLAIN
        at = after_space(text, at)
        if text[at] == CLOSING_BRACE:
            if not _complete(event, seen, traits, bounds, lines) or not _has_possible_span(
                event, tag, span_lines, longest_spans, lines
            ):
                return NOT_PLAIN
            if digest_line != NO_LINE:
                lines[digest_line, event] = digest_of(spellings)
            return at + 1
        if text[at] != COMMA:
            return NOT_PLAIN
        at = after_space(text, at + 1)


@part
def _field_of(key: np.uint64, keys: Codes, field_of_key: Integers, multiplier: np.uint64) -> int:
    place = (key * multiplier) >> _KEY_SHIFT
    return int(field_of_key[place]) if keys[place] == key else -1


@part
def _number_of(code: np.uint64, tags: Codes) -> int:
    for tag in range(len(tags)):
        if code == tags[tag]:
            return tag
    return NO_TAG


@part
def _read_field(
    text: Text,
    at: int,
    event: int,
    field: int,
    traits: Integers,
    bounds: Numbers,
    flags: Bytes,
    lines: Numbers,
) -> int:
    kind, line = traits[field, _KIND], traits[field, _LINE]
    value = 0.0
    if kind == _NUMBER:
        value, at = number(text, at)
    elif kind == _WHOLE_NUMBER:
        whole, at = whole_number(text, at)
        value = np.float64(whole)
        if traits[field, _DIVISOR] != 1:
            value = np.float64(whole // traits[field, _DIVISOR])
            if traits[field, _REST_LINE] != NO_LINE:
                lines[traits[field, _REST_LINE], event] = np.float64(whole % traits[field, _DIVISOR])
        if not bounds[field, _AT_LEAST] <= np.float64(whole) < bounds[field, _BELOW]:
            return NOT_PLAIN
    elif kind == _NUMBER_OR_TEXT:
        if text[at] == QUOTE:
            value, at = number(text, at + 1)
            if at == NOT_PLAIN or text[at] != QUOTE:
                return NOT_PLAIN
            at += 1
        else:
            value, at = number(text, at)
    else:
        found, at = _flags_of_codes(text, at, flags[field])
        value = np.float64(found)
    if at == NOT_PLAIN or (kind == _NUMBER and not bounds[field, _AT_LEAST] <= value < bounds[field, _BELOW]):
        return NOT_PLAIN
    if line != NO_LINE:
        lines[line, event] = value
    return at


@part
def _flags_of_codes(text: Text, at: int, flags: Bytes) -> tuple[int, int]:
    """All flags that any of an array of whole numbers has, and the place behind the array."""
    found = 0
    if text[at] != OPENING_BRACKET:
        return 0, NOT_PLAIN
    at = after_space(text, at + 1)
    if text[at] == CLOSING_BRACKET:
        return 0, at + 1
    while True:
        code, at = whole_number(text, at)
        if at == NOT_PLAIN:
            return 0, NOT_PLAIN
        if code < FLAG_COUNT:
            found |= flags[code]
        at = after_space(text, at)
        if text[at] == CLOSING_BRACKET:
            return found, at + 1
        if text[at] != COMMA:
            return 0, NOT_PLAIN
        at = after_space(text, at + 1)


@part
def _complete(event: int, seen: np.uint64, traits: Integers, bounds: Numbers, lines: Numbers) -> bool:
    """Give the fields that were not seen their values; False if one of them had to be there."""
    for field in range(len(traits)):
        if not seen >> np.uint64(field) & _ONE:
            if traits[field, _REQUIRED]:
                return False
            if traits[field, _LINE] != NO_LINE:
                lines[traits[field, _LINE], event] = bounds[field, _ABSENT]
            if traits[field, _REST_LINE] != NO_LINE:
                lines[traits[field, _REST_LINE], event] = bounds[field, _ABSENT]
    return True


@part
def _has_possible_span(
    event: int, tag: int, span_lines: Integers, longest_spans: Integers, lines: Numbers
) -> bool:
    """Whether an event whose fields are complete ends after it starts, and early enough."""
    if span_lines[0] == NO_LINE:
        return True
    return bool(0 < lines[span_lines[1], event] - lines[span_lines[0], event] <= longest_spans[tag])


@kernel(numba.int64(TEXT))
def count_objects(text: Text) -> int:
    """At least as many as there are objects in a text: how often an object might start."""
    count = 0
    for byte in text:
        count += byte == OPENING_BRACE
    return count


@kernel(
    THREE_INTEGERS(
        TEXT, INTEGERS, THREE_INTEGERS,
        CODES, INTEGERS, numba.uint64, INTEGER_TABLE, NUMBER_TABLE, BYTE_TABLE, BYTES, CODES,
        INTEGERS, INTEGERS,
        NUMBER_TABLE, CODES, INTEGERS, INTEGERS, INTEGERS, INTEGER_TABLE,
    )
)  # fmt: skip
def read_events(
    text: Text,
    bodies: Integers,
    progress: tuple[int, int, int],
    keys: Codes,
    field_of_key: Integers,
    multiplier: np.uint64,
    traits: Integers,
    bounds: Numbers,
    flags: Bytes,
    characters: Bytes,
    tags: Codes,
    span_lines: Integers,
    longest_spans: Integers,
    lines: Numbers,
    symbols: Codes,
    symbol_starts: Integers,
    symbol_lengths: Integers,
    counts: Integers,
    odd: Integers,
) -> tuple[int, int, int]:
    """Read bodies, each a JSON array of events, from `progress` on; stop at one that cannot be followed.

    `bodies[i]` is where a body starts in `text`; a zero byte stands before the next start, and the last one
    is that of a body that does not exist. `progress` is the number of the body, of its first event (where
    that goes), and of its first odd one. Given back are the same three as they were before the body that
    could not be followed, or at the end.

    A field is found through `keys` and `field_of_key` (see `place_of_key`) and described by a line of
    `traits`, `bounds` and `flags`: a field of codes becomes all flags that its codes have. Symbols consist of
    `characters` (see `characters_of`). `tags` are the packed types of event. Where `span_lines` names the
    lines of a start and an end, an event of the type `tags[i]` ends after it starts, and by no more than
    `longest_spans[i]`. Written are, for each event, a column of `lines`, the packed symbol, its start and its
    length; for each body the count of its events; for each odd event, whose columns elsewhere mean nothing, a
    line of `odd`.
    """
    body, count, odd_count = progress
    while body < len(bodies) - 1:
        first, first_odd = count, odd_count
        at = after_space(text, bodies[body])
        if text[at] != OPENING_BRACKET:
            return body, first, first_odd
        at = after_space(text, at + 1)
        while text[at] != CLOSING_BRACKET:
            if text[at] != OPENING_BRACE:
                return body, first, first_odd
            end = _read_event(
                text, at, count, keys, field_of_key, multiplier, traits, bounds, flags, characters, tags,
                span_lines, longest_spans, lines, symbols, symbol_starts, symbol_lengths,
            )  # fmt: skip
            if end == NOT_PLAIN:
                end = after_object(text, at)
                if end == NOT_PLAIN:
                    return body, first, first_odd
                odd[odd_count, 0], odd[odd_count, 1], odd[odd_count, 2] = count, at, end
                odd_count += 1
            count += 1
            at = after_space(text, end)
            if text[at] == COMMA:
                at = after_space(text, at + 1)
                if text[at] == CLOSING_BRACKET:
                    return body, first, first_odd
            elif text[at] != CLOSING_BRACKET:
                return body, first, first_odd
        at = after_space(text, at + 1)
        if text[at] != END or at != bodies[body + 1] - 1:
            return body, first, first_odd
        counts[body] = count - first
        body += 1
    return body, count, odd_count
