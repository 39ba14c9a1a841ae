"""An HTTP connection of the server: uvicorn's, with bounds on everything that a stranger can send or hold.

It relies on members of uvicorn's class that are not documented. `tests/contract/test_web_server.py` and
`tests/integration/test_web_server_floods.py` hold what is relied on.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mdp_site.web_server.config import WebServerConfig
from mdp_site.web_server.reasons import Reason, refusal

if TYPE_CHECKING:
    from mdp_site.web_server.websocket_protocol import WebSocketProtocol

PIECE_BYTES: Final = 4_096
"""Input is parsed in pieces, so that one read cannot queue thousands of requests."""
MOST_UNREAD_BYTES: Final = 65_536
"""Beyond them reading pauses until the connection has its turn."""


class HttpProtocol(HttpToolsProtocol):
    """One connection until it ends or becomes a WebSocket.

    Requests that a client sends before the earlier ones are answered wait unparsed, and reading pauses.
    Each step has a deadline: the head of a request, its body, and the reading of the response.

    Concurrency: used only by the event loop's thread.
    """

    flow: "_HeldFlow"

    def __init__(self, config: WebServerConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(config, *args, **kwargs)
        self._bounds = config.bounds
        self.url = b""
        self._turns = config.turns
        self._has_turn = False
        self._unread = bytearray()
        self._is_half_closed = False
        self._head_bytes = 0  # since the last byte of a body: a request line, headers, trailers
        self._body_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    # --- The connection -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Refuse a connection that is one too many; else wait for a request."""
        super().connection_made(transport)
        self.flow = _HeldFlow(transport)
        refused = self._bounds.connect(self.client)
        if refused is not None:
            self._refuse(refused, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._expect(Reason.SLOW_HEAD, self._bounds.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection and what waits for it."""
        self._bounds.disconnect(self.client)
        self._let_go()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take input, if no request waits for the answer of an earlier one; else keep it and stop reading."""
        self._unset_keepalive_if_required()
        self._unread += data
        if len(self._unread) >= MOST_UNREAD_BYTES:
            self.flow.hold(held=True)
        self._work_off_in_turn()

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's returns None, so that the transport closes
        """The client sends no more. Returns whether the connection stays open: whole requests are answered.

        It may have closed only its sending side, and wait for the answer (RFC 9293, section 3.6). Half a
        request gets no answer (RFC 9112, section 8).
        """
        self._is_half_closed = True
        return self._owes_an_answer()

    def pause_writing(self) -> None:
        """The client does not read its response."""
        super().pause_writing()
        if self._stalled is None:
            seconds = self._bounds.limits.stalled_seconds
            self._stalled = self.loop.call_later(seconds, self._on_stalled)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol, and keep no reference to it.

        Bytes after the handshake are dropped: a client must wait for the answer (RFC 6455, section 4.1).
        """
        if self._unanswered() is not None:
            self._cut_off(Reason.BAD_REQUEST)  # the answer to an earlier request would mix with frames
            return
        if self._is_half_closed:
            self.transport.close()  # it could never close the WebSocket by a handshake
            return
        self._let_go()
        super().handle_websocket_upgrade()
        upgraded = cast("WebSocketProtocol", self.transport.get_protocol())
        upgraded.peer = self.client
        self.parser = cast(
            "httptools.HttpRequestParser", None
        )  # refers to this object, which nothing else ends now
        self._unread.clear()

    # --- Callbacks of the parser ----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._body_bytes = 0
        if self._deadline is None:
            self._expect(Reason.SLOW_HEAD, self._bounds.limits.head_seconds)

    def on_headers_complete(self) -> None:
        """The head is complete: start the application, or queue the request."""
        self._head_bytes = 0
        self._expect(Reason.SLOW_BODY, self._bounds.limits.body_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._head_bytes = 0
        self._body_bytes += len(body)
        if self._body_bytes <= self._bounds.limits.body_bytes:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._head_bytes = 0
        self._end_deadline()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is complete: take the next request that waits."""
        super().on_response_complete()
        if self._unread and not self.transport.is_closing():
            self._work_off_in_turn()
        else:
            self.flow.hold(held=bool(self.pipeline))
            self._end_if_half_closed()

    # --- Input ----------------------------------------------------------------------------------------------

    def _work_off_in_turn(self) -> None:
        if not self._has_turn:
            self._has_turn = True
            self._turns.add(self._work_off)

    def _work_off(self) -> None:
        self._has_turn = False
        try:
            self._take_what_waits()
        except Exception:  # raised again - but a defect must not leave a connection without a deadline
            self.transport.abort()
            raise

    def _take_what_waits(self) -> None:
        while self._unread and not self.pipeline and self._takes_input():
            piece = bytes(self._unread[:PIECE_BYTES])
            del self._unread[:PIECE_BYTES]
            self._take(piece)
        if self._takes_input():
            self.flow.hold(held=bool(self._unread or self.pipeline))
            self._end_if_half_closed()
        else:
            self._unread.clear()

    def _takes_input(self) -> bool:
        return bool(self.parser) and not self.transport.is_closing()

    def _owes_an_answer(self) -> bool:
        newest = self._unanswered()
        return bool(self._unread or self.pipeline) or (newest is not None and not newest.more_body)

    def _end_if_half_closed(self) -> None:
        if self._is_half_closed and not self._owes_an_answer():
            self.transport.close()

    def _unanswered(self) -> RequestResponseCycle | None:
        """The newest request, if its answer is not complete."""
        newest = cast("RequestResponseCycle | None", self.cycle)
        return None if newest is None or newest.response_complete else newest

    def _take(self, piece: bytes) -> None:
        limits = self._bounds.limits
        self._head_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self._refuse(Reason.BAD_REQUEST, HTTPStatus.BAD_REQUEST)
        else:
            if self._head_bytes > limits.head_bytes:
                is_url = len(self.url) > limits.head_bytes // 2
                status = HTTPStatus.REQUEST_URI_TOO_LONG if is_url else _HEADERS_TOO_LARGE
                self._refuse(Reason.HEAD_TOO_LARGE, status)
            elif self._body_bytes > limits.body_bytes:
                self._refuse(Reason.BODY_TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    # --- Ends -----------------------------------------------------------------------------------------------

    def _expect(self, reason: Reason, seconds: float) -> None:
        self._end_deadline()
        self._deadline = self.loop.call_later(seconds, self._on_deadline, reason, seconds)

    def _on_deadline(self, reason: Reason, seconds: float) -> None:
        self._deadline = None
        if self._unread or self.pipeline:  # the server does not read now
            self._expect(reason, seconds)
        elif not self.transport.is_closing():
            self._refuse(reason, HTTPStatus.REQUEST_TIMEOUT)

    def _on_stalled(self) -> None:
        self._stalled = None
        self._cut_off(Reason.STALLED)

    def _refuse(self, reason: Reason, status: HTTPStatus) -> None:
        """Answer with a status, unless an answer has begun, and close."""
        unanswered = self._unanswered()
        if unanswered is not None:
            if unanswered.response_started or self.pipeline:
                self._cut_off(reason)
                return
            unanswered.disconnected = True  # its application can send no more
            unanswered.message_event.set()
        self._bounds.cut_off(reason, self.client)
        self._end_deadline()
        self.transport.write(refusal(reason, status))
        self.transport.close()

    def _cut_off(self, reason: Reason) -> None:
        self._bounds.cut_off(reason, self.client)
        self.transport.abort()

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_go(self) -> None:
        self._end_deadline()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


_HEADERS_TOO_LARGE: Final = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class _HeldFlow(FlowControl):
    """The flow control of a connection. While it is held, nothing resumes reading.

    uvicorn resumes reading when a response ends and when an application waits for its body, also while
    requests are queued.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_held = False

    def hold(self, *, held: bool) -> None:
        """Stop reading, or read again if only the hold had stopped it."""
        if held == self._is_held:
            return
        self._is_held = held
        if held:
            self.pause_reading()
        else:
            self.resume_reading()

    def resume_reading(self) -> None:
        """Read again, unless requests wait."""
        if not self._is_held:
            super().resume_reading()
