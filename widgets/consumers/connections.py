"""Counts the open connections of one web process, and refuses those above a limit."""

from collections import Counter
from typing import Final

from marketdata.observability import metrics
from marketdata.runtime.live_settings import CurrentSettings
from widgets.consumers.choices import UserChoices
from widgets.protocol import CloseCode
from widgets.settings import WidgetLimits


class Connections:
    """The open connections of all users, and the choices of these users. The web server counts by address.

    Connections of version 1 whose clients have not logged in yet count by address until they do.

    The limits are read from `settings` at each decision. So changed limits apply to new connections and to
    the next messages; no open connection is ended.
    """

    def __init__(self, settings: CurrentSettings[WidgetLimits]) -> None:
        self._settings = settings
        self.choices: Final = UserChoices()
        self._count = 0
        self._by_user: Counter[int] = Counter()
        self._unauthenticated: Counter[str] = Counter()

    @property
    def limits(self) -> WidgetLimits:
        """The limits that hold now."""
        return self._settings.current

    def enter(self, user_id: int) -> CloseCode | None:
        """Count a connection. If a limit is exceeded, it is not counted; returns the close code to send."""
        limits = self.limits
        if self._count >= limits.connections_per_process:
            return CloseCode.TRY_LATER
        if self._by_user[user_id] >= limits.connections_per_user:
            return CloseCode.TOO_MANY_CONNECTIONS
        self._change(user_id, 1)
        return None

    def leave(self, user_id: int) -> None:
        """Give the place of a counted connection back."""
        self._change(user_id, -1)

    def enter_unauthenticated(self, address: str) -> CloseCode | None:
        """Count a connection whose client has not logged in yet. Returns as `enter`."""
        limits, counts = self.limits, self._unauthenticated
        is_full = counts.total() >= limits.unauthenticated_per_process
        if is_full or counts[address] >= limits.unauthenticated_per_address:
            return CloseCode.TRY_LATER
        counts[address] += 1
        return None

    def leave_unauthenticated(self, address: str) -> None:
        """Give the place of such a connection back: its client has logged in, or it has ended."""
        self._unauthenticated[address] -= 1
        if not self._unauthenticated[address]:
            del self._unauthenticated[address]

    def _change(self, user_id: int, count: int) -> None:
        self._count += count
        metrics.WIDGET_CONNECTIONS.inc(count)
        self._by_user[user_id] += count
        if not self._by_user[user_id]:
            del self._by_user[user_id]
