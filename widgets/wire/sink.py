"""How frames are written to one connection: the interface, and its implementation for our web server."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from widgets.wire.frames import PreparedFrame

SINK_EXTENSION: Final = "mdp.frames"
"""Where the web server offers the sink: `scope["extensions"][SINK_EXTENSION]["sink"]`.

It is a private extension of ASGI. A server without it (Daphne) sends frames by `websocket.send`.
"""


class FrameSink(Protocol):
    """Writes prepared frames to one connection. No method waits, and none raises for a lost connection.

    Frames leave in the order of the calls, also relative to messages that the consumer sends by ASGI.
    """

    @property
    def writable(self) -> bool:
        """Whether the client keeps up. False while the transport's buffer is full, and after the end."""

    def write(self, frames: Sequence[PreparedFrame]) -> None:
        """Write all frames with one system call. Does nothing after the close frame or the end.

        The caller writes only while `writable`, so that at most one batch waits in the transport.
        """

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Have `callback` called each time that the connection becomes writable again."""

    def abort(self) -> None:
        """Cut the connection off without a close frame: for a client that reads nothing."""


class FrameConnection(Protocol):
    """What the sink needs of a WebSocket connection."""

    transport: asyncio.Transport
    writable: asyncio.Event
    handshake_complete: bool
    close_sent: bool


class ConnectionSink:
    """The sink of a connection of our web server. `is_packed`: the client agreed on compression."""

    __slots__ = ("_callbacks", "_connection", "_is_packed")

    def __init__(self, connection: FrameConnection, *, is_packed: bool) -> None:
        self._connection: FrameConnection | None = connection
        self._callbacks: tuple[Callable[[], None], ...] = ()
        self._is_packed: Final = is_packed

    @property
    def writable(self) -> bool:
        """Whether the client keeps up. False before the handshake's end, and from the close frame on."""
        connection = self._connection
        return connection is not None and _is_open(connection) and connection.writable.is_set()

    def write(self, frames: Sequence[PreparedFrame]) -> None:
        """Write all frames with one system call."""
        connection = self._connection
        if connection is None or not _is_open(connection):
            return
        if self._is_packed:
            connection.transport.writelines([frame.packed() for frame in frames])
        else:
            connection.transport.writelines([frame.plain() for frame in frames])

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Have `callback` called each time that the client keeps up again."""
        self._callbacks += (callback,)

    def abort(self) -> None:
        """Cut the connection off. What waits in the transport is lost."""
        if self._connection is not None:
            self._connection.transport.abort()

    def call_back(self) -> None:
        """Tell all who wait that the connection is writable again."""
        for callback in self._callbacks:
            callback()

    def detach(self) -> None:
        """The connection has ended: forget it."""
        self._connection, self._callbacks = None, ()


def _is_open(connection: FrameConnection) -> bool:
    """Whether a frame may be sent: after the handshake, and before the close frame of either side.

    uvloop raises an error for a write to a transport that is closing.
    """
    return (
        connection.handshake_complete and not connection.close_sent and not connection.transport.is_closing()
    )
