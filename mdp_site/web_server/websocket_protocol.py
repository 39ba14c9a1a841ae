"""A WebSocket connection of the server, which accepts prepared frames beside the messages of ASGI.

It relies on members of uvicorn's and websockets' classes that are not documented. `pyproject.toml` therefore
bounds the version of uvicorn, and `tests/contract/test_web_server.py` holds what is relied on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from mdp_site.web_server.compression import SharedDeflateFactory
from widgets.wire import SINK_EXTENSION, Frame

_EXTENSIONS: Final = [SharedDeflateFactory()]


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. Its application finds the sink for prepared frames in the scope, as an extension.

    Concurrency: used only by the event loop's thread.
    """

    sink: "ConnectionSink | None" = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn.available_extensions = _EXTENSIONS

    def handle_connect(self, event: Request) -> None:
        """Start the application, and offer it the sink. The application runs when this turn has ended."""
        super().handle_connect(event)
        if not self.close_sent:
            self.sink = ConnectionSink(self)
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[SINK_EXTENSION] = {"sink": self.sink}

    def resume_writing(self) -> None:
        """The client keeps up again: wake the senders of messages, then those of frames."""
        super().resume_writing()
        if self.sink is not None:
            self.sink.call_back()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, and all reference cycles, so that it is freed without the garbage collector.

        Connections outlive many collections, and objects that are frozen are never collected.
        """
        super().connection_lost(exc)
        if self.sink is not None:
            self.sink.detach()
            self.sink = None
        self.conn.parser.close()  # a suspended generator, which refers to `conn`


class ConnectionSink:
    """The `widgets.wire.FrameSink` of one connection."""

    __slots__ = ("_callbacks", "_is_packed", "_protocol")

    def __init__(self, protocol: WebSocketProtocol) -> None:
        self._protocol: WebSocketProtocol | None = protocol
        self._callbacks: tuple[Callable[[], None], ...] = ()
        self._is_packed: Final = bool(protocol.conn.extensions)

    @property
    def writable(self) -> bool:
        """Whether the client keeps up. False before the handshake's end, and from the close frame on."""
        protocol = self._protocol
        return protocol is not None and _is_open(protocol) and protocol.writable.is_set()

    def write(self, frames: Sequence[Frame]) -> None:
        """Write all frames with one system call, compressed if the client agreed on that."""
        protocol = self._protocol
        if protocol is None or not _is_open(protocol):
            return
        if self._is_packed:
            protocol.transport.writelines([frame.packed() for frame in frames])
        else:
            protocol.transport.writelines([frame.plain() for frame in frames])

    def when_writable(self, callback: Callable[[], None]) -> None:
        """Have `callback` called each time that the client keeps up again."""
        self._callbacks += (callback,)

    def abort(self) -> None:
        """Cut the connection off. What waits in the transport is lost."""
        if self._protocol is not None:
            self._protocol.transport.abort()

    def call_back(self) -> None:
        """Tell all who wait that the connection is writable again."""
        for callback in self._callbacks:
            callback()

    def detach(self) -> None:
        """The connection has ended: forget it."""
        self._protocol, self._callbacks = None, ()


def _is_open(protocol: WebSocketProtocol) -> bool:
    """Whether a frame may be sent: after the handshake, and before the close frame of either side.

    uvloop raises an error for a write to a transport that is closing.
    """
    return protocol.handshake_complete and not protocol.close_sent and not protocol.transport.is_closing()
