"""Settings that a running service can change: each is declared once, as a field of a struct.

The field declares everything: name, kind, bounds, unit, default, explanation, and whether a change takes
effect while the process runs. All readers (the environment, the record in the cache, the command, later an
admin page) use `declarations`.
"""

import enum
import functools
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from marketdata.errors import ConfigurationError, ContentError
from marketdata.observability.logs import LogLevel

VERSION: Final = "version"

S = TypeVar("S", bound="ServiceSettings")


class Applies(enum.StrEnum):
    """When a changed setting takes effect."""

    LIVE = "live"
    RESTART = "restart"


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a service. `version` rises with each change; 0 is the version of the environment."""

    version: Annotated[int, msgspec.Meta(ge=0)] = 0


def setting(
    explanation: str,
    *,
    variable: str = "",
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    applies: Applies = Applies.LIVE,
) -> msgspec.Meta:
    """The annotation of a setting's field.

    `variable` is the environment variable with the value at the start. `unit` is the unit of the number.
    `minimum` and `maximum` are accepted values themselves.
    """
    extra = {"variable": variable, "unit": unit, "applies": applies}
    return msgspec.Meta(description=explanation, ge=minimum, le=maximum, extra=extra)


LogLevelSetting: TypeAlias = Annotated[
    LogLevel, setting("Log lines below this severity are not written.", variable="LOG_LEVEL")
]


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, as its field declares it. `default` is `msgspec.NODEFAULT` if there is none."""

    name: str
    kind: Any
    default: Any
    explanation: str
    variable: str
    unit: str
    minimum: float | None
    maximum: float | None
    applies: Applies

    @property
    def choices(self) -> tuple[Any, ...]:
        """The accepted values, if they can be listed."""
        plain = typing.get_args(self.kind)[0]
        return typing.get_args(plain) if typing.get_origin(plain) is typing.Literal else ()

    @property
    def accepted(self) -> str:
        """The accepted values, in words."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        words = _WORDS_OF_KIND.get(typing.get_args(self.kind)[0], "a value")
        bounds = [
            f"{word} {bound:g}"
            for word, bound in (("from", self.minimum), ("to", self.maximum))
            if bound is not None
        ]
        return " ".join((words, *bounds, *filter(None, (self.unit,))))

    def checked(self, value: object) -> Any:
        """The value, if it is accepted. A text is converted to the setting's kind.

        Raises:
            ConfigurationError: the value is not accepted; the message says which values are.
        """
        try:
            return msgspec.convert(value, self.kind, strict=not isinstance(value, str))
        except msgspec.ValidationError:
            raise ConfigurationError(f"{self.name} is {value!r}; accepted: {self.accepted}") from None


_WORDS_OF_KIND: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[str, ...]: "a list of texts",
}


@functools.cache
def declarations(settings: type[ServiceSettings]) -> Mapping[str, Declaration]:
    """The settings of a service by name, in the order of their fields.

    Raises:
        TypeError: a field is not annotated with `setting`.
    """
    declared = [_declaration(field) for field in msgspec.structs.fields(settings) if field.name != VERSION]
    return {each.name: each for each in declared}


def _declaration(field: msgspec.structs.FieldInfo) -> Declaration:
    notes = [note for note in typing.get_args(field.type)[1:] if isinstance(note, msgspec.Meta)]
    if not notes or not notes[0].description or not notes[0].extra:
        raise TypeError(f"the field {field.name} is not annotated with `setting`")
    (note,) = notes
    extra: Mapping[str, Any] = note.extra or {}
    return Declaration(
        name=field.name,
        kind=field.type,
        default=field.default,
        explanation=note.description or "",
        variable=extra["variable"],
        unit=extra["unit"],
        minimum=typing.cast("float | None", note.ge),
        maximum=typing.cast("float | None", note.le),
        applies=extra["applies"],
    )


def declaration(settings: type[ServiceSettings], name: str) -> Declaration:
    """The setting of this name.

    Raises:
        ConfigurationError: there is none; the message lists the settings.
    """
    declared = declarations(settings)
    if name not in declared:
        raise ConfigurationError(f"there is no setting {name!r}; accepted: {', '.join(declared)}")
    return declared[name]


def values_of(settings: ServiceSettings) -> dict[str, Any]:
    """The values by name, without the version."""
    return {name: getattr(settings, name) for name in declarations(type(settings))}


def own_settings(kind: type[S], environment: object) -> S:
    """The settings that apply while operators want no others: attributes of `environment`, by `variable`."""
    declared = declarations(kind).values()
    return kind(**{each.name: getattr(environment, each.variable) for each in declared})


def encode_settings(values: Mapping[str, Any]) -> bytes:
    """A record that `read_settings` reads."""
    return msgspec.json.encode(values)


def read_settings(stored: bytes, own: S) -> S:
    """The settings in a stored record. A setting that the record omits has its value in `own`.

    Undeclared names are ignored: they may belong to a later release.

    Raises:
        ContentError: reason `wanted_state`; a value is not accepted, or the bytes are not such a record.
    """
    try:
        wanted = msgspec.json.decode(stored, type=type(own))
        given = msgspec.json.decode(stored, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("wanted_state", str(error)) from error
    absent = declarations(type(own)).keys() - given.keys()
    return msgspec.structs.replace(wanted, **{name: getattr(own, name) for name in absent})
