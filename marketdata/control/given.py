"""The settings that operators gave to a service, as values by name. The environment has the others.

Pure: no cache and no database.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from marketdata.errors import ConfigurationError, ContentError
from marketdata.runtime.settings import (
    VERSION,
    Applies,
    S,
    ServiceSettings,
    declaration,
    declarations,
    encode_settings,
    read_settings,
)

Given: TypeAlias = Mapping[str, Any]
"""Values by the name of a setting, as JSON has them. Without a version."""

MAX_VERSION: Final = 1_000_000_000
"""Far below the largest whole number of the databases: a broken record must not use up the numbers."""


class InvalidSettings(ConfigurationError):
    """Settings that are not accepted. `errors` has a message for each, by name of setting."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


def changed(
    kind: type[ServiceSettings], given: Given, changes: Mapping[str, object], unset: Collection[str] = ()
) -> Given:
    """`given` with these changes, and without the settings in `unset`. Names not declared are left out.

    A text is converted to the kind of its setting.

    Raises:
        InvalidSettings: names or values are not accepted; each message says what is.
    """
    errors: dict[str, str] = {}
    checked: dict[str, Any] = {}
    for name in (*changes, *unset):
        try:
            declared = declaration(kind, name)
            if declared.applies is Applies.RESTART:
                errors[name] = declared.restart_needed
            elif name in changes:
                checked[name] = declared.checked(changes[name])
        except ConfigurationError as error:
            errors[name] = str(error)
    if errors:
        raise InvalidSettings(errors)
    kept = {name: value for name, value in given.items() if name in declarations(kind) and name not in unset}
    return _as_json(kept | checked)


def settings_with(own: S, given: Given, *, version: int) -> S:
    """The settings of a process with the environment `own` to which operators gave these.

    Raises:
        ContentError: reason `wanted_state`; a value is not accepted by this release.
    """
    return read_settings(encode_given(given, version), own)


def encode_given(given: Given, version: int) -> bytes:
    """The record of the wanted settings, as the processes of a service read it."""
    return encode_settings({**given, VERSION: version})


def read_given(kind: type[ServiceSettings], record: bytes) -> tuple[int, Given]:
    """The version of a record, and the settings in it. Names that are not declared are left out.

    Raises:
        ContentError: reason `wanted_state`; a value is not accepted, or the bytes are not such a record.
    """
    try:
        content = msgspec.json.decode(record, type=dict[str, Any])
        version = msgspec.convert(content.pop(VERSION, 0), int)
        known = {name: value for name, value in content.items() if name in declarations(kind)}
        for name, value in known.items():
            declaration(kind, name).checked(value)
    except (msgspec.MsgspecError, UnicodeError, ConfigurationError) as error:
        raise ContentError("wanted_state", str(error)) from error
    if not 0 <= version <= MAX_VERSION:
        raise ContentError("wanted_state", f"version is {version}; accepted: 0 to {MAX_VERSION}")
    return version, known


def _as_json(values: Mapping[str, Any]) -> Given:
    """The values as they come back from JSON: a tuple is a list, an enumeration is its text."""
    decoded: Given = msgspec.json.decode(msgspec.json.encode(values), type=dict[str, Any])
    return decoded
