"""Counts the open connections of one web process and the shares of users, and refuses those above a limit."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.runtime.live_settings import CurrentSettings
from widgets.consumers.choices import UserChoices
from widgets.consumers.limits import Allowance
from widgets.protocol import CloseCode
from widgets.settings import WidgetLimits

ENDED_AT_ONCE: Final = 500
"""So many connections are ended before the event loop does other work."""


class Refusal(NamedTuple):
    """Why a connection gets no place: the close code to send, and the setting of the limit, if any."""

    code: CloseCode
    limit: str


class UserShare:
    """What all connections of one user have together: their number, their feeds, and what they may send."""

    __slots__ = ("allowance", "connections", "feeds")

    def __init__(self) -> None:
        self.connections = 0
        self.feeds = 0
        self.allowance: Final = Allowance()


class Connections:
    """The open connections of all users, and the choices of these users. The web server counts by address.

    Connections of version 1 whose clients have not logged in yet count by address until they do.

    The limits are read from `settings` at each decision. So changed limits apply to new connections and to
    the next messages; no open connection is ended. While operators want the process to pause, it takes no
    connection, and `end_at_pauses` ends those that there are.

    The share of a user who has left is kept until the allowance is unused again. So a user gains nothing by
    connecting anew.
    """

    def __init__(self, settings: CurrentSettings[WidgetLimits], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.choices: Final = UserChoices()
        self._count = 0
        self._by_user: dict[int, UserShare] = {}
        self._left: deque[int] = deque()  # users who had no connection left, in the order in which they went
        self._unauthenticated: Counter[str] = Counter()
        self._open: set[Callable[[CloseCode], None]] = set()

    @property
    def limits(self) -> WidgetLimits:
        """The limits that hold now."""
        return self._settings.current

    def enter(self, user_id: int, end: Callable[[CloseCode], None]) -> UserShare | Refusal:
        """Count a connection, and return the share of its user. If it is refused, it is not counted.

        `end` ends it with a code.
        """
        limits = self.limits
        self._forget_unused()
        if not self._settings.works:
            return Refusal(CloseCode.RESTART, "")
        if self._count >= limits.connections_per_process:
            return Refusal(CloseCode.TRY_LATER, "connections_per_process")
        share = self._by_user.get(user_id) or UserShare()
        if share.connections >= limits.connections_per_user:
            return Refusal(CloseCode.TOO_MANY_CONNECTIONS, "connections_per_user")
        self._by_user[user_id] = share
        self._change(share, 1)
        self._open.add(end)
        return share

    def leave(self, user_id: int, end: Callable[[CloseCode], None]) -> None:
        """Give the place of a counted connection back."""
        share = self._by_user[user_id]
        self._change(share, -1)
        self._open.discard(end)
        if not share.connections:
            self._left.append(user_id)

    async def end_at_pauses(self) -> None:
        """End all connections whenever operators want this process to pause, until cancelled."""
        while True:
            await self._settings.until(lambda _: not self._settings.works)
            open_now, self._open = self._open, set()
            for number, end in enumerate(open_now, 1):
                end(CloseCode.RESTART)
                if number % ENDED_AT_ONCE == 0:
                    await asyncio.sleep(0)
            # One that was let in after the pause is there if the next pause came before this task ran.
            await self._settings.until(lambda _: self._settings.works or bool(self._open))

    def enter_unauthenticated(self, address: str) -> Refusal | None:
        """Count a connection whose client has not logged in yet. A refused one is not counted."""
        limits, counts = self.limits, self._unauthenticated
        if not self._settings.works:
            return Refusal(CloseCode.RESTART, "")
        if counts.total() >= limits.unauthenticated_per_process:
            return Refusal(CloseCode.TRY_LATER, "unauthenticated_per_process")
        if counts[address] >= limits.unauthenticated_per_address:
            return Refusal(CloseCode.TRY_LATER, "unauthenticated_per_address")
        counts[address] += 1
        return None

    def leave_unauthenticated(self, address: str) -> None:
        """Give the place of such a connection back: its client has logged in, or it has ended."""
        self._unauthenticated[address] -= 1
        if not self._unauthenticated[address]:
            del self._unauthenticated[address]

    def _change(self, share: UserShare, count: int) -> None:
        self._count += count
        metrics.WIDGET_CONNECTIONS.inc(count)
        share.connections += count

    def _forget_unused(self) -> None:
        """Forget the users who have left, oldest first, up to one whose allowance is still in use."""
        now = self._clock.monotonic()
        while self._left:
            share = self._by_user.get(self._left[0])
            if share is not None and not share.connections:
                if not share.allowance.is_unused(now):
                    return
                del self._by_user[self._left[0]]
            self._left.popleft()
