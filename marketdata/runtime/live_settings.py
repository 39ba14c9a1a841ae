"""Applies changed settings to a running service, and reports the result."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError, ContentError
from marketdata.runtime.restart import request_restart
from marketdata.runtime.role_settings import RoleSettings
from marketdata.runtime.settings import (
    VERSION,
    Applies,
    S,
    ServiceSettings,
    declarations,
    read_settings,
    values_of,
)
from marketdata.units import NS_PER_MS

C_co = TypeVar("C_co", bound=ServiceSettings, covariant=True)


class CurrentSettings(Protocol[C_co]):
    """What code that uses settings needs to know of them: the values that apply now."""

    @property
    def current(self) -> C_co:
        """The settings that apply now. Read it at each decision, and keep no copy."""

    @property
    def works(self) -> bool:
        """Whether this process shall work, and not pause."""

    async def until(self, holds: Callable[[C_co], bool]) -> None:
        """Wait until a condition holds for the settings that apply."""


class FixedSettings(msgspec.Struct, Generic[C_co], frozen=True):
    """Settings that do not change while the process runs."""

    current: C_co
    works: bool = True

    async def until(self, holds: Callable[[C_co], bool]) -> None:
        """Wait until a condition holds: return at once, or never."""
        if not holds(self.current):
            await asyncio.Event().wait()


class SettingsActual(msgspec.Struct, frozen=True, kw_only=True):
    """The report of one process: the applied values by name, the version refused last, and why.

    `source` is the process, `reported_at_ms` the epoch time of the report. `works` is False while operators
    want it to pause.
    """

    source: str
    reported_at_ms: int
    version: int
    values: Mapping[str, Any]
    refused_version: int = 0
    refusal: str = ""
    works: bool = True


def read_actual(stored: bytes) -> SettingsActual:
    """The actual state in a stored record.

    Raises:
        ContentError: reason `actual_state`; the value is not such a record.
    """
    try:
        return msgspec.json.decode(stored, type=SettingsActual)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("actual_state", str(error)) from error


def put_into_effect(before: S, after: S) -> None:
    """Call the effect of each changed setting that declares one."""
    for name, declared in declarations(type(after)).items():
        value = getattr(after, name)
        if declared.effect is not None and value != getattr(before, name):
            declared.effect(value)


def restart_if_wanted(wanted: ServiceSettings, source: str) -> None:
    """Restart this process if operators want that."""
    if isinstance(wanted, RoleSettings) and source in wanted.restarting:
        request_restart()


class LiveSettings(Generic[S]):
    """The settings that a process applies now. Implements `marketdata.runtime.steering.Steered`.

    Code that uses a setting reads it from `current`, each time. `own` are the settings with which the process
    started. `source` names the process in its reports. `check` raises `ConfigurationError` for settings that
    each are accepted, but not together, or not with the rest of this process's configuration.
    """

    def __init__(
        self, own: S, *, source: str, clock: Clock, check: Callable[[S], object] | None = None
    ) -> None:
        self._own = own
        self._current = own
        self.source: Final = source
        self._clock = clock
        self._check = check
        self._changed = asyncio.Event()

    @property
    def current(self) -> S:
        """The settings that apply now."""
        return self._current

    @property
    def works(self) -> bool:
        """Whether this process shall work, and not pause."""
        return not isinstance(self._current, RoleSettings) or self._current.works(self.source)

    async def until(self, holds: Callable[[S], bool]) -> None:
        """Wait until a condition holds for the settings that apply."""
        while not holds(self._current):
            await self._changed.wait()

    def read(self, stored: bytes) -> S:
        """The wanted settings. A setting that the record omits has the value of this process's start."""
        return read_settings(stored, self._own)

    def apply(self, wanted: S) -> None:
        """Apply all of the settings.

        Raises:
            ConfigurationError: one of them is not accepted; then none is applied.
        """
        for name, declared in declarations(type(wanted)).items():
            if declared.applies is Applies.RESTART and getattr(wanted, name) != getattr(self._own, name):
                raise ConfigurationError(declared.restart_needed)
        if self._check is not None:
            self._check(wanted)
        before, self._current = self._current, wanted
        put_into_effect(before, wanted)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        restart_if_wanted(wanted, self.source)

    def report(self, applied: S, *, refused_version: int, refusal: str) -> bytes:
        """The report, an encoded `SettingsActual`."""
        actual = SettingsActual(
            source=self.source,
            reported_at_ms=self._clock.time_ns() // NS_PER_MS,
            version=getattr(applied, VERSION),
            values=values_of(applied),
            refused_version=refused_version,
            refusal=refusal,
            works=self.works,
        )
        return msgspec.json.encode(actual)
