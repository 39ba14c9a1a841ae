"""A service whose settings have a handler each: what a wanted state changes, and what is reported."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeAlias

import msgspec

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError, ContentError
from marketdata.runtime.settings import VERSION, Applies, S, declarations, read_settings, values_of

NS_PER_MS: Final = 1_000_000

Handler: TypeAlias = Callable[[Any], object]
"""Takes the new value of one setting over."""


class SettingsActual(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of a service applies: values by name, and the version that it refused last, and why.

    `source` is the process, `reported_at_ms` its epoch time.
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
        ContentError: reason `actual_state`; something else wrote there.
    """
    try:
        return msgspec.json.decode(stored, type=SettingsActual)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("actual_state", str(error)) from error


class LiveSettings(Generic[S]):
    """Hands each changed setting to its handler. Implements `marketdata.runtime.steering.Steered`.

    `own` is what the process started with, and what its handlers need not be told. A handler that does not
    accept a value raises `ConfigurationError`; then the settings that were changed before are changed back.

    Raises:
        TypeError: a setting that is live has no handler, or a handler has no such setting.
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
        """The wanted settings; what the record leaves open is as this process started."""
        return read_settings(stored, self._own)

    def apply(self, wanted: S) -> None:
        """Hand over what is other than now."""
        changes = {
            name: value for name, value in values_of(wanted).items() if value != getattr(self._current, name)
        }
        for name in changes:
            if name not in self._handlers:
                variable = self._declared[name].variable
                raise ConfigurationError(f"{name} changes with a restart only; set {variable} for that")
        self._hand_over(changes)
        self._current = wanted

    def _hand_over(self, changes: Mapping[str, Any]) -> None:
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
        """A `SettingsActual`."""
        actual = SettingsActual(
            source=self._source,
            reported_at_ms=self._clock.time_ns() // NS_PER_MS,
            version=getattr(applied, VERSION),
            values=values_of(applied),
            refused_version=refused_version,
            refusal=refusal,
        )
        return msgspec.json.encode(actual)
