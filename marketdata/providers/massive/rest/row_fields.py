"""A row of an answer as a typed value, where some of its fields are of a wrong type. Pure functions.

What a row can do without is absent where it is of a wrong type, and costs itself alone. What a row must have
costs the row.
"""

from typing import Any, TypeVar

import msgspec

Row = TypeVar("Row")


def read_row(text: msgspec.Raw, decoder: msgspec.json.Decoder[Row]) -> Row:
    """A row as the decoder's type; a field with a default has it where its value is of a wrong type.

    The decoder alone reads a row that is sane: only others are looked at field by field.

    Raises:
        msgspec.MsgspecError, UnicodeError, RecursionError: a field without a default is missing or wrong, or
            a number is out of bounds: it is meant, and shows that the row is not sane.
    """
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        found = msgspec.json.decode(text)
    row: Row = _read_fields(found, decoder.type)
    return row


def _read_fields(found: object, kind: Any) -> Any:
    if not isinstance(found, dict):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(found).__name__}`")
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in found:
            if field.required:
                raise msgspec.ValidationError(f"Object missing required field `{field.encode_name}`")
            continue
        value = found[field.encode_name]
        is_struct = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        if is_struct and not isinstance(value, dict) and not field.required:
            continue
        try:
            values[field.name] = (
                _read_fields(value, field.type) if is_struct else msgspec.convert(value, field.type)
            )
        except msgspec.ValidationError:
            if field.required or is_struct or _is_number_out_of_bounds(value, field.type):
                raise
    return kind(**values)


def _is_number_out_of_bounds(value: object, kind: Any) -> bool:
    """Whether a number stands where one is wanted; every such field of an answer may be 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        msgspec.convert(0, kind)
    except msgspec.ValidationError:
        return False
    return True
