"""Changes the wanted state of the listener, and waits until it takes effect.

`manage.py listener` uses this class. Every other way to steer the listener must use it, too.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from marketdata.clock import Clock
from marketdata.control.settings import POLL_SECONDS, replace_wanted
from marketdata.feeds import ConnectionTarget
from marketdata.listener.wanted import (
    ListenerActual,
    ListenerWanted,
    read_actual,
)
from marketdata.providers.base import ProviderState
from marketdata.runtime.settings import VERSION, declaration, encode_settings, read_settings
from marketdata.store.service_records import ServiceRecords


class Effect(msgspec.Struct, frozen=True):
    """The effect of a change: whether the wanted state is now the actual one, and an explanation in words."""

    achieved: bool
    explanation: str
    actual: ListenerActual | None


class ListenerControl:
    """Changes the wanted state of the listener. `default` gives the settings that the record omits.

    The record holds only settings that were changed here. For the others, the listener keeps the values of
    its environment.

    `validate` is the provider's check of a target (`marketdata.providers.plugin`).

    All methods raise:
        StoreUnavailable: the cache is away.
        ContentError: a stored value is not such a record.
    """

    def __init__(
        self,
        records: ServiceRecords,
        default: ListenerWanted,
        clock: Clock,
        *,
        validate: Callable[[ConnectionTarget], None],
    ) -> None:
        self._records = records
        self._validate = validate
        self._default = default
        self._clock = clock

    async def wanted(self) -> ListenerWanted:
        """The wanted state."""
        stored = await self._records.wanted()
        return self._default if stored is None else read_settings(stored, self._default)

    async def actual(self) -> ListenerActual | None:
        """The actual state; None if no listener has reported in the last seconds."""
        reported = await self._records.actual()
        return None if reported is None else read_actual(reported)

    async def start(self) -> ListenerWanted:
        """Make the listener run. Returns the new wanted state."""
        return await self.change(running=True)

    async def stop(self) -> ListenerWanted:
        """Make the listener disconnect from the feed. Its process goes on, and keeps the role."""
        return await self.change(running=False)

    async def restart(self) -> ListenerWanted:
        """Make the listener run on a new connection."""
        return await self.change(running=True, new_session=True)

    async def change(self, *, new_session: bool = False, **changes: Any) -> ListenerWanted:
        """Change fields of the wanted state. A text is converted to the kind of the field.

        Returns the new wanted state, which has the next version.

        Raises:
            ConfigurationError: a value is not accepted; the message says which values are.
            ChangedMeanwhile: others keep changing the wanted state.
        """
        checked = {name: declaration(ListenerWanted, name).checked(value) for name, value in changes.items()}

        def changed(stored: bytes | None) -> dict[str, Any]:
            before = self._default if stored is None else read_settings(stored, self._default)
            given: dict[str, Any] = {} if stored is None else msgspec.json.decode(stored)
            after = given | checked | {VERSION: before.version + 1, "session": before.session + new_session}
            wanted = read_settings(encode_settings(after), self._default)
            self._validate(
                ConnectionTarget(feed=wanted.feed, market=wanted.market, subscriptions=wanted.subscriptions)
            )
            return after

        after = await replace_wanted(self._records, changed, encode_settings)
        return read_settings(encode_settings(after), self._default)

    async def effect(self, wanted: ListenerWanted, *, deadline_seconds: float) -> Effect:
        """Wait until the wanted state is the actual one or cannot become it, at most until the deadline."""
        deadline = self._clock.monotonic() + deadline_seconds
        while (effect := judge(wanted, await self.actual())) is None:
            if self._clock.monotonic() >= deadline:
                return Effect(False, _why_not_yet(wanted, actual := await self.actual()), actual)
            await asyncio.sleep(POLL_SECONDS)
        return effect


def judge(wanted: ListenerWanted, actual: ListenerActual | None) -> Effect | None:
    """The effect of a wanted state, by the actual one; None while it is undecided."""
    if actual is None:
        return None
    if actual.refused_version == wanted.version:
        return Effect(False, f"refused: {actual.refusal}", actual)
    if actual.applied.version > wanted.version:
        return Effect(False, f"overtaken by version {actual.applied.version}", actual)
    if actual.has_effect(wanted.version):
        return Effect(True, str(actual.state), actual)
    applied = actual.applied.version == wanted.version
    return _judge_by_state(actual) if applied and wanted.running else None


def _judge_by_state(actual: ListenerActual) -> Effect | None:
    if actual.state is ProviderState.MARKET_CLOSED:
        return Effect(True, "applied; connects when the market opens", actual)
    if actual.state is ProviderState.REFUSED:
        return Effect(False, f"refused by the provider: {actual.reason}: {actual.detail}", actual)
    return None


def _why_not_yet(wanted: ListenerWanted, actual: ListenerActual | None) -> str:
    if actual is None:
        return "no listener reports its state: is `manage.py run_listener` running, and on the same cache?"
    if actual.applied.version < wanted.version:
        return "the listener has not applied it yet"
    if actual.state is ProviderState.LIVE:
        unconfirmed = ", ".join(actual.unconfirmed)
        return f"live, but the provider has not confirmed {unconfirmed}" + (
            f" ({actual.detail})" if actual.detail else ""
        )
    return ": ".join(word for word in (actual.state, actual.reason, actual.detail) if word)
