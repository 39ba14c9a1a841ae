"""All actions of operators, by name."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

from marketdata.errors import ConfigurationError
from mdp_site.control_plane.actions import of_accounts, of_clients, of_market, of_settings
from mdp_site.control_plane.actions.declared import Action

_FURTHER: Final[Iterable[Action]] = chain.from_iterable(map(import_string, settings.FURTHER_ACTIONS))
"""Those of applications that the control plane does not know."""

ACTIONS: Final[Mapping[str, Action]] = {
    each.name: each
    for each in (
        *of_settings.ACTIONS,
        *of_market.ACTIONS,
        *of_clients.ACTIONS,
        *of_accounts.ACTIONS,
        *_FURTHER,
    )
}


def action_named(name: str) -> Action:
    """The action of this name.

    Raises:
        ConfigurationError: there is none; the message lists the actions.
    """
    if name not in ACTIONS:
        raise ConfigurationError(f"there is no action {name!r}; accepted: {', '.join(ACTIONS)}")
    return ACTIONS[name]
