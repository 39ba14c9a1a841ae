"""Counts the open connections of one web process, and refuses those above a limit."""

from collections import Counter
from collections.abc import Callable
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
    the next messages; no open connection is ended. While operators want the process to pause, it takes no
    connection, and `end_at_pauses` ends those that there are.
    """

    def __init__(self, settings: CurrentSettings[WidgetLimits]) -> None:
        self._settings = settings
        self.choices: Final = UserChoices()
        self._count = 0
        self._by_user: Counter[int] = Counter()
        self._unauthenticated: Counter[str] = Counter()
        self._open: set[Callable[[CloseCode], None]] = set()

    @property
    def limits(self) -> WidgetLimits:
        """The limits that hold now."""
        return self._settings.current

    def enter(self, user_id: int, end: Callable[[CloseCode], None]) -> CloseCode | None:
        """Count a connection. If it is refused, it is not counted; returns the close code to send.

        `end` ends it with a code.
        """
        limits = self.limits
        if not self._settings.works:
            return CloseCode.RESTART
        if self._count >= limits.connections_per_process:
            return CloseCode.TRY_LATER
        if self._by_user[user_id] >= limits.connections_per_user:
            return CloseCode.TOO_MANY_CONNECTIONS
        self._change(user_id, 1)
        self._open.add(end)
        return None

    def leave(self, user_id: int, end: Callable[[CloseCode], None]) -> None:
        """Give the place of a counted connection back."""
        self._change(user_id, -1)
        self._open.discard(end)

    async def end_at_pauses(self) -> None:
        """End all connections whenever operators want this process to pause, until cancelled."""
        while True:
            await self._settings.until(lambda _: not self._settings.works)
            open_now, self._open = self._open, set()
            for end in open_now:
                end(CloseCode.RESTART)
            # One that was let in after the pause is there if the next pause came before this task ran.
            await self._settings.until(lambda _: self._settings.works or bool(self._open))

    def enter_unauthenticated(self, address: str) -> CloseCode | None:
        """Count a connection whose client has not logged in yet. Returns as `enter`."""
        limits, counts = self.limits, self._unauthenticated
        if not self._settings.works:
            return CloseCode.RESTART
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
