"""Reads the wanted fields of events, in JSON arrays, into columns."""

import enum
from typing import Final, NamedTuple

import numba
import numpy as np

from marketdata.kernels.arrays import (
    BYTE_ARRAY,
    BYTE_TABLE,
    CODES,
    INTEGERS,
    NUMBER_TABLE,
    TEXT_BYTES,
    THREE_INTEGERS,
    ByteArray,
    Codes,
    Integers,
    Numbers,
    Record,
    Records,
    TextBytes,
    named_tuple,
    records_of,
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
    after_value,
    byte_at,
    number,
    packed,
    whole_number,
    word,
)
from marketdata.kernels.spelling import digest_of, spelling
from marketdata.kernels.symbols import after_symbol

KEY_TABLE_BITS: Final = 6
"""The hash table that finds fields by their keys has 2**6 slots."""

FLAG_COUNT: Final = 256
"""Flags exist for codes below this number."""

MOST_FIELDS: Final = 64
"""The maximum number of fields of an event: one 64-bit word notes which of them were seen."""


class Kind(enum.IntEnum):
    """The type of a field, which decides how it is read. Of `ANY` only the spelling is read."""

    NUMBER = 0
    WHOLE_NUMBER = 1
    NUMBER_OR_TEXT = 2
    CODES = 3
    ANY = 4
    SYMBOL = 5
    TAG = 6


KEY: Final = np.dtype([("code", np.uint64), ("field", np.int64)])
"""A slot of the hash table of keys: a packed key, or `NO_CODE`; and the number of its field."""

FIELD: Final = np.dtype(
    [
        ("kind", np.int64),
        ("column", np.int64),
        ("remainder_column", np.int64),
        ("divisor", np.int64),
        ("is_nullable", np.int64),
        ("longest", np.int64),
        ("number_in_digest", np.int64),
        ("at_least", np.float64),
        ("below", np.float64),
        ("absent", np.float64),
    ]
)
"""The declaration of a field.

Its values go to `column`, unless that is `NO_COLUMN`. A whole number is divided by `divisor`: the quotient
goes to `column`, the remainder to `remainder_column`. A field that `is_nullable` may be null, which counts as
absent. The column then gets `absent`. `longest` bounds a symbol, in bytes; `at_least` and `below` bound a
number. If the spelling of the field goes into a digest, `column` is the column of the digest, and
`number_in_digest` counts such fields, from 1 on.
"""

EVENT_TYPE: Final = np.dtype([("tag", np.uint64), ("longest_span_ms", np.int64)])
"""A type of event: its packed name, and the longest time from the start to the end of an event."""

ODD_EVENT: Final = np.dtype([("event", np.int64), ("start", np.int64), ("end", np.int64)])
"""An event that is not plain: its number, and the start and end offsets of its text."""

NO_COLUMN: Final = -1
NO_TYPE: Final = -1
NO_FIELD: Final = -1

_KEY_SHIFT: Final = np.uint64(64 - KEY_TABLE_BITS)
_ONE: Final = np.uint64(1)
_NO_BITS: Final = np.uint64(0)


class EventLayout(NamedTuple):
    """The fields of the events of a queue, and the column of each field.

    `keys` is a hash table of `KEY` (see `slot_of_key`). `fields` has a `FIELD` for each field. `required` has
    a bit for each required field, `defaulted` a bit for each other field with a column. `flags` has, for each
    field, the bits of each code. `characters` are those of symbols (see `characters_of`). `types` has an
    `EVENT_TYPE` for each accepted type. If events have a span, its start and end are in the columns
    `start_column` and `end_column`; else these are `NO_COLUMN`.
    """

    keys: Records
    multiplier: np.uint64
    fields: Records
    required: np.uint64
    defaulted: np.uint64
    flags: ByteArray
    characters: ByteArray
    types: Records
    start_column: int
    end_column: int


class EventArrays(NamedTuple):
    """The output of the kernel.

    `values[c, i]` is column c of event i. For each event: the packed symbol, and the symbol's start and
    length. For each body: the number of its events. `odd` gets an `ODD_EVENT` for each event that is not
    plain.
    """

    values: Numbers
    symbols: Codes
    symbol_starts: Integers
    symbol_lengths: Integers
    counts: Integers
    odd: Records


_LAYOUT: Final = named_tuple(
    EventLayout,
    records_of(KEY),
    numba.uint64,
    records_of(FIELD),
    numba.uint64,
    numba.uint64,
    BYTE_TABLE,
    BYTE_ARRAY,
    records_of(EVENT_TYPE),
    numba.int64,
    numba.int64,
)
_ARRAYS: Final = named_tuple(
    EventArrays, NUMBER_TABLE, CODES, INTEGERS, INTEGERS, INTEGERS, records_of(ODD_EVENT)
)


