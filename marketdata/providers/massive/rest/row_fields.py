"""Reads a row of an answer as a typed value, also if some of its fields have a wrong type. Pure functions.

An optional field with a wrong type counts as absent. A required field with a wrong type makes the row
invalid.
"""

from typing import Any, TypeVar

import msgspec

Row = TypeVar("Row")


def read_row(text: msgspec.Raw, decoder: msgspec.json.Decoder[Row]) -> Row:
    """A row as the decoder's type; an optional field with a value of a wrong type gets its default.

    The decoder reads a valid row at once. Only other rows are read field by field.

    Raises:
        msgspec.MsgspecError, UnicodeError, RecursionError: a field without a default is missing or wrong, or
            a number is out of bounds, which shows that the whole row is wrong.
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
    """Whether the value is a number of the wanted kind, so it must be out of bounds.

    0 is always in bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        msgspec.convert(0, kind)
    except msgspec.ValidationError:
        return False
    return True
