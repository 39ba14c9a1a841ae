"""Links from what the pages show to the actions that can be done to it.

An action belongs to what its required arguments name: one that needs a `service` belongs to each service, one
that needs a `queue` to each queue. So an action that is declared appears at its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from django.urls import reverse
from django.utils.http import urlencode

from marketdata.control.views import Overview
from marketdata.errors import MarketDataError
from marketdata.runtime.settings import Declaration, declarations
from mdp_site.control_plane.actions.declared import Action
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.actions.running import prepared
from mdp_site.operator_pages.held_settings import HeldSettings

SERVICE: Final = "service"
PROCESS: Final = "process"


class ActionLink(NamedTuple):
    """A link to the page of an action."""

    label: str
    explanation: str
    url: str


def required(action: Action) -> frozenset[str]:
    """The names of the arguments that an action needs."""
    return frozenset(
        name for name, each in declarations(action.arguments).items() if each.default is msgspec.NODEFAULT
    )


def link(action: Action, arguments: Mapping[str, str] | None = None) -> ActionLink:
    """The link to an action, with these arguments filled in."""
    url = reverse("admin:operations_action", args=[action.name])
    query = f"?{urlencode(arguments)}" if arguments else ""
    return ActionLink(action.label, action.explanation, url + query)


def links_of_service(held: HeldSettings, overview: Overview) -> list[ActionLink]:
    """The actions that can be done to a service as a whole now."""
    useless = "start" if getattr(held.wanted, "running", True) else "stop"
    arguments = {SERVICE: held.steered.name}
    return [
        link(each, arguments)
        for each in ACTIONS.values()
        if required(each) == {SERVICE} and each.name != useless and _possible(each, arguments, overview)
    ]


def links_of_process(held: HeldSettings, identity: str, overview: Overview) -> list[ActionLink]:
    """The actions that can be done to one process of a service now."""
    is_drained = identity in getattr(held.wanted, "drained", ())
    useless = "drain" if is_drained else "undrain"
    arguments = {SERVICE: held.steered.name, PROCESS: identity}
    return [
        link(each, arguments)
        for each in ACTIONS.values()
        if PROCESS in declarations(each.arguments)
        and required(each) <= arguments.keys()
        and each.name != useless
        and _possible(each, arguments, overview)
    ]


def general_links() -> list[ActionLink]:
    """The actions that belong to no service, in the order of the registry."""
    return [link(each) for each in ACTIONS.values() if SERVICE not in required(each)]


def for_tables() -> list[dict[str, Any]]:
    """All actions as values for the page's element, which places them in its tables."""
    return [
        {
            "name": each.name,
            "label": each.label,
            "explanation": each.explanation,
            "url": reverse("admin:operations_action", args=[each.name]),
            "required": sorted(required(each)),
            "arguments": {name: _words(declared) for name, declared in declarations(each.arguments).items()},
        }
        for each in ACTIONS.values()
    ]


def _words(declared: Declaration) -> Sequence[str]:
    return [str(each) for each in declared.choices]


def _possible(action: Action, arguments: Mapping[str, str], overview: Overview) -> bool:
    try:
        prepared(action.name, arguments, overview)
    except MarketDataError:
        return False
    return True
