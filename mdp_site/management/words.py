"""Reads the words of `manage.py control`. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from marketdata.errors import ConfigurationError
from mdp_site.control_plane.actions.registry import ACTIONS
from mdp_site.control_plane.services import service

DO: Final = "do"
"""In place of a service: an action of any service, or of none."""


def action_in(name: str, words: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    """The action in the words of a command, and its arguments; empty if they name none.

    Raises:
        ConfigurationError: the service has no such action, or an argument is not `name=value`.
    """
    if not words or "=" in words[0]:
        if name == DO and words:
            raise ConfigurationError(f"{words[0]!r} is no action; accepted: {', '.join(ACTIONS)}")
        return "", {}
    if name == DO:
        return words[0], parse_changes(words[1:])
    if words[0] not in service(name).actions:
        accepted = ", ".join(service(name).actions)
        raise ConfigurationError(f"there is no action {words[0]!r} for {name}; accepted: {accepted}")
    return words[0], {"service": name, **parse_changes(words[1:])}


def parse_changes(words: Sequence[str]) -> Mapping[str, str]:
    """The values by name of setting. An empty value means: back to the value of the environment.

    Raises:
        ConfigurationError: a word is not `setting=value`, or a setting occurs twice.
    """
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or name in values:
            raise ConfigurationError(f"{word!r} is not accepted; accepted: setting=value, each once")
        values[name] = value
    return values


def read_instant(text: str) -> datetime:
    """The instant in a text; without an offset it is UTC.

    Raises:
        ConfigurationError: the text is no instant.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"--as-of is {text!r}; accepted: a time such as 2026-11-28T14:30:00, in UTC or with an offset"
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
