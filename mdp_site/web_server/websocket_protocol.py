"""A WebSocket connection of the server: uvicorn's, with prepared frames and bounds on what a client sends.

It relies on members of uvicorn's and websockets' classes that are not documented. `pyproject.toml` therefore
bounds the version of uvicorn, and `tests/contract/test_web_server.py` holds what is relied on.
"""

import asyncio
import random
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import HeaderLineTooLong, RequestLineTooLong, TooManyHeaders
from websockets.frames import Frame
from websockets.http11 import Request

from mdp_site.web_server.bounds import Peer
from mdp_site.web_server.closing import ExplainingProtocol
from mdp_site.web_server.compression import SharedDeflateFactory
from mdp_site.web_server.config import WebServerConfig
from mdp_site.web_server.entrance import BEGIN_HANDSHAKE
from mdp_site.web_server.reasons import Reason, refusal
from widgets.protocol import CloseCode
from widgets.wire import SINK_EXTENSION, ConnectionSink

PIECE_BYTES: Final = 4_096
"""Input is parsed in pieces, so that one read cannot hold thousands of frames before a bound is checked."""
MOST_UNSENT_BYTES: Final = 16_384
"""A client for which more waits, besides what the kernel holds, does not read: its frames are merged."""
SHUTDOWN_SECONDS: Final = 2.0
"""Time for a client to read what waits and the close frame, when the server stops."""
LINGER_SECONDS: Final = 2.0
"""Time for a client that broke the protocol to read the close frame, and to close."""
MOST_DISCARDED_BYTES: Final = 65_536
"""So much of what it sends meanwhile is read. The rest waits in the network, and costs nothing here."""
EARLIEST_PING: Final = 0.75
"""Of the interval: clients that connected together are not pinged together."""

