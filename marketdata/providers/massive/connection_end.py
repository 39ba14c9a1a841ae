"""The reason of a connection's end, and the wait before the next connection. No I/O."""

import enum
import sys
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec
from massive.exceptions import AuthError
from websockets.exceptions import ConnectionClosedError
from websockets.frames import CloseCode

from marketdata.feeds import StatusEvent
from marketdata.runtime.backoff import Backoff


class EndReason(enum.StrEnum):
    """The reasons of a connection's end: used as metric label, log field and status."""

    UNREACHABLE = "unreachable"
    NOT_AUTHENTICATED = "authentication_unanswered"
    NOT_SUBSCRIBED = "subscriptions_unanswered"
    AUTH_FAILED = "auth_failed"
    AUTH_TIMEOUT = "auth_timeout"
    MAX_CONNECTIONS = "max_connections"
    SLOW_CONSUMER = "slow_consumer"
    FORCE_DISCONNECT = "force_disconnect"
    POLICY_VIOLATION = "policy_violation"
    CLOSED_BY_SERVER = "closed_by_server"
    CONNECTION_LOST = "connection_lost"
    FRAME_TOO_LARGE = "frame_too_large"
    SILENT = "silent"
    PROTOCOL_ERROR = "protocol_error"


# The provider refused. A quick retry cannot help, and may harm: if an account has two connections, the server
# closes one of them, and each new attempt may close the other one again.
REFUSALS: Final = frozenset(
    {
        EndReason.AUTH_FAILED,
        EndReason.MAX_CONNECTIONS,
        EndReason.FORCE_DISCONNECT,
        EndReason.POLICY_VIOLATION,
    }
)
# The close code after the status `max_connections`, which the SDK discards during the login.
POLICY_VIOLATION_CODE: Final = 1008

# Statuses that the server sends just before it closes. The close itself has no reason.
CLOSING_STATUSES: Final = {
    "auth_failed": EndReason.AUTH_FAILED,
    "auth_timeout": EndReason.AUTH_TIMEOUT,
    "max_connections": EndReason.MAX_CONNECTIONS,
    "slow_consumer": EndReason.SLOW_CONSUMER,
    "force_disconnect": EndReason.FORCE_DISCONNECT,
}


class ConnectionEnd(msgspec.Struct, frozen=True, gc=False):
    """How one connection ended. `detail` is the provider's or the library's own text."""

    reason: EndReason
    detail: str = ""

    @property
    def refused(self) -> bool:
        """Whether only a long wait makes sense."""
        return self.reason in REFUSALS


def shown_status(event: StatusEvent, shown: Callable[[str], str]) -> StatusEvent:
    """A status whose texts can be shown in a log or on a page."""
    return StatusEvent(shown(event.status), shown(event.message))


def end_from_status(event: StatusEvent) -> ConnectionEnd | None:
    """The end that a status announces, or None if it announces none."""
    reason = CLOSING_STATUSES.get(event.status)
    return None if reason is None else ConnectionEnd(reason, event.message)


def end_from_outcome(error: BaseException | None, announced: ConnectionEnd | None) -> ConnectionEnd:
    """The end of a connection whose `connect()` returned (no error: close code 1000 or 1001) or raised."""
    if announced is not None:
        return announced
    if error is None:
        return ConnectionEnd(EndReason.CLOSED_BY_SERVER, "close code 1000 or 1001")
    reason = _reason_of(error)
    detail = f"{type(error).__name__}: {error}" if reason is EndReason.PROTOCOL_ERROR else str(error)
    return ConnectionEnd(reason, detail)


def _reason_of(error: BaseException) -> EndReason:
    if isinstance(error, AuthError):
        return EndReason.AUTH_FAILED
    if isinstance(error, Undialled):
        return EndReason.UNREACHABLE
    if not isinstance(error, ConnectionClosedError):
        return EndReason.PROTOCOL_ERROR
    if error.rcvd is not None and error.rcvd.code == POLICY_VIOLATION_CODE:
        return EndReason.POLICY_VIOLATION
    if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG and not error.rcvd_then_sent:
        return EndReason.FRAME_TOO_LARGE
    return EndReason.CONNECTION_LOST


class Undialled(Exception):
    """The WebSocket could not be opened. Prevents endless attempts of the `websockets` library."""


def no_further_dialling() -> NoReturn:
    """For `connect(reconnect_delays=…)`, which calls it for a delay after a failed attempt.

    Raises:
        Undialled: always, so that `connect` ends; it has the message of the failure.
    """
    failure = sys.exception()
    raise Undialled(f"{type(failure).__name__}: {failure}")


def end_from_silence(*, connected: bool, subscribed: bool, answered: bool) -> ConnectionEnd:
    """The end of a connection that timed out, by the step that it had reached."""
    if answered:
        return ConnectionEnd(EndReason.SILENT, "connected, but no frame for too long")
    if not connected:
        return ConnectionEnd(EndReason.UNREACHABLE, "no WebSocket connection could be opened")
    if not subscribed:
        return ConnectionEnd(EndReason.NOT_AUTHENTICATED, "the server did not complete the login")
    return ConnectionEnd(EndReason.NOT_SUBSCRIBED, "the server answered none of the subscriptions")


class RetryDelays:
    """How long to wait before the next connection, while the market is open.

    An unreachable server is tried again within 4 s, without limit: an attempt costs little, and the server
    may return at any time. A lost connection is replaced quickly, `quick_attempts` times in a row. After
    that, and after every refusal, the waits are long. Call `reset` after a good connection.
    """

    def __init__(
        self,
        quick_attempts: int,
        *,
        quick: Backoff | None = None,
        patient: Backoff | None = None,
        refused: Backoff | None = None,
        unreachable: Backoff | None = None,
    ) -> None:
        self._quick_attempts = quick_attempts
        self._quick = quick or Backoff(initial_seconds=0.5, maximum_seconds=15.0, minimum_seconds=0.1)
        self._patient = patient or Backoff(initial_seconds=30.0, maximum_seconds=60.0, minimum_seconds=10.0)
        self._refused = refused or Backoff(initial_seconds=60.0, maximum_seconds=300.0, minimum_seconds=30.0)
        self._unreachable = unreachable or Backoff(
            initial_seconds=0.5, maximum_seconds=4.0, minimum_seconds=0.2
        )

    def next_delay_seconds(self, end: ConnectionEnd) -> float:
        """The wait after this end; each call counts as an attempt."""
        if end.refused:
            return self._refused.next_delay_seconds()
        if end.reason is EndReason.UNREACHABLE:
            return self._unreachable.next_delay_seconds()
        if self._quick.attempts < self._quick_attempts:
            return self._quick.next_delay_seconds()
        return self._patient.next_delay_seconds()

    def reset(self) -> None:
        """Forget the failures so far."""
        for backoff in (self._quick, self._patient, self._refused, self._unreachable):
            backoff.reset()
