"""Settings of the services: each is declared once, as a field of a struct.

The field declares everything: name, kind, bounds, unit, default, explanation, environment variable, and
whether a change takes effect while the process runs. All readers (the environment, the record in the cache,
the command, the documents, later an admin page) use `declarations`.
"""

import enum
import functools
import json
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from marketdata.errors import ConfigurationError, ContentError
from marketdata.observability.logs import LogLevel, set_log_level

VERSION: Final = "version"
TRUE_WORDS: Final = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS: Final = frozenset({"0", "false", "no", "off"})
ACCEPTED_BOOLEANS: Final = "on or off (also true, yes, 1; false, no, 0)"
ACCEPTED_LISTS: Final = 'a JSON list of strings (["a","b"]) or words separated by commas (a,b)'

ONE_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*\Z"
"""A text without control characters, line separators, and marks that turn the direction of what follows."""

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
    variable: str | None = "",
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    longest_characters: int | None = None,
    choices: Iterable[str] = (),
    applies: Applies = Applies.LIVE,
    effect: Callable[[Any], object] | None = None,
) -> msgspec.Meta:
    """The annotation of a setting's field.

    `variable` is the environment variable with the value at the start: by default the name of the field in
    upper case, and None for a value that does not come from a variable of its own. `unit` is the unit of the
    number. `minimum` and `maximum` are accepted values themselves. A text with `longest_characters` is one
    line: it has no control characters. `choices` are the accepted texts, if they can be listed.

    `effect` is called with each new value. It is for a setting of the whole process, such as the log level,
    and accepts each value that the declaration accepts. The value of any other setting is read where it is
    used, from `marketdata.runtime.live_settings.LiveSettings.current`.
    """
    extra = {"variable": variable, "unit": unit, "applies": applies, "effect": effect}
    if words := tuple(choices):
        return msgspec.Meta(
            description=explanation, pattern=_pattern_of(words), extra=extra | {"choices": words}
        )
    if longest_characters is not None:
        return msgspec.Meta(
            description=explanation, max_length=longest_characters, pattern=ONE_LINE, extra=extra
        )
    return msgspec.Meta(description=explanation, ge=minimum, le=maximum, extra=extra)


def one_of(words: Iterable[str]) -> msgspec.Meta:
    """The annotation of the words of a list, if the accepted ones can be listed."""
    known = tuple(words)
    return msgspec.Meta(pattern=_pattern_of(known), extra={"choices": known})


def _pattern_of(words: Iterable[str]) -> str:
    return rf"^(?:{'|'.join(map(re.escape, words))})\Z"


