"""Log entries for logins, logouts, refusals, and for sessions and tokens that were ended or made.

An entry names a user by id. It never contains a claim, a token or text that somebody typed. A stranger can
cause refusals without effort, so their entries are limited by a `LogBudget`.
"""

import threading
from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from marketdata.observability.log_budget import LogBudget
from marketdata.observability.logs import get_logger
from mdp_site.accounts.account_changes import report_sessions_ended, report_token
from mdp_site.accounts.models import ApiToken
from mdp_site.addresses import Address, client_address, handshake_address

MAX_REASON_LENGTH: Final = 500
REFUSED: Final = "login refused"
CANCELLED: Final = "login cancelled"
HANDSHAKE_REFUSED: Final = "websocket refused"
SESSION_ENDED: Final = "session ended"
TOKEN_MADE: Final = "API token made"  # noqa: S105 - the name of an event
TOKEN_REVOKED: Final = "API token revoked"  # noqa: S105 - the name of an event

_log = get_logger(__name__)


_budget: Final = LogBudget()


class _Tally:
    """A number that several threads count up: views run in some."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def add_one(self) -> None:
        with self._lock:
            self.value += 1


_refused: Final = _Tally()


def refused_logins() -> int:
    """How many logins this process has refused since its start, also those that the log keeps back."""
    return _refused.value


def note_refusal(
    request: HttpRequest | None,
    *,
    step: str,
    reason: str,
    event: str = REFUSED,
    needs_operator: bool = False,
    **context: Any,
) -> None:
    """Log a login that did not succeed.

    `event` and `step` are words of this program: entries are limited per event and step. `reason` explains
    what was wrong. With `needs_operator` the site or the provider is at fault, so the entry is an error.
    """
    if event == REFUSED:
        _refused.add_one()
    kept_back = _budget.take(f"{event}/{step}")
    if kept_back is None:
        return
    log = _log.error if needs_operator else _log.warning
    log(
        event,
        outcome="failed" if needs_operator else "refused",
        address=_address(request),
        step=step,
        reason=reason[:MAX_REASON_LENGTH],
        similar_kept_back=kept_back,
        **context,
    )


def note_refused_handshake(
    scope: Mapping[str, Any], *, reason: str, detail: str, user_id: int | None
) -> None:
    """Log a WebSocket that the entrance refused.

    `reason` is a word of this program: entries are limited per reason.
    """
    kept_back = _budget.take(f"{HANDSHAKE_REFUSED}/{reason}")
    if kept_back is not None:
        _log.warning(
            HANDSHAKE_REFUSED,
            outcome="refused",
            address=_as_text(handshake_address(scope)),
            reason=reason,
            detail=detail,
            user_id=user_id,
            similar_kept_back=kept_back,
        )


def note_token(event: str, token: ApiToken, *, by: int | None, why: str = "") -> None:
    """Log and report that a token was made or revoked. `by` is the id of the user who did it.

    `why` is the reason that this user gave. It is reported, and not logged: somebody typed it.
    """
    report_token(event, token, why)
    _log.info(event, outcome="succeeded", token=token.prefix, user_id=token.user_id, by=by)


def note_session_ended(user_id: int, *, by: int | None, sessions: int = 1) -> None:
    """Log and report that sessions of a user were ended from elsewhere. `by` is the id of who did it."""
    report_sessions_ended(SESSION_ENDED, user_id, sessions)
    _log.info(SESSION_ENDED, outcome="succeeded", user_id=user_id, by=by, sessions=sessions)


@receiver(user_logged_in)
def _on_login(request: HttpRequest | None, user: Any, **_: Any) -> None:
    _log.info("logged in", outcome="succeeded", user_id=user.pk, address=_address(request))


@receiver(user_logged_out)
def _on_logout(request: HttpRequest | None, user: Any, **_: Any) -> None:
    if user is not None:
        _log.info("logged out", outcome="succeeded", user_id=user.pk, address=_address(request))


def _address(request: HttpRequest | None) -> str | None:
    """The client's address as text; None if it is unknown."""
    return None if request is None else _as_text(client_address(request))


def _as_text(address: Address | None) -> str | None:
    return None if address is None else str(address)
