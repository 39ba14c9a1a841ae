"""Translates a provider's declared events to the layout by which a kernel reads fields into columns."""

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from msgspec import inspect
from numpy.typing import NDArray

from marketdata.events import SPAN_FIELDS, SYMBOL_PATTERN
from marketdata.kernels.arrays import Record, Records
from marketdata.kernels.event_columns import (
    EVENT_TYPE,
    FIELD,
    FLAG_COUNT,
    KEY,
    KEY_TABLE_BITS,
    MOST_FIELDS,
    NO_COLUMN,
    NO_FIELD,
    EventLayout,
    Kind,
    slot_of_key,
)
from marketdata.kernels.json_text import packed_word
from marketdata.kernels.spelling import digest_of_texts
from marketdata.kernels.symbols import characters_of

EventMatrix = NDArray[np.float64]
"""Events as numbers, column by column: `matrix[c, i]` is column c of event i. NaN is absent."""


class Flags(msgspec.Struct, frozen=True):
    """Column of a field of codes: the bits of all codes of an event, combined with OR.

    `of_code` gives the bits of a code. Codes and bits are from 0 to 255; other codes have no bits.
    """

    field: str
    of_code: Mapping[int, int]


class Quotient(msgspec.Struct, frozen=True):
    """Column of a whole number that is too large for a double: its quotient by the divisor."""

    field: str
    divisor: int


class Remainder(msgspec.Struct, frozen=True):
    """Column of the remainder of that division, beside the `Quotient` of the same field."""

    field: str
    divisor: int


class Digest(msgspec.Struct, frozen=True):
    """Column of a digest over the texts of some fields: a whole number below 2**53.

    Two events with the same texts there have the same digest. A null field counts as absent.
    """

    fields: tuple[str, ...]


ColumnSource: TypeAlias = str | Flags | Quotient | Remainder | Digest
"""The source of a column. The name of a field alone means its number, also one that is written as text."""

_SYMBOL_FIELD: Final = "symbol"
_NULL: Final = b"null"
_GOLDEN_RATIO: Final = 0x9E37_79B9_7F4A_7C15
_WORD: Final = 2**64 - 1
_ATTEMPTS: Final = 10_000  # a quarter to a sixth of them succeed
SYMBOL_CHARACTERS: Final = characters_of(SYMBOL_PATTERN)
_NUMBER_OR_TEXT: Final = inspect.UnionType((inspect.FloatType(), inspect.StrType()))
_KINDS: Final[Mapping[type[inspect.Type], Kind]] = MappingProxyType(
    {
        inspect.FloatType: Kind.NUMBER,
        inspect.IntType: Kind.WHOLE_NUMBER,
        inspect.StrType: Kind.SYMBOL,
        inspect.VarTupleType: Kind.CODES,
        inspect.RawType: Kind.ANY,
    }
)


def layout_of(structs: Sequence[type[msgspec.Struct]], sources: Sequence[ColumnSource]) -> EventLayout:
    """The layout of events that differ only in their tags.

    Raises:
        TypeError: they differ in their fields, a source does not fit the field that it names, or an event
            with a bounded span has no column for its start or its end.
        ValueError: a key or a tag is longer than kernels accept, or there are too many fields.
    """
    infos = [_struct_info(struct) for struct in structs]
    declared = infos[0].fields
    if any(info.fields != declared or info.tag_field != infos[0].tag_field for info in infos):
        raise TypeError(f"{[struct.__name__ for struct in structs]} differ in their fields")
    fields = np.zeros(len(declared) + 1, dtype=FIELD)
    if len(fields) > MOST_FIELDS:
        raise ValueError(f"{structs[0].__name__} has {len(declared)} fields; accepted: {MOST_FIELDS - 1}")
    fields["column"] = fields["remainder_column"] = NO_COLUMN
    fields["divisor"] = 1
    fields["absent"] = math.nan
    fields[-1]["kind"] = Kind.TAG
    flags = np.zeros((len(fields), FLAG_COUNT), dtype=np.uint8)
    for number, field in enumerate(declared):
        _describe(field, fields[number])
    number_of_field = {field.name: number for number, field in enumerate(declared)}
    for column, source in enumerate(sources):
        for ordinal, name in enumerate(fields_of(source), 1):
            if name not in number_of_field:
                raise TypeError(f"{structs[0].__name__} has no field {name!r}")
            number = number_of_field[name]
            _direct(source, ordinal, column, fields[number], flags[number])
    is_required = np.array([*(field.required for field in declared), True])
    has_column = (fields["column"] != NO_COLUMN) | (fields["remainder_column"] != NO_COLUMN)
    keys, multiplier = _key_table([*(field.encode_name for field in declared), str(infos[0].tag_field)])
    start_column, end_column = _span_columns(structs, sources)
    return EventLayout(
        keys=keys,
        multiplier=multiplier,
        fields=fields,
        required=_bits(is_required),
        defaulted=_bits(~is_required & has_column),
        flags=flags,
        characters=SYMBOL_CHARACTERS,
        types=np.array(
            [(packed_word(str(info.tag)), _longest_span_ms(info.cls)) for info in infos], dtype=EVENT_TYPE
        ),
        start_column=start_column,
        end_column=end_column,
    )


