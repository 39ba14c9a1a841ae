"""The interface through which frames are written to one connection."""

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
