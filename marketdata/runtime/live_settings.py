"""Applies changed settings to a running service through one handler for each, and reports the result."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias

import msgspec

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError, ContentError
from marketdata.runtime.settings import VERSION, Applies, S, declarations, read_settings, values_of
from marketdata.units import NS_PER_MS

Handler: TypeAlias = Callable[[Any], object]
"""Applies a new value of one setting."""


class SettingsActual(msgspec.Struct, frozen=True, kw_only=True):
    """The report of one process: the applied values by name, the version refused last, and why.

    `source` is the process, `reported_at_ms` the epoch time of the report.
    """

    source: str
    reported_at_ms: int
    version: int
    values: Mapping[str, Any]
    refused_version: int = 0
    refusal: str = ""


def read_actual(stored: bytes) -> SettingsActual:
    """The actual state in a stored record.

    Raises:
        ContentError: reason `actual_state`; the value is not such a record.
    """
    try:
        return msgspec.json.decode(stored, type=SettingsActual)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("actual_state", str(error)) from error


class LiveSettings(Generic[S]):
    """Passes each changed setting to its handler. Implements `marketdata.runtime.steering.Steered`.

    `own` are the settings with which the process started; they are not passed to the handlers. A handler that
    does not accept a value raises `ConfigurationError`. Then the handlers called before get their old values.

    Raises:
        TypeError: a live setting has no handler, or a handler has no live setting.
    """

    def __init__(self, own: S, handlers: Mapping[str, Handler], *, source: str, clock: Clock) -> None:
        self._declared = declarations(type(own))
        live = {each.name for each in self._declared.values() if each.applies is Applies.LIVE}
        if wrong := live ^ handlers.keys():
            raise TypeError(f"live settings and handlers differ in {', '.join(sorted(wrong))}")
        self._own = own
        self._current = own
        self._handlers = handlers
        self._source = source
        self._clock = clock

    def read(self, stored: bytes) -> S:
        """The wanted settings. A setting that the record omits has the value of this process's start."""
        return read_settings(stored, self._own)

    def apply(self, wanted: S) -> None:
        """Pass the settings that differ from the current ones to their handlers."""
        changes = {
            name: value for name, value in values_of(wanted).items() if value != getattr(self._current, name)
        }
        for name in changes:
            if name not in self._handlers:
                variable = self._declared[name].variable
                raise ConfigurationError(f"{name} changes with a restart only; set {variable} for that")
        self._call_handlers(changes)
        self._current = wanted

    def _call_handlers(self, changes: Mapping[str, Any]) -> None:
        done: list[str] = []
        try:
            for name, value in changes.items():
                self._handlers[name](value)
                done.append(name)
        except ConfigurationError:
            for name in done:
                self._handlers[name](getattr(self._current, name))
            raise

    def report(self, applied: S, *, refused_version: int, refusal: str) -> bytes:
        """The report, an encoded `SettingsActual`."""
        actual = SettingsActual(
            source=self._source,
            reported_at_ms=self._clock.time_ns() // NS_PER_MS,
            version=getattr(applied, VERSION),
            values=values_of(applied),
            refused_version=refused_version,
            refusal=refusal,
        )
        return msgspec.json.encode(actual)
