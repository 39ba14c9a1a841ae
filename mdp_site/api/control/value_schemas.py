"""The JSON schemas of settings and of the arguments of actions, from their declarations."""

from typing import Any

import msgspec

from marketdata.runtime.settings import Declaration, declarations


def value_schema(declared: Declaration) -> dict[str, Any]:
    """The schema of a value. Texts that can be listed are an `enum`."""
    schema: dict[str, Any] = msgspec.json.schema(declared.kind)
    holder = schema["items"] if declared.is_list else schema
    if declared.choices:
        holder.pop("pattern", None)
        holder["enum"] = list(declared.choices)
    elif "pattern" in holder:
        holder["pattern"] = holder["pattern"].replace(r"\Z", "$")  # as ECMA 262 writes it
    if declared.default is not msgspec.NODEFAULT:
        schema["default"] = msgspec.to_builtins(declared.default)
    return schema


def arguments_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of the arguments of an action."""
    known = declarations(kind)
    required = [name for name, declared in known.items() if declared.default is msgspec.NODEFAULT]
    return {
        "type": "object",
        "properties": {name: value_schema(declared) for name, declared in known.items()},
        "required": required,
        "additionalProperties": False,
    }
