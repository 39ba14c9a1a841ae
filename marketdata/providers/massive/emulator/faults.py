"""Faults that tests switch on. The network gives no access to them."""

from collections.abc import Callable, Collection
from typing import Final

from marketdata.providers.massive.emulator.connection import Connection


class Faults:
    """Switches that stay on until they are reset, and counts that each use decreases.

    `refuse_upgrade_status`: answer WebSocket handshakes with this HTTP status.
    `abort_before_auth_reply`, `abort_after_subscribe`: abort this many of the next connections at that point.
    `stalled`: accept everything, answer pings, but send no market data.
    `rest_status`: answer REST calls with this HTTP status and its documented body; `rest_failures` bounds
    how many of them (None: all). `connections()` are the open ones, the oldest first.
    """

    def __init__(self, connections: Callable[[], Collection[Connection]]) -> None:
        self.refuse_upgrade_status: int | None = None
        self.abort_before_auth_reply = 0
        self.abort_after_subscribe = 0
        self.stalled = False
        self.rest_status: int | None = None
        self.rest_failures: int | None = None
        self.connections: Final = connections

    def take_abort_before_auth_reply(self) -> bool:
        """Whether to abort this connection now. Decreases the count."""
        hit = self.abort_before_auth_reply > 0
        self.abort_before_auth_reply -= hit
        return hit

    def take_abort_after_subscribe(self) -> bool:
        """Whether to abort this connection now. Decreases the count."""
        hit = self.abort_after_subscribe > 0
        self.abort_after_subscribe -= hit
        return hit

    def take_rest_status(self) -> int | None:
        """The HTTP status with which this REST call fails, or None. Decreases the count."""
        if self.rest_status is None or self.rest_failures == 0:
            return None
        if self.rest_failures is not None:
            self.rest_failures -= 1
        return self.rest_status