def slot_of_key(key: int, multiplier: int) -> int:
    """The slot of a packed key in the table of keys: multiplicative hashing, the highest bits."""
    return (key * multiplier & (1 << 64) - 1) >> int(_KEY_SHIFT)


@part
def _read_event(text: TextBytes, at: int, event: int, layout: EventLayout, arrays: EventArrays) -> int:
    """Read an event; returns the offset after it, or `NOT_PLAIN` if anything in it is not as declared."""
    event_type = NO_TYPE
    seen = spellings = _NO_BITS
    digest_column = NO_COLUMN
    at = after_space(text, at + 1)
    while True:
        key, at = word(text, at)
        if at == NOT_PLAIN:
            return NOT_PLAIN
        at = after_space(text, at)
        if byte_at(text, at) != COLON:
            return NOT_PLAIN
        at = after_space(text, at + 1)
        number_of_field = _field_of(key, layout)
        if number_of_field == NO_FIELD:
            at = after_value(text, at)
        else:
            bit = _ONE << np.uint64(number_of_field)
            if seen & bit:
                return NOT_PLAIN
            field = layout.fields[number_of_field]
            kind = field["kind"]
            after_null_at = after_null(text, at) if field["is_nullable"] else NOT_PLAIN
            if after_null_at != NOT_PLAIN:
                bit = _NO_BITS
                at = after_null_at
            elif kind == Kind.SYMBOL:
                start = at + 1
                at = after_symbol(text, at, layout.characters, field["longest"])
                arrays.symbols[event] = packed(text, start, at - 1)
                arrays.symbol_starts[event], arrays.symbol_lengths[event] = start, at - 1 - start
            elif kind == Kind.TAG:
                tag, at = word(text, at)
                event_type = _type_of(tag, layout.types)
                if event_type == NO_TYPE:
                    return NOT_PLAIN
            elif kind == Kind.ANY:
                start = at
                at = after_value(text, at)
                spellings += spelling(text, start, at, field["number_in_digest"])
                digest_column = field["column"]
            else:
                at = _read_to_column(text, at, event, number_of_field, layout, arrays.values)
            seen |= bit
        if at == NOT_PLAIN:
            return NOT_PLAIN
        at = after_space(text, at)
        if byte_at(text, at) == CLOSING_BRACE:
            break
        if byte_at(text, at) != COMMA:
            return NOT_PLAIN
        at = after_space(text, at + 1)
    if not _is_complete(event, event_type, seen, layout, arrays.values):
        return NOT_PLAIN
    if digest_column != NO_COLUMN:
        arrays.values[digest_column, event] = digest_of(spellings)
    return at + 1


@part
def _field_of(key: np.uint64, layout: EventLayout) -> int:
    slot = layout.keys[(key * layout.multiplier) >> _KEY_SHIFT]
    return int(slot["field"]) if slot["code"] == key else NO_FIELD


@part
def _type_of(tag: np.uint64, types: Records) -> int:
    for number_of_type in range(len(types)):
        if types[number_of_type]["tag"] == tag:
            return number_of_type
    return NO_TYPE


@part
def _read_to_column(
    text: TextBytes, at: int, event: int, number_of_field: int, layout: EventLayout, values: Numbers
) -> int:
    """Read a value into its column; returns the offset after it."""
    field = layout.fields[number_of_field]
    kind = field["kind"]
    if kind == Kind.NUMBER:
        return _read_number(text, at, event, field, values)
    if kind == Kind.WHOLE_NUMBER:
        return _read_whole_number(text, at, event, field, values)
    if kind == Kind.NUMBER_OR_TEXT:
        return _read_number_or_text(text, at, event, field, values)
    flags, at = _flags_of_codes(text, at, layout.flags[number_of_field])
    if at != NOT_PLAIN and field["column"] != NO_COLUMN:
        values[field["column"], event] = np.float64(flags)
    return at


@part
def _read_number(text: TextBytes, at: int, event: int, field: Record, values: Numbers) -> int:
    value, at = number(text, at)
    if at == NOT_PLAIN or not field["at_least"] <= value < field["below"]:
        return NOT_PLAIN
    if field["column"] != NO_COLUMN:
        values[field["column"], event] = value
    return at


