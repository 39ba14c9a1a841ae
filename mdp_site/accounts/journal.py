"""Who logged in, who logged out, and who was refused: a line of the log for each, with where it came from.

A user is named by id. No line holds a claim, a token or what somebody typed. A refusal costs a stranger
nothing, so its lines are bounded: `MOST_LINES` of a kind in a minute, then one that says how many were kept
back.
"""

import threading
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from marketdata.clock import Clock, SystemClock
from marketdata.observability.logs import get_logger
from mdp_site.addresses import client_address

MOST_LINES: Final = 100
INTERVAL_SECONDS: Final = 60.0
MAX_REASON_LENGTH: Final = 500
REFUSED: Final = "login refused"
CANCELLED: Final = "login cancelled"

_log = get_logger(__name__)


@dataclass(slots=True)
class _Interval:
    """What was written of one kind since `began_at` (monotonic seconds), and what was not."""

    began_at: float
    written: int = 0
    kept_back: int = 0


class LineBudget:
    """How many lines of each kind are written. Kinds are few and our own words.

    Concurrency: safe to use from several threads.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._intervals: dict[str, _Interval] = {}
        self._lock = threading.Lock()

    def take(self, kind: str) -> int | None:
        """How many lines of the kind were kept back in the interval before; None to keep this one back."""
        now = self._clock.monotonic()
        with self._lock:
            interval = self._intervals.get(kind)
            kept_back = 0
            if interval is None or now >= interval.began_at + INTERVAL_SECONDS:
                kept_back = 0 if interval is None else interval.kept_back
                interval = self._intervals[kind] = _Interval(began_at=now)
            if interval.written >= MOST_LINES:
                interval.kept_back += 1
                return None
            interval.written += 1
            return kept_back


_budget: Final = LineBudget()


def note_refusal(
    request: HttpRequest | None,
    *,
    step: str,
    reason: str,
    event: str = REFUSED,
    is_our_trouble: bool = False,
    **context: Any,
) -> None:
    """Write down a login that came to nothing. `is_our_trouble`: an operator has to look, so it is an error.

    `event` and `step` are words of ours, by which lines are counted; `reason` says in words what was wrong.
    """
    kept_back = _budget.take(f"{event}/{step}")
    if kept_back is None:
        return
    log = _log.error if is_our_trouble else _log.warning
    log(
        event,
        outcome="failed" if is_our_trouble else "refused",
        address=_address(request),
        step=step,
        reason=reason[:MAX_REASON_LENGTH],
        similar_kept_back=kept_back,
        **context,
    )


@receiver(user_logged_in)
def _on_login(request: HttpRequest | None, user: Any, **_: Any) -> None:
    _log.info("logged in", outcome="succeeded", user_id=user.pk, address=_address(request))


@receiver(user_logged_out)
def _on_logout(request: HttpRequest | None, user: Any, **_: Any) -> None:
    if user is not None:
        _log.info("logged out", outcome="succeeded", user_id=user.pk, address=_address(request))


def _address(request: HttpRequest | None) -> str | None:
    """As the trusted proxies tell it; None where that is no address."""
    address = None if request is None else client_address(request)
    return None if address is None else str(address)