def fields_of(source: ColumnSource) -> Sequence[str]:
    """The names of the fields of which a column is made."""
    match source:
        case str():
            return (source,)
        case Digest(fields):
            return fields
        case _:
            return (source.field,)


def values_of(event: Any, sources: Sequence[ColumnSource]) -> list[float]:
    """The value of a decoded event for each column: the same as the kernel reads."""
    return [_value_of(event, source) for source in sources]


def _value_of(event: Any, source: ColumnSource) -> float:
    match source:
        case Flags(field, of_code):
            codes = getattr(event, field) or ()
            return float(functools.reduce(operator.or_, (of_code.get(code, 0) for code in codes), 0))
        case Quotient(field, divisor):
            return float(getattr(event, field) // divisor)
        case Remainder(field, divisor):
            return float(getattr(event, field) % divisor)
        case Digest(fields):
            return _digest([bytes(getattr(event, field)) for field in fields])
        case _:
            value = getattr(event, source)
            return _absent(event, source) if value is None else _number(value)


def _digest(spellings: Sequence[bytes]) -> float:
    texts = [b"" if spelling == _NULL else spelling for spelling in spellings]
    return digest_of_texts(b"".join(texts), np.cumsum([len(text) for text in texts]))


def _absent(event: Any, name: str) -> float:
    """The value for a field that is absent or null."""
    (default,) = (field.default for field in msgspec.structs.fields(event) if field.name == name)
    return _number(default)


def _number(value: Any) -> float:
    """A number, also one that is written as text; 0 for no codes and for an empty spelling, else NaN."""
    if value == () or isinstance(value, msgspec.Raw):
        return 0.0
    try:
        return math.nan if value is None else float(value)
    except ValueError:  # the text is not a number
        return math.nan


def _struct_info(struct: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType) or info.tag_field is None:
        raise TypeError(f"{struct.__name__} is not a tagged struct")
    return info


def _describe(declared: inspect.Field, field: Record) -> None:
    """Write the properties of a field that do not depend on its column.

    Raises:
        TypeError: a kernel does not support its type or its bounds.
    """
    kind_info = declared.type
    if isinstance(kind_info, inspect.UnionType):
        kinds = [each for each in kind_info.types if not isinstance(each, inspect.NoneType)]
        field["is_nullable"] = len(kinds) < len(kind_info.types)
        kind_info = kinds[0] if len(kinds) == 1 else inspect.UnionType(tuple(kinds))
    if kind_info == _NUMBER_OR_TEXT:
        field["kind"] = Kind.NUMBER_OR_TEXT
    elif type(kind_info) in _KINDS:
        field["kind"] = _KINDS[type(kind_info)]
    else:
        raise TypeError(f"field {declared.name!r} has a type that cannot become a column: {kind_info}")
    field["at_least"], field["below"] = -math.inf, math.inf
    match kind_info:
        case (
            inspect.FloatType(ge=least, lt=below, gt=None, le=None)
            | inspect.IntType(ge=least, lt=below, gt=None, le=None)
        ):
            field["at_least"] = -math.inf if least is None else least
            field["below"] = math.inf if below is None else below
        case inspect.StrType(min_length=1, max_length=int(longest), pattern=pattern) if (
            declared.name == _SYMBOL_FIELD and pattern == SYMBOL_PATTERN
        ):
            field["longest"] = longest
        case inspect.RawType():
            field["is_nullable"] = True
        case inspect.UnionType():
            pass
        case inspect.VarTupleType(item_type=inspect.IntType(ge=None, lt=None, gt=None, le=None)):
            pass
        case _:
            raise TypeError(f"field {declared.name!r} has bounds that a kernel does not know: {kind_info}")
    field["absent"] = math.nan if declared.required else _number(declared.default)


def _direct(source: ColumnSource, ordinal: int, column: int, field: Record, flags: NDArray[np.uint8]) -> None:
    """Direct the values of a field to a column. `ordinal` counts the fields of the source, from 1 on.

    Raises:
        TypeError: the field has no such values, or they already go to another column or have another divisor.
    """
    kind = Kind(field["kind"])
    goal, other = (
        ("remainder_column", "column") if isinstance(source, Remainder) else ("column", "remainder_column")
    )
    divisor = source.divisor if isinstance(source, Quotient | Remainder) else 1
    if field[goal] != NO_COLUMN or (field[other] != NO_COLUMN and field["divisor"] != divisor):
        raise TypeError(f"{source} does not go with another column of the same field")
    match source, kind:
        case str(), Kind.NUMBER | Kind.WHOLE_NUMBER | Kind.NUMBER_OR_TEXT:
            pass
        case Digest(), Kind.ANY:
            field["number_in_digest"] = ordinal
        case Flags(of_code=of_code), Kind.CODES:
            if not all(0 <= number < FLAG_COUNT for number in (*of_code, *of_code.values())):
                raise TypeError(f"{source}: codes and bits must be from 0 to {FLAG_COUNT - 1}")
            for code, bits in of_code.items():
                flags[code] = bits
        case Quotient() | Remainder(), Kind.WHOLE_NUMBER:
            field["divisor"] = divisor
        case _:
            raise TypeError(f"{source} does not fit a field of kind {kind.name.lower()}")
    field[goal] = column


def _span_columns(
    structs: Sequence[type[msgspec.Struct]], sources: Sequence[ColumnSource]
) -> tuple[int, int]:
    """The columns of start and end of events with a bounded span, else `NO_COLUMN` twice.

    Raises:
        TypeError: the start or the end has no column.
    """
    if not any(map(_longest_span_ms, structs)):
        return NO_COLUMN, NO_COLUMN
    if missing := [name for name in SPAN_FIELDS if name not in sources]:
        raise TypeError(f"{structs[0].__name__} needs a column of {missing[0]!r}: its span is bounded")
    start, end = (sources.index(name) for name in SPAN_FIELDS)
    return start, end


def _longest_span_ms(struct: type) -> int:
    return getattr(struct, "longest_span_ms", 0)


def _bits(chosen: NDArray[np.bool_]) -> np.uint64:
    """A word with the chosen bits set."""
    return np.uint64(sum(1 << number for number in np.flatnonzero(chosen).tolist()))


def _key_table(keys: Sequence[str]) -> tuple[Records, np.uint64]:
    """The hash table of keys and their numbers, with a multiplier that gives each key its own slot."""
    codes = [packed_word(key) for key in keys]
    multiplier = next(
        candidate
        for candidate in (_GOLDEN_RATIO * attempt & _WORD for attempt in range(1, _ATTEMPTS))
        if len({slot_of_key(code, candidate) for code in codes}) == len(codes)
    )
    table = np.zeros(1 << KEY_TABLE_BITS, dtype=KEY)
    table["field"] = NO_FIELD
    for number, code in enumerate(codes):
        table[slot_of_key(code, multiplier)] = code, number
    return table, np.uint64(multiplier)