@part
def _read_whole_number(text: TextBytes, at: int, event: int, field: Record, values: Numbers) -> int:
    whole, at = whole_number(text, at)
    if at == NOT_PLAIN or not field["at_least"] <= np.float64(whole) < field["below"]:
        return NOT_PLAIN
    if field["divisor"] == 1:
        if field["column"] != NO_COLUMN:
            values[field["column"], event] = np.float64(whole)
        return at
    if field["column"] != NO_COLUMN:
        values[field["column"], event] = np.float64(whole // field["divisor"])
    if field["remainder_column"] != NO_COLUMN:
        values[field["remainder_column"], event] = np.float64(whole % field["divisor"])
    return at


@part
def _read_number_or_text(text: TextBytes, at: int, event: int, field: Record, values: Numbers) -> int:
    is_text = byte_at(text, at) == QUOTE
    value, at = number(text, at + is_text)
    if at == NOT_PLAIN or (is_text and byte_at(text, at) != QUOTE):
        return NOT_PLAIN
    if field["column"] != NO_COLUMN:
        values[field["column"], event] = value
    return at + is_text


@part
def _flags_of_codes(text: TextBytes, at: int, flags: ByteArray) -> tuple[int, int]:
    """The flags of all codes in an array of whole numbers, and the offset after the array."""
    found = 0
    if byte_at(text, at) != OPENING_BRACKET:
        return 0, NOT_PLAIN
    at = after_space(text, at + 1)
    if byte_at(text, at) == CLOSING_BRACKET:
        return 0, at + 1
    while True:
        code, at = whole_number(text, at)
        if at == NOT_PLAIN:
            return 0, NOT_PLAIN
        if code < FLAG_COUNT:
            found |= flags[code]
        at = after_space(text, at)
        if byte_at(text, at) == CLOSING_BRACKET:
            return found, at + 1
        if byte_at(text, at) != COMMA:
            return 0, NOT_PLAIN
        at = after_space(text, at + 1)


@part
def _is_complete(event: int, event_type: int, seen: np.uint64, layout: EventLayout, values: Numbers) -> bool:
    """Whether an event has all required fields. Writes the default values of its absent fields."""
    if seen & layout.required != layout.required:
        return False
    if ~seen & layout.defaulted:
        _write_absent(event, seen, layout, values)
    return _has_possible_span(event, event_type, layout, values)


@part
def _write_absent(event: int, seen: np.uint64, layout: EventLayout, values: Numbers) -> None:
    """Write the values for the fields that were not seen into their columns."""
    for number_of_field in range(len(layout.fields)):
        if not seen >> np.uint64(number_of_field) & _ONE:
            field = layout.fields[number_of_field]
            if field["column"] != NO_COLUMN:
                values[field["column"], event] = field["absent"]
            if field["remainder_column"] != NO_COLUMN:
                values[field["remainder_column"], event] = field["absent"]


@part
def _has_possible_span(event: int, event_type: int, layout: EventLayout, values: Numbers) -> bool:
    """Whether an event whose fields are complete ends after it starts, and early enough."""
    if layout.start_column == NO_COLUMN:
        return True
    span_ms = values[layout.end_column, event] - values[layout.start_column, event]
    return bool(0 < span_ms <= layout.types[event_type]["longest_span_ms"])


@kernel(THREE_INTEGERS(TEXT_BYTES, INTEGERS, THREE_INTEGERS, _LAYOUT, _ARRAYS))
def read_events(
    text: TextBytes,
    bodies: Integers,
    progress: tuple[int, int, int],
    layout: EventLayout,
    arrays: EventArrays,
) -> tuple[int, int, int]:
    """Read bodies, each a JSON array of events, from `progress` on; stop at a body that is not plain.

    `bodies[i]` is the offset of body i in `text`. Each body ends with a zero byte, and the last entry of
    `bodies` is the end of the text. `progress` is the number of a body, and the indexes at which its first
    event and its first odd event are written. The same three are returned: as they were before the body
    that is not plain, or at the end. The columns of an odd event in `arrays` are undefined.
    """
    body, count, odd_count = progress
    while body < len(bodies) - 1:
        first, first_odd = count, odd_count
        at = after_space(text, bodies[body])
        if byte_at(text, at) != OPENING_BRACKET:
            return body, first, first_odd
        at = after_space(text, at + 1)
        while byte_at(text, at) != CLOSING_BRACKET:
            if byte_at(text, at) != OPENING_BRACE:
                return body, first, first_odd
            end = _read_event(text, at, count, layout, arrays)
            if end == NOT_PLAIN:
                end = after_object(text, at)
                if end == NOT_PLAIN:
                    return body, first, first_odd
                odd = arrays.odd[odd_count]
                odd["event"], odd["start"], odd["end"] = count, at, end
                odd_count += 1
            count += 1
            at = after_space(text, end)
            if byte_at(text, at) == COMMA:
                at = after_space(text, at + 1)
                if byte_at(text, at) == CLOSING_BRACKET:
                    return body, first, first_odd
            elif byte_at(text, at) != CLOSING_BRACKET:
                return body, first, first_odd
        at = after_space(text, at + 1)
        if byte_at(text, at) != END or at != bodies[body + 1] - 1:
            return body, first, first_odd
        arrays.counts[body] = count - first
        body += 1
    return body, count, odd_count
