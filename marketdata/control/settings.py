"""Changes the wanted settings of a service, and waits until all of its processes apply them.

The wanted settings of a service are one record in the cache. It holds only what an operator set.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError, MarketDataError
from marketdata.runtime.live_settings import SettingsActual, read_actual
from marketdata.runtime.settings import (
    VERSION,
    Applies,
    S,
    declaration,
    declarations,
    encode_settings,
    read_settings,
)
from marketdata.store.service_records import ServiceRecords

ATTEMPTS: Final = 5
POLL_SECONDS: Final = 0.1

T = TypeVar("T")


class ChangedMeanwhile(MarketDataError):
    """Others changed the wanted settings at the same time; try again."""


async def replace_wanted(
    records: ServiceRecords, change: Callable[[bytes | None], T], encode: Callable[[T], bytes]
) -> T:
    """Replace the stored record by the encoded result of `change(record)`, and return this result.

    If another process changed the record meanwhile, `change` is called again with the new record. `change`
    gets None while there is no record.

    Raises:
        ChangedMeanwhile: others keep changing the record.
        StoreUnavailable: the cache is away.
    """
    for _ in range(ATTEMPTS):
        stored = await records.wanted()
        after = change(stored)
        if await records.replace_wanted(stored, encode(after)):
            return after
    raise ChangedMeanwhile("the wanted state keeps changing; try again")


class SettingsEffect(msgspec.Struct, frozen=True):
    """What became of a version of the settings.

    `achieved`: whether every reporting process applies it. `explanation`: the same as a text for people.
    `actual`: the reports of all processes.
    """

    achieved: bool
    explanation: str
    actual: Sequence[SettingsActual]


class SettingsControl(Generic[S]):
    """Changes the wanted settings of all processes of a service.

    The record holds only settings that were changed here. For the others, each process keeps the values of
    its environment. `own` are those of this process.

    All methods raise:
        StoreUnavailable: the cache is away.
        ContentError: a stored value is not such a record.
    """

    def __init__(self, records: ServiceRecords, own: S, clock: Clock) -> None:
        self._records = records
        self._own = own
        self._clock = clock

    async def wanted(self) -> S:
        """The wanted settings. Those never changed here have the values of this process's environment."""
        stored = await self._records.wanted()
        return self._own if stored is None else read_settings(stored, self._own)

    async def actual(self) -> Sequence[SettingsActual]:
        """The reports of all processes from the last seconds."""
        return [read_actual(stored) for stored in await self._records.actual_of_instances()]

    async def change(self, changes: Mapping[str, object], *, unset: Collection[str] = ()) -> int:
        """Set these wanted values, and remove the settings in `unset` from the record.

        A text is converted to the setting's kind. Returns the new version of the record.

        Raises:
            ConfigurationError: a name or a value is not accepted; the message says what is.
            ChangedMeanwhile: others keep changing the record.
        """
        kind = type(self._own)
        checked = {name: declaration(kind, name).checked(value) for name, value in changes.items()}
        for name in (*checked, *unset):
            declared = declaration(kind, name)
            if declared.applies is Applies.RESTART:
                raise ConfigurationError(declared.restart_needed)

        def changed(stored: bytes | None) -> dict[str, Any]:
            before = self._given(stored)
            kept = {name: value for name, value in before.items() if name not in unset}
            return {**kept, **checked, VERSION: before.get(VERSION, 0) + 1}

        after = await replace_wanted(self._records, changed, encode_settings)
        return int(after[VERSION])

    def _given(self, stored: bytes | None) -> dict[str, Any]:
        """The settings that the record holds, and its version. Names that are not declared are left out."""
        if stored is None:
            return {}
        read_settings(stored, self._own)
        given: dict[str, Any] = msgspec.json.decode(stored)
        known = {VERSION, *declarations(type(self._own))}
        return {name: value for name, value in given.items() if name in known}

    async def effect(self, version: int, *, deadline_seconds: float) -> SettingsEffect:
        """Wait until all reporting processes apply the version, one refuses it, or the deadline passes."""
        deadline = self._clock.monotonic() + deadline_seconds
        while (effect := judge_settings(version, await self.actual())) is None:
            if self._clock.monotonic() >= deadline:
                actual = await self.actual()
                missing = [each.source for each in actual if each.version < version]
                explanation = f"not applied by {', '.join(missing)}" if actual else "no process reports"
                return SettingsEffect(False, explanation, actual)
            await asyncio.sleep(POLL_SECONDS)
        return effect


def judge_settings(version: int, actual: Sequence[SettingsActual]) -> SettingsEffect | None:
    """The effect of a version, by the reports; None while it is undecided."""
    for each in actual:
        if each.refused_version == version:
            return SettingsEffect(False, f"refused by {each.source}: {each.refusal}", actual)
    if actual and all(each.version >= version for each in actual):
        return SettingsEffect(True, f"applied by {len(actual)} of {len(actual)} processes", actual)
    return None
