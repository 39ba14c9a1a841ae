"""Counts the open connections of one web process, and refuses those above a limit."""

from collections import Counter
from typing import Final, TypeVar

from marketdata.observability import metrics
from widgets.consumers.choices import UserChoices
from widgets.consumers.limits import DEFAULT_LIMITS, WidgetLimits
from widgets.protocol import CloseCode

Key = TypeVar("Key")


class Connections:
    """The open connections by user and by client address, and the choices of their users.

    `limits` may be replaced at any time. New limits apply to new connections and to the next messages.
    """

    def __init__(self, limits: WidgetLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.choices: Final = UserChoices()
        self._count = 0
        self._by_user: Counter[int] = Counter()
        self._by_address: Counter[str] = Counter()
        self._unauthenticated: Counter[str] = Counter()

    def enter(self, user_id: int, address: str) -> CloseCode | None:
        """Count a connection. If a limit is exceeded, it is not counted; returns the close code to send."""
        limits = self.limits
        if self._count >= limits.connections_per_process:
            return CloseCode.TRY_LATER
        if (
            self._by_user[user_id] >= limits.connections_per_user
            or self._by_address[address] >= limits.connections_per_address
        ):
            return CloseCode.TOO_MANY_CONNECTIONS
        self._change(user_id, address, 1)
        return None

    def leave(self, user_id: int, address: str) -> None:
        """Give the place of a counted connection back."""
        self._change(user_id, address, -1)

    def enter_unauthenticated(self, address: str) -> CloseCode | None:
        """Count a connection whose client has not logged in yet. Returns as `enter`."""
        limits, counts = self.limits, self._unauthenticated
        is_full = counts.total() >= limits.unauthenticated_per_process
        if is_full or counts[address] >= limits.unauthenticated_per_address:
            return CloseCode.TRY_LATER
        _add(counts, address, 1)
        return None

    def leave_unauthenticated(self, address: str) -> None:
        """Give the place of such a connection back: its client has logged in, or it has ended."""
        _add(self._unauthenticated, address, -1)

    def _change(self, user_id: int, address: str, count: int) -> None:
        self._count += count
        metrics.WIDGET_CONNECTIONS.inc(count)
        _add(self._by_user, user_id, count)
        _add(self._by_address, address, count)


def _add(counter: Counter[Key], key: Key, count: int) -> None:
    counter[key] += count
    if not counter[key]:
        del counter[key]
