"""What goes wrong on demand. Tests set these switches; nothing reaches them over the network."""

from collections.abc import Callable, Collection
from typing import Final

from marketdata.simulator.connection import Connection

_MAX_CLIENT_FRAME_BYTES: Final = 1 << 20


class Faults:
    """Switches that stay until they are reset, counts that run down, and blows at once.

    `refuse_upgrade_status`: answer WebSocket handshakes with this HTTP status.
    `abort_before_auth_reply`, `abort_after_subscribe`: cut the next so many connections at that point.
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
        """Whether this connection is to be cut now; counts down."""
        hit = self.abort_before_auth_reply > 0
        self.abort_before_auth_reply -= hit
        return hit

    def take_abort_after_subscribe(self) -> bool:
        """Whether this connection is to be cut now; counts down."""
        hit = self.abort_after_subscribe > 0
        self.abort_after_subscribe -= hit
        return hit

    def take_rest_status(self) -> int | None:
        """The HTTP status with which this REST call fails, or None; counts down."""
        if self.rest_status is None or self.rest_failures == 0:
            return None
        if self.rest_failures is not None:
            self.rest_failures -= 1
        return self.rest_status

    def close_all(self, code: int) -> None:
        """Close every connection in good order with a code, such as 1000, 1001, 1008 or 1011."""
        for connection in list(self.connections()):
            connection.finish(None, code, "fault")

    def abort_all(self) -> None:
        """Reset every TCP connection without a word."""
        for connection in list(self.connections()):
            connection.abort("fault")

    def send_raw(self, frame: bytes) -> None:
        """Send these bytes as one text frame to every live client."""
        for connection in list(self.connections()):
            if connection.is_live:
                connection.send(frame)

    def send_oversized_frame(self) -> None:
        """Send a valid frame above 1 MiB, which a client with default limits refuses (close 1009)."""
        event = b'{"ev":"status","status":"success","message":"%s"}' % (b"x" * _MAX_CLIENT_FRAME_BYTES)
        self.send_raw(b"[" + event + b"]")

    def send_unknown_event(self) -> None:
        """Send an event of a type that nobody knows, beside a valid status."""
        known = b'{"ev":"status","status":"success","message":"still here"}'
        self.send_raw(b'[{"ev":"ZZ","sym":"AAPL","p":1.5},' + known + b"]")

    def send_malformed_frame(self) -> None:
        """Send a frame that is cut in the middle of an event."""
        self.send_raw(b'[{"ev":"A","sym":"AAPL","v":10')