LogLevelSetting: TypeAlias = Annotated[
    LogLevel, setting("Log lines below this severity are not written.", effect=set_log_level)
]


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, as its field declares it.

    `default` is `msgspec.NODEFAULT` if there is none. `variable` is None if no environment variable has the
    value.
    """

    name: str
    kind: Any
    default: Any
    explanation: str
    variable: str | None
    unit: str
    minimum: float | None
    maximum: float | None
    longest_characters: int | None
    applies: Applies
    effect: Callable[[Any], object] | None

    @property
    def _type(self) -> Any:
        return typing.get_args(self.kind)[0]

    @property
    def choices(self) -> tuple[Any, ...]:
        """The accepted values, if they can be listed; of a list, its accepted words."""
        if typing.get_origin(self._type) is typing.Literal:
            return typing.get_args(self._type)
        word = typing.get_args(self._type)[0] if self.is_list else self.kind
        notes = [note for note in typing.get_args(word)[1:] if isinstance(note, msgspec.Meta)]
        return tuple(notes[0].extra.get("choices", ())) if notes and notes[0].extra else ()

    @property
    def is_list(self) -> bool:
        """Whether the value is a list of words."""
        return typing.get_origin(self._type) is tuple

    @property
    def accepted(self) -> str:
        """The accepted values, in words."""
        if self.choices:
            number = "none or some" if self.is_list else "one"
            return f"{number} of " + ", ".join(map(str, self.choices))
        if self.longest_characters is not None:
            return f"one line of text, of at most {self.longest_characters} characters"
        words = ACCEPTED_LISTS if self.is_list else _WORDS_OF_KIND.get(self._type, "a value")
        bounds = [
            f"{word} {bound:.15g}"
            for word, bound in (("from", self.minimum), ("to", self.maximum))
            if bound is not None
        ]
        return " ".join((words, *bounds, *filter(None, (self.unit,))))

    @property
    def restart_needed(self) -> str:
        """Why a setting that needs a restart is not changed at runtime, and what to do."""
        return f"{self.name} changes with a restart only; set {self.variable} for that"

    def checked(self, value: object) -> Any:
        """The value, if it is accepted. A text is converted to the setting's kind.

        Raises:
            ConfigurationError: the value is not accepted; the message says which values are.
        """
        try:
            parsed = self._parsed(value) if isinstance(value, str) else value
            accepted = msgspec.convert(parsed, self.kind, strict=not isinstance(parsed, str))
            msgspec.json.encode(accepted)  # JSON can name half of a character, which nothing can store
        except (ValueError, msgspec.ValidationError):
            raise ConfigurationError(f"{self.name} is {value!r}; accepted: {self.accepted}") from None
        return accepted

    def _parsed(self, text: str) -> Any:
        if self._type is bool:
            return parse_boolean(text)
        return parse_words(text) if self.is_list else text

    def text(self, value: Any) -> str:
        """A value as a text that `checked` accepts."""
        if self._type is bool:
            return "on" if value else "off"
        return ",".join(value) if self.is_list else str(value)


def parse_boolean(text: str) -> bool:
    """The boolean in a text. Upper and lower case are accepted. Raises `ValueError` if it is none."""
    if text.lower() not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError(text)
    return text.lower() in TRUE_WORDS


def parse_words(text: str) -> list[str]:
    """The words of a JSON list, or those between commas. Raises `ValueError` if it is another JSON value."""
    if not text.lstrip().startswith("["):
        return [word.strip() for word in text.split(",") if word.strip()]
    words = json.loads(text)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(text)
    return words


_WORDS_OF_KIND: Final[Mapping[Any, str]] = {
    bool: ACCEPTED_BOOLEANS,
    int: "a whole number",
    float: "a number",
    str: "a text",
}


@functools.cache
def declarations(settings: type[msgspec.Struct]) -> Mapping[str, Declaration]:
    """The settings of a service by name, in the order of their fields.

    The arguments of an action of operators are declared in the same way (`marketdata.control.arguments`).

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
    variable = extra["variable"]
    if variable is not None and field.default is msgspec.NODEFAULT:
        raise TypeError(f"the field {field.name} has an environment variable and no default")
    return Declaration(
        name=field.name,
        kind=field.type,
        default=field.default,
        explanation=note.description or "",
        variable=field.name.upper() if variable == "" else variable,
        unit=extra["unit"],
        minimum=typing.cast("float | None", note.ge),
        maximum=typing.cast("float | None", note.le),
        longest_characters=note.max_length,
        applies=extra["applies"],
        effect=extra["effect"],
    )


def variables(services: Iterable[type[ServiceSettings]]) -> Mapping[str, Declaration]:
    """The declarations of several services by environment variable. Services may share a variable.

    Raises:
        TypeError: two services declare a variable differently.
    """
    found: dict[str, Declaration] = {}
    for declared in (each for service in services for each in declarations(service).values()):
        if declared.variable and found.setdefault(declared.variable, declared) != declared:
            raise TypeError(f"the environment variable {declared.variable} is declared in two ways")
    return found


def declaration(settings: type[msgspec.Struct], name: str) -> Declaration:
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


def own_settings(kind: type[S], environment: Mapping[str, Any], **others: Any) -> S:
    """The settings that apply while operators want no others.

    `environment` has the values by variable. `others` are the values of settings without a variable.
    """
    declared = declarations(kind).values()
    return kind(**{each.name: environment[each.variable] for each in declared if each.variable}, **others)


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
        given = msgspec.json.decode(stored, type=dict[str, Any])
        return msgspec.convert({VERSION: 0, **values_of(own), **given}, type(own))
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("wanted_state", str(error)) from error
