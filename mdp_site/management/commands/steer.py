"""`manage.py steer`: show and change settings of running services, without a restart."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.clock import SystemClock
from marketdata.control import SettingsControl
from marketdata.errors import ConfigurationError, MarketDataError
from marketdata.listener.wanted import SERVICE as LISTENER
from marketdata.runtime.live_settings import SettingsActual
from marketdata.runtime.settings import ServiceSettings, declarations, own_settings
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from mdp_site.service_settings import SERVICES

DEADLINE_SECONDS: Final = 5.0

STEERED: Final[Mapping[str, type[ServiceSettings]]] = {
    name: service for name, service in SERVICES.items() if name != LISTENER
}
"""The services whose settings this command can change. The listener has its own command."""


class Command(BaseCommand):
    help = (
        "Show or change settings of running services: steer processor; steer processor log_level=DEBUG; "
        "steer processor log_level= (back to what the environment says). Exit code 1 when the change did not "
        "take effect in time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = "Settings: " + "; ".join(_described(name) for name in STEERED)
        parser.add_argument("name", metavar="service", choices=sorted(STEERED), help=", ".join(STEERED))
        parser.add_argument("changes", nargs="*", metavar="SETTING=VALUE", help="without any: show all")
        parser.add_argument(
            "--wait",
            type=float,
            default=DEADLINE_SECONDS,
            metavar="SECONDS",
            help="how long to wait for the effect (default: %(default)s)",
        )

    def handle(self, *_args: Any, name: str, changes: Sequence[str], wait: float, **_options: Any) -> None:
        if wait < 0:
            raise CommandError(f"--wait is {wait:g}; accepted are seconds from 0")
        try:
            asyncio.run(self._run(name, parse_changes(changes), wait))
        except MarketDataError as error:
            raise CommandError(str(error)) from error

    async def _run(self, service: str, changes: Mapping[str, str], wait_seconds: float) -> None:
        own = own_settings(STEERED[service], settings.DECLARED_SETTINGS)
        async with contextlib.aclosing(connect(settings.MDC_URL)) as redis:
            records = ServiceRecords(redis, Keys(settings.MDC_KEY_PREFIX), service)
            control = SettingsControl(records, own, SystemClock())
            if not changes:
                self._show(await control.wanted(), await control.actual())
                return
            version = await control.change(
                {name: value for name, value in changes.items() if value},
                unset=[name for name, value in changes.items() if not value],
            )
            effect = await control.effect(version, deadline_seconds=wait_seconds)
            self._show(await control.wanted(), effect.actual)
            if not effect.achieved:
                raise CommandError(f"version {version} has had no effect: {effect.explanation}")
            self.stdout.write(self.style.SUCCESS(f"version {version}: {effect.explanation}"))

    def _show(self, wanted: ServiceSettings, actual: Sequence[SettingsActual]) -> None:
        texts: dict[str, str] = {}
        for name, declared in declarations(type(wanted)).items():
            texts[name] = declared.text(getattr(wanted, name))
            self.stdout.write(f"{name} = {texts[name]}  ({declared.accepted}; {declared.applies})")
            self.stdout.write(f"    {declared.explanation}")
        for each in actual:
            differing = {
                name: declared.text(each.values[name])
                for name, declared in declarations(type(wanted)).items()
                if name in each.values and declared.text(each.values[name]) != texts[name]
            }
            still = "".join(f", still {name}={value}" for name, value in differing.items())
            refused = f", refused version {each.refused_version}: {each.refusal}" if each.refusal else ""
            self.stdout.write(f"{each.source}: version {each.version}{still}{refused}")
        if not actual:
            self.stdout.write("no process reports")


def _described(service: str) -> str:
    return f"{service}: " + ", ".join(
        f"{name} ({declared.accepted}; {declared.applies})"
        for name, declared in declarations(STEERED[service]).items()
    )


def parse_changes(words: Sequence[str]) -> Mapping[str, str]:
    """The values by name of setting. An empty value means: back to the value of the environment.

    Raises:
        ConfigurationError: a word is not `setting=value`, or a setting occurs twice.
    """
    changes: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or name in changes:
            raise ConfigurationError(f"{word!r} is not accepted; accepted: setting=value, each once")
        changes[name] = value
    return changes
