"""The arguments of actions of operators. They are declared as settings are. Pure."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from marketdata.control.given import InvalidSettings
from marketdata.errors import ConfigurationError
from marketdata.runtime.settings import declaration, declarations


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of an action: each field is annotated with `setting(…, variable=None)`."""


A = TypeVar("A", bound=Arguments)


def checked_arguments(kind: type[A], values: Mapping[str, object]) -> A:
    """The arguments with these values. A text is converted to the kind of its argument.

    Raises:
        InvalidSettings: names or values are not accepted, or one is missing; each message says what is.
    """
    errors: dict[str, str] = {}
    accepted: dict[str, Any] = {}
    for name, value in values.items():
        try:
            accepted[name] = declaration(kind, name).checked(value)
        except ConfigurationError as error:
            errors[name] = str(error)
    for name, declared in declarations(kind).items():
        if name not in values and declared.default is msgspec.NODEFAULT:
            errors[name] = f"{name} is missing; accepted: {declared.accepted}"
    if errors:
        raise InvalidSettings(errors)
    return kind(**accepted)


def argument_values(arguments: Arguments) -> dict[str, Any]:
    """The arguments as JSON values, by name."""
    values: dict[str, Any] = msgspec.to_builtins(arguments)
    return values
