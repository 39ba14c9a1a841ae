"""The services that operators can steer, and what each of them checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from django.conf import settings

from marketdata.chosen_provider import chosen_provider
from marketdata.control import Followers, Given, ListenerFollowers, ProcessFollowers, settings_with
from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget
from marketdata.listener.wanted import SERVICE as LISTENER
from marketdata.listener.wanted import ListenerWanted
from marketdata.management.wanted_by_settings import wanted_by_settings
from marketdata.runtime.role_settings import RoleSettings, SharedRoleSettings
from marketdata.runtime.settings import ServiceSettings, own_settings
from marketdata.store.service_records import ServiceRecords
from mdp_site.service_settings import SERVICES
from mdp_site.web_settings import WEB
from widgets.consumers import check_limits

MakesChanges: TypeAlias = Callable[[Given, str], Given]


@dataclass(frozen=True, slots=True)
class SteeredService:
    """One service that operators can steer.

    `own` gives the settings by the environment of this process. `check` raises `ConfigurationError` for
    settings that do not go together. `followers` gives the reader of the reports. `actions` are changes with
    a name: each makes the changed values of the present ones, for one process or, if it is empty, for all.
    """

    name: str
    kind: type[ServiceSettings]
    own: Callable[[], ServiceSettings]
    check: Callable[[Any], object]
    followers: Callable[[ServiceRecords], Followers]
    actions: Mapping[str, MakesChanges]

    def wanted(self, given: Given, *, version: int) -> ServiceSettings:
        """The wanted settings: those given by operators, the others by the environment of this process.

        Raises:
            ContentError: a value is not accepted by this release.
            ConfigurationError: the environment's settings are not accepted.
        """
        return settings_with(self.own(), given, version=version)


def service(name: str) -> SteeredService:
    """The service of this name.

    Raises:
        ConfigurationError: there is none; the message lists the services.
    """
    if name not in STEERED:
        raise ConfigurationError(f"there is no service {name!r}; accepted: {', '.join(STEERED)}")
    return STEERED[name]


def _check_target(wanted: ListenerWanted) -> None:
    """The provider's check of what to listen to."""
    target = ConnectionTarget(feed=wanted.feed, market=wanted.market, subscriptions=wanted.subscriptions)
    chosen_provider().validate(target)


def _accept(_wanted: ServiceSettings) -> None:
    """Accept settings whose declarations say everything that can be said before a process applies them."""


MOST_NAMED: Final = 50
"""So many processes a setting names at most: those that ended long ago are dropped."""


def _restart(given: Given, process: str) -> Given:
    if not process:
        raise ConfigurationError("process is empty; accepted: the identity of a process")
    return {"restarting": _with(given.get("restarting", ()), process)}


def _restart_listener(given: Given, process: str) -> Given:
    if process:
        return _restart(given, process)
    return {"running": True, "session": given.get("session", 0) + 1}


def _drain(given: Given, process: str) -> Given:
    return {"drained": _with(given.get("drained", ()), process)}


def _undrain(given: Given, process: str) -> Given:
    return {"drained": [each for each in given.get("drained", ()) if each != process]}


def _with(named: Sequence[str], process: str) -> list[str]:
    return [*(each for each in named if each != process), process][-MOST_NAMED:]


def _actions(name: str, kind: type[ServiceSettings]) -> Mapping[str, MakesChanges]:
    """The actions that the settings of a service allow."""
    actions: dict[str, MakesChanges] = {}
    if issubclass(kind, RoleSettings):
        actions |= {
            "start": lambda _given, _process: {"running": True},
            "stop": lambda _given, _process: {"running": False},
            "restart": _restart_listener if name == LISTENER else _restart,
        }
    if issubclass(kind, SharedRoleSettings):
        actions |= {"drain": _drain, "undrain": _undrain}
    return actions


_CHECKS: Final[Mapping[str, Callable[[Any], object]]] = {LISTENER: _check_target, WEB: check_limits}


def _steered(name: str, kind: type[ServiceSettings]) -> SteeredService:
    is_listener = name == LISTENER
    return SteeredService(
        name=name,
        kind=kind,
        own=wanted_by_settings if is_listener else lambda: own_settings(kind, settings.DECLARED_SETTINGS),
        check=_CHECKS.get(name, _accept),
        followers=ListenerFollowers if is_listener else ProcessFollowers,
        actions=_actions(name, kind),
    )


STEERED: Final[Mapping[str, SteeredService]] = {name: _steered(name, kind) for name, kind in SERVICES.items()}
"""The services by name."""