_EXTENSIONS: Final = [SharedDeflateFactory()]


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. Its application finds the sink for prepared frames in the scope, as an extension.

    Concurrency: used only by the event loop's thread.
    """

    peer: Peer = None
    """The other end of the TCP connection. `HttpProtocol` has counted it."""

    def __init__(self, config: WebServerConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self.conn.parser.close()  # a suspended generator, which refers to `conn`: uvicorn's, not used
        self.conn = ExplainingProtocol(
            extensions=_EXTENSIONS, max_size=config.ws_max_size, logger=self.logger
        )
        self._bounds = config.bounds
        self._sink: ConnectionSink | None = None
        self._handshake_of: list[Peer] = []  # the client whose handshake is counted
        self._client_of: list[Peer] = []  # the client whose connection is counted
        self._handshake_deadline: asyncio.TimerHandle | None = None
        self._unread = bytearray()
        self._discarded_bytes: int | None = None  # since the connection failed; None before
        self._waiting_pong = b""
        self._control_frames = 0.0  # above the permitted rate
        self._control_frames_at = self.loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the connection."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=MOST_UNSENT_BYTES)

    # --- The handshake --------------------------------------------------------------------------------------

    def handle_connect(self, event: Request) -> None:
        """Start the application, and offer it the sink. The application runs when this turn has ended."""
        super().handle_connect(event)
        if self.close_sent:
            return
        self._sink = ConnectionSink(self, is_packed=bool(self.conn.extensions))
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[SINK_EXTENSION] = {"sink": self._sink}
        extensions[BEGIN_HANDSHAKE] = self._begin_handshake
        seconds = self._bounds.limits.handshake_seconds
        self._handshake_deadline = self.loop.call_later(seconds, self._on_slow_handshake)

    def start_keepalive(self) -> None:
        """The application has accepted the connection."""
        super().start_keepalive()
        self._end_handshake()
        self._bounds.note_accepted()

    def _begin_handshake(self, client: Peer) -> Reason | None:
        refused = self._bounds.begin_handshake(client, self.peer)
        if refused is None:
            self._handshake_of.append(client)
            self._client_of.append(client)
        else:
            self._bounds.cut_off(refused, client)
        return refused

    def _end_handshake(self) -> None:
        if self._handshake_deadline is not None:
            self._handshake_deadline.cancel()
            self._handshake_deadline = None
        while self._handshake_of:
            self._bounds.end_handshake(self._handshake_of.pop())

    def _on_slow_handshake(self) -> None:
        self._refuse_handshake(Reason.SLOW_HANDSHAKE, HTTPStatus.SERVICE_UNAVAILABLE)

    def _refuse_handshake(self, reason: Reason, status: HTTPStatus) -> None:
        if self.transport.is_closing() or self.handshake_complete:
            return
        self._bounds.cut_off(reason, self.peer or self.client)
        # The parser itself refuses some requests. After others it only ends, and can send no answer any more.
        self.transport.write(b"".join(self.conn.data_to_send()) or refusal(reason, status))
        self.transport.close()

    # --- Input ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take input piece by piece, while the application keeps up."""
        if self._discarded_bytes is not None:
            self._discard(len(data))
        elif not self.handshake_initiated:
            super().data_received(data)  # the request, whole, from `HttpProtocol`
            if not self.handshake_initiated:
                self._refuse_unread_request()
        elif not self.handshake_complete:  # RFC 6455, section 4.1: a client must wait for the answer
            self._cut_off(Reason.EARLY_FRAMES)
        else:
            self._unread += data
            self._work_off()

    async def receive(self) -> Any:
        """The next message for the application."""
        message = await super().receive()
        if self._unread:
            self._work_off()
        return message

    def handle_ping(self) -> None:
        """Answer pings. While the client does not read, the newest answer waits (RFC 6455, section 5.5.3)."""
        pongs = b"".join(self.conn.data_to_send())
        if not self._may_take_control_frame():
            return
        if self.writable.is_set():
            self.transport.write(pongs)
        else:
            self._waiting_pong = pongs or self._waiting_pong

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping."""
        if self._may_take_control_frame():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment. Empty ones add nothing to the size of a message, so they are counted."""
        if self._may_take_control_frame():
            super().handle_cont(event)

    def _work_off(self) -> None:
        while self._unread and not self.read_paused and not self.transport.is_closing():
            piece = bytes(self._unread[:PIECE_BYTES])
            del self._unread[:PIECE_BYTES]
            super().data_received(piece)
        if self.transport.is_closing():
            self._unread.clear()

    def _may_take_control_frame(self) -> bool:
        """Count a frame against the rate. Fails the connection with 1008 if it is one too many."""
        if self.close_sent or self.transport.is_closing():
            return False
        limits, now = self._bounds.limits, self.loop.time()
        forgiven = (now - self._control_frames_at) * limits.control_frames_per_second
        self._control_frames = max(0.0, self._control_frames - forgiven) + 1
        self._control_frames_at = now
        if self._control_frames <= limits.control_frames_burst:
            return True
        self._bounds.cut_off(Reason.CONTROL_FRAMES, self.peer or self.client)
        self.conn.fail(CloseCode.TOO_MANY_FRAMES)
        self.handle_parser_exception()
        return False

    def _refuse_unread_request(self) -> None:
        error = self.conn.handshake_exc
        if isinstance(error, HeaderLineTooLong | TooManyHeaders):
            self._refuse_handshake(Reason.HEAD_TOO_LARGE, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif isinstance(error, RequestLineTooLong):
            self._refuse_handshake(Reason.HEAD_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG)
        else:
            self._refuse_handshake(Reason.BAD_REQUEST, HTTPStatus.BAD_REQUEST)

    # --- Output ---------------------------------------------------------------------------------------------

    def resume_writing(self) -> None:
        """The client keeps up again: wake the senders of messages, then those of frames."""
        super().resume_writing()
        if self._waiting_pong and not self.transport.is_closing():
            self.transport.write(self._waiting_pong)
        self._waiting_pong = b""
        if self._sink is not None:
            self._sink.call_back()

    def schedule_ping(self) -> None:
        """Plan the next ping of the server."""
        delay = (self.ping_interval or 0.0) * random.uniform(EARLIEST_PING, 1)  # noqa: S311 - not a secret
        self.ping_timer = self.loop.call_later(delay, self.send_keepalive_ping)

    # --- Ends -----------------------------------------------------------------------------------------------

    async def send(self, message: Any) -> None:
        """Send a message of the application."""
        await super().send(message)
        if self.close_sent and self.initial_response is not None:
            # Refused, so answered. uvicorn would log each refusal as an error, at the will of strangers.
            self.handshake_complete = True
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self._abort_later()

    def shutdown(self) -> None:
        """The server stops. A client that reads nothing does not hold it up."""
        super().shutdown()
        if self.transport.get_write_buffer_size():
            self._abort_later(SHUTDOWN_SECONDS)

    def keepalive_timeout(self) -> None:
        """The client has not answered a ping."""
        super().keepalive_timeout()
        self._abort_later()

    def handle_parser_exception(self) -> None:
        """The client broke the protocol: send the close frame, and wait for the client to close, too.

        A socket that is closed while input comes resets the connection. Then many clients never read the
        close frame, and so do not know what to do next.
        """
        if (closed := self.conn.close_sent) is not None:
            ended = {"type": "websocket.disconnect", "code": closed.code, "reason": closed.reason}
            self.queue.put_nowait(ended)  # type: ignore[arg-type] # a typed dictionary of uvicorn's
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self._unread.clear()
        self._waiting_pong = b""
        self._discarded_bytes = 0
        self._abort_later(LINGER_SECONDS)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _discard(self, byte_count: int) -> None:
        """Drop input of a failed connection; of a client that sends on and on, stop reading."""
        self._discarded_bytes = (self._discarded_bytes or 0) + byte_count
        if self._discarded_bytes > MOST_DISCARDED_BYTES:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, and all reference cycles, so that it is freed without the garbage collector.

        Connections outlive many collections, and objects that are frozen are never collected.
        """
        self._bounds.disconnect(self.peer)
        self._end_handshake()
        while self._client_of:
            self._bounds.leave(self._client_of.pop(), self.peer)
        super().connection_lost(exc)
        if self._sink is not None:
            self._sink.detach()
            self._sink = None
        self._unread.clear()
        self.conn.parser.close()  # a suspended generator, which refers to `conn`

    def _abort_later(self, seconds: float | None = None) -> None:
        """Give the client time to read the close frame. `connection_lost` cancels the timer.

        A transport that is only closed would wait for a client that reads nothing.
        """
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(seconds or self.close_timeout, self.transport.abort)

    def _cut_off(self, reason: Reason) -> None:
        self._bounds.cut_off(reason, self.peer or self.client)
        self.transport.abort()
