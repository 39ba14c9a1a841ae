"""Writes the audit. An entry never has a secret: settings have none, and addresses lose their passwords."""

import re
from collections.abc import Mapping
from typing import Any, Final

from mdp_site.control_plane.actors import Actor
from mdp_site.control_plane.models import (
    MAX_REASON_LENGTH,
    MAX_RESULT_LENGTH,
    MAX_WORD_LENGTH,
    AuditEntry,
)

ACCOUNTS: Final = "accounts"
"""What the entries about users, roles, tokens and sessions have as their service."""

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]*@")


def note(
    actor: Actor,
    *,
    service: str,
    action: str,
    result: str,
    revision: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Add an entry, in the transaction of the caller if there is one. Texts that are too long are cut."""
    return AuditEntry.objects.create(
        who=actor.who,
        user_id=actor.user_id,
        origin=actor.origin,
        service=_readable(service)[:MAX_WORD_LENGTH],
        action=_readable(action)[:MAX_WORD_LENGTH],
        revision=revision,
        before=without_secrets(before),
        after=without_secrets(after),
        reason=_readable(reason)[:MAX_REASON_LENGTH],
        result=_readable(result)[:MAX_RESULT_LENGTH],
    )


def without_secrets(value: Any) -> Any:
    """A JSON value in which no address has a user name or password."""
    if isinstance(value, str):
        return _CREDENTIALS.sub("", value)
    if isinstance(value, Mapping):
        return {name: without_secrets(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return value


def _readable(text: str) -> str:
    """The text without characters that a database refuses or a terminal obeys, and without secrets."""
    printable = "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text
    )
    return _CREDENTIALS.sub("", printable)
