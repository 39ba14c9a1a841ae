"""The sink through which the hub writes prepared frames to one connection."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from widgets.wire import PreparedFrame


class FrameConnection(Protocol):
    """What the sink needs of a WebSocket connection."""

    transport: asyncio.Transport
    writable: asyncio.Event
    handshake_complete: bool
    close_sent: bool


class ConnectionSink:
    """The `widgets.wire.FrameSink` of one connection. `is_packed`: the client agreed on compression."""

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
