"""Counts the open connections of one web process, and refuses those above a limit."""

from collections import Counter

from marketdata.observability import metrics
from marketdata.runtime.live_settings import CurrentSettings
from widgets.protocol import CloseCode
from widgets.settings import WidgetLimits


class Connections:
    """The open connections of all logged-in users. The web server counts them by address.

    The limits are read from `settings` at each decision. So changed limits apply to new connections and to
    the next messages; no open connection is ended.
    """

    def __init__(self, settings: CurrentSettings[WidgetLimits]) -> None:
        self._settings = settings
        self._count = 0
        self._by_user: Counter[int] = Counter()

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

    def _change(self, user_id: int, count: int) -> None:
        self._count += count
        metrics.WIDGET_CONNECTIONS.inc(count)
        self._by_user[user_id] += count
        if not self._by_user[user_id]:
            del self._by_user[user_id]
