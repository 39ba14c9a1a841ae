"""All actions of operators, by name."""

from collections.abc import Mapping
from typing import Final

from marketdata.errors import ConfigurationError
from mdp_site.control_plane.actions import of_market, of_settings
from mdp_site.control_plane.actions.declared import Action

ACTIONS: Final[Mapping[str, Action]] = {
    each.name: each for each in (*of_settings.ACTIONS, *of_market.ACTIONS)
}


def action_named(name: str) -> Action:
    """The action of this name.

    Raises:
        ConfigurationError: there is none; the message lists the actions.
    """
    if name not in ACTIONS:
        raise ConfigurationError(f"there is no action {name!r}; accepted: {', '.join(ACTIONS)}")
    return ACTIONS[name]
