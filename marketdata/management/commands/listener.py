"""`manage.py listener`: starts, stops, restarts or changes the running listener, and shows the effect."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.chosen_provider import chosen_provider
from marketdata.clock import SystemClock
from marketdata.control import ListenerControl
from marketdata.errors import MarketDataError
from marketdata.listener.wanted import (
    RECENT_SECONDS,
    SERVICE,
    BrokerState,
    ListenerActual,
    ListenerWanted,
)
from marketdata.management.wanted_by_settings import wanted_by_settings
from marketdata.runtime.settings import declarations
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from marketdata.units import MS_PER_SECOND

DEADLINE_SECONDS: Final = 15.0

_CHANGE_OF: Final[dict[str, dict[str, Any]]] = {
    "start": {"running": True},
    "stop": {"running": False},
    "restart": {"running": True, "new_session": True},
    "set": {},
}
"""Action -> arguments of `ListenerControl.change`. The options of `set` give its arguments."""


SETTABLE: Final = tuple(
    declared
    for name, declared in declarations(ListenerWanted).items()
    if name not in {"running", "session"}  # start, stop and restart change them
)
"""The settings that `set` has an option for."""


class Command(BaseCommand):
    help = (
        "Change what the listener does, and wait until it does so: status, start, stop, restart, set. "
        "Exit code 1 if the change has no effect in time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["status", "start", "stop", "restart", "set"])
        for declared in SETTABLE:
            parser.add_argument(
                _option(declared.name), help=f"{declared.explanation} Accepted: {declared.accepted}"
            )
        parser.add_argument(
            "--wait",
            type=float,
            default=DEADLINE_SECONDS,
            metavar="SECONDS",
            help="how long to wait for the effect (default: %(default)s)",
        )

    def handle(self, *_args: Any, action: str, wait: float, **options: Any) -> None:
        changes = {each.name: options[each.name] for each in SETTABLE if options[each.name] is not None}
        if action == "set" and not changes:
            raise CommandError(f"set needs one of {', '.join(_option(each.name) for each in SETTABLE)}")
        if action != "set" and changes:
            raise CommandError(f"{action} takes no {_option(next(iter(changes)))}; use set")
        if wait < 0:
            raise CommandError(f"--wait is {wait:g}; accepted are seconds from 0")
        with _refusals_as_command_errors():
            asyncio.run(self._run(action, changes, wait))

    async def _run(self, action: str, changes: dict[str, Any], wait_seconds: float) -> None:
        async with connect(settings.MDC_URL) as redis:
            records = ServiceRecords(redis, Keys(settings.MDC_KEY_PREFIX), SERVICE)
            control = ListenerControl(
                records, wanted_by_settings(), SystemClock(), validate=chosen_provider().validate
            )
            if action == "status":
                self._show(await control.wanted(), await control.actual())
                return
            wanted = await control.change(**_CHANGE_OF[action], **changes)
            effect = await control.effect(wanted, deadline_seconds=wait_seconds)
            self._show(wanted, effect.actual)
            if not effect.achieved:
                raise CommandError(f"{action} has had no effect: {effect.explanation}")
            self.stdout.write(self.style.SUCCESS(f"{action}: {effect.explanation}"))

    def _show(self, wanted: ListenerWanted, actual: ListenerActual | None) -> None:
        self.stdout.write(f"wanted  {_describe(wanted)}")
        if actual is None:
            self.stdout.write("actual  no listener reports its state")
            return
        words = [word for word in (actual.state, actual.reason, actual.detail) if word]
        since = f" since {_instant(actual.since_ms)}" if actual.since_ms else ""
        self.stdout.write(f"actual  {': '.join(words)}{since}, connection {actual.session}, {actual.source}")
        if actual.applied != wanted:
            self.stdout.write(f"        still at {_describe(actual.applied)}")
        if actual.unconfirmed:
            self.stdout.write(f"        not confirmed by the provider: {', '.join(actual.unconfirmed)}")
        if actual.refusal:
            self.stdout.write(f"        version {actual.refused_version} refused: {actual.refusal}")
        if actual.broker is not BrokerState.OK:
            self.stdout.write(f"broker  {actual.broker}")
        counters = actual.counters
        dropped = ", ".join(f"{count} {reason}" for reason, count in counters.events_dropped.items() if count)
        self.stdout.write(
            f"events  {counters.events_received} received, {counters.events_published} published, "
            f"{counters.events_in_flight} in flight, dropped: {dropped or 'none'}; "
            f"{actual.recent_events} in the last {RECENT_SECONDS:g} s"
        )
        events, frames = counters.unaccounted_events, counters.unaccounted_frames
        if events or frames:
            self.stdout.write(f"counts  do not add up: {events} events, {frames} frames unaccounted for")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _describe(wanted: ListenerWanted) -> str:
    running = "running" if wanted.running else "stopped"
    subscriptions = ",".join(wanted.subscriptions)
    target = f"{wanted.feed} {wanted.market} {subscriptions}"
    return f"version {wanted.version}: {running}, {target}, log level {wanted.log_level}"


def _instant(epoch_ms: int) -> str:
    return dt.datetime.fromtimestamp(epoch_ms / MS_PER_SECOND, dt.UTC).isoformat(timespec="seconds")


@contextlib.contextmanager
def _refusals_as_command_errors() -> Iterator[None]:
    try:
        yield
    except MarketDataError as error:
        raise CommandError(str(error)) from error
