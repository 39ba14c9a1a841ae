"""Writes changes of accounts into the audit."""

from collections.abc import Mapping
from typing import Any

from django.dispatch import receiver

from mdp_site.accounts.account_changes import account_changed
from mdp_site.control_plane.actors import acting
from mdp_site.control_plane.audit import ACCOUNTS, note


@receiver(account_changed)
def _note_account(
    *,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    why: str,
    **_signal: Any,
) -> None:
    result = f"done: {subject}"
    note(acting(), service=ACCOUNTS, action=action, before=before, after=after, reason=why, result=result)
