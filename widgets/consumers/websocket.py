"""The consumer at `/ws/`: it turns client messages into subscriptions and writes the outbox to the socket."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from channels.generic.websocket import AsyncWebsocketConsumer

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.units import NS_PER_MS
from widgets.consumers.connections import ConnectionLimit
from widgets.hub import Hub
from widgets.hub.feeds import Feed, FeedCatalog, UnknownFeedError
from widgets.outbox import Outbox
from widgets.protocol import (
    ACCEPTED,
    MOST_FEEDS_PER_CONNECTION,
    SUBPROTOCOLS,
    Answer,
    ClientMessage,
    CloseCode,
    Error,
    ErrorCode,
    Ping,
    Pong,
    ProtocolError,
    ProtocolVersion,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
    Welcome,
    echo,
    negotiated,
    parse_message,
)
from widgets.viewer import VIEWER_KEY, LoginEnd, Viewer

CLOSE_GRACE_SECONDS: Final = 2.0
CLOSED_BY: Final = {LoginEnd.LOGGED_OUT: CloseCode.SESSION_ENDED, LoginEnd.NO_RIGHT: CloseCode.NO_RIGHT}

_log = get_logger(__name__)


class WidgetConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # Channels has no types
    """One connection of a browser or program, in the version of the protocol that the handshake negotiates.

    The scope must contain the `Viewer`, which the site's entrance adds.

    Concurrency: two tasks per connection. Channels' task delivers the client's messages, one after the
    other. One task writes the outbox. The socket is closed when the first of them ends. The viewer reports
    the end of the login by a call.
    """

    # Channels would listen to the channel layer here, and a layer that fails would then close the socket.
    # Market data does not use the layer, so it is switched off.
    channel_layer_alias = None

    def __init__(self, hub: Hub, catalog: FeedCatalog, connections: ConnectionLimit, clock: Clock) -> None:
        super().__init__()
        self._hub = hub
        self._catalog = catalog
        self._connections = connections
        self._clock = clock
        self._permissions: frozenset[str] = frozenset()
        # Both from `connect` on, which comes before anything that needs them.
        self._version: ProtocolVersion
        self._outbox: Outbox
        self._feeds: dict[str, Feed] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._cleanup = contextlib.ExitStack()
        self._main: asyncio.Task[Any] | None = None
        self._ended = False
        self._is_cut_off = False

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve one connection. However it ends, its tasks end and its subscriptions are removed."""
        self._main = asyncio.current_task()
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if not self._is_cut_off or self._main is None:
                raise
            self._main.uncancel()
        finally:
            self._cleanup.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- The socket's events --------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Accept the connection. Refuse it with HTTP 403 if it has no viewer or offers no known protocol."""
        viewer: Viewer | None = self.scope.get(VIEWER_KEY)
        if viewer is None:
            await self._refuse("anonymous", "the connection has no logged-in user")
            return
        offered = self.scope.get("subprotocols", [])
        version = negotiated(offered)
        if version is None:
            await self._refuse("subprotocol", f"accepted is {', '.join(SUBPROTOCOLS)}, offered was {offered}")
            return
        self._version = version
        self._outbox = Outbox(self._clock, self._on_too_slow, version)
        await self.accept(version.subprotocol)
        if not self._cleanup.enter_context(self._connections.held(viewer.user_id)):
            await self._end(CloseCode.TOO_MANY_CONNECTIONS)
            return
        self._welcome(viewer)
        self._permissions = viewer.permissions
        self._writer = self._run(self._write())
        viewer.follow(self)

    async def disconnect(self, code: int) -> None:
        """Count a connection that the client or the network has ended."""
        if self._writer is not None:
            self._note_end("client")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle a message. The answer to a wrong message says what is accepted."""
        if self._ended:
            return  # some servers still deliver messages that the client sent before it saw the close frame
        if text_data is None:
            size = len(bytes_data or b"")
            self._reject(ErrorCode.BAD_MESSAGE, f"a binary frame of {size} bytes; accepted is {ACCEPTED}")
            return
        try:
            self._handle(parse_message(text_data))
        except ProtocolError as error:
            self._reject(error.code, str(error))
            if error.code is ErrorCode.TOO_LARGE:
                await self._end(CloseCode.MESSAGE_TOO_LARGE)

    # --- Client messages ------------------------------------------------------------------------------------

    def _handle(self, message: ClientMessage) -> None:
        if isinstance(message, Ping):
            self._answer(Pong(message.id))
            return
        for name in dict.fromkeys(message.feeds):
            try:
                feed = self._catalog.feed(name)
            except UnknownFeedError as error:
                self._reject(ErrorCode.UNKNOWN_FEED, str(error), name)
                continue
            if isinstance(message, Subscribe):
                self._subscribe(feed)
            elif isinstance(message, Unsubscribe):
                self._unsubscribe(feed)
            else:
                self._resync(feed)

    def _subscribe(self, feed: Feed) -> None:
        if feed.permission not in self._permissions:
            self._forbid(feed)
        elif feed.name not in self._feeds and len(self._feeds) >= MOST_FEEDS_PER_CONNECTION:
            text = f"a connection may have {MOST_FEEDS_PER_CONNECTION} feeds; unsubscribe some first"
            self._reject(ErrorCode.TOO_MANY_FEEDS, text, feed.name)
        else:
            self._feeds[feed.name] = feed
            self._hub.subscribe(self._outbox, feed)

    def _forbid(self, feed: Feed) -> None:
        self._reject(ErrorCode.FORBIDDEN_FEED, "this user may not see the feed", feed.name)

    def _unsubscribe(self, feed: Feed) -> None:
        self._feeds.pop(feed.name, None)
        self._hub.unsubscribe(self._outbox, feed)
        self._answer(Unsubscribed(feed.name))

    def _resync(self, feed: Feed) -> None:
        if feed.name in self._feeds:
            self._hub.subscribe(self._outbox, feed)
        else:
            self._reject(ErrorCode.BAD_MESSAGE, "resync of a feed that is not subscribed to", feed.name)

    # --- Answers --------------------------------------------------------------------------------------------

    def _welcome(self, viewer: Viewer) -> None:
        now_ms = self._clock.time_ns() // NS_PER_MS
        protocol, name = self._version.subprotocol, viewer.username
        self._answer(Welcome(protocol=protocol, server_time_ms=now_ms, user=name))
        self._hub.attach(self._outbox)
        self._cleanup.callback(self._hub.detach, self._outbox)

    def _answer(self, answer: Answer) -> None:
        self._outbox.answer(self._version.encode_answer(answer))

    def _reject(self, code: ErrorCode, message: str, feed: str | None = None) -> None:
        metrics.WIDGET_ERRORS.labels(code.value).inc()
        self._answer(Error(code=code, message=message, feed=None if feed is None else echo(feed)))

    # --- End of the connection ------------------------------------------------------------------------------

    async def _refuse(self, reason: str, detail: str) -> None:
        metrics.WIDGET_REFUSED.labels(reason).inc()
        _log.warning("websocket refused", reason=reason, detail=detail)
        await self.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        return task

    async def _write(self) -> None:
        try:
            await self._outbox.write(self._send_text, self._hub.snapshot)
        except Exception as error:  # noqa: BLE001 - each server raises its own errors for a lost connection
            _log.info("websocket gone", error=f"{type(error).__name__}: {error}")
            self._note_end("client")
            self._cut_off()

    async def _send_text(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    def on_login_ended(self, end: LoginEnd) -> None:
        """Close the connection. See `widgets.viewer.Follower`."""
        self._run(self._end(CLOSED_BY[end]))

    def on_permissions_changed(self, permissions: frozenset[str]) -> None:
        """End the feeds that the viewer may no longer see. See `widgets.viewer.Follower`."""
        self._permissions = permissions
        for feed in tuple(self._feeds.values()):
            if feed.permission not in permissions:
                del self._feeds[feed.name]
                self._hub.unsubscribe(self._outbox, feed)
                self._forbid(feed)

    def _on_too_slow(self) -> None:
        self._run(self._end(CloseCode.TOO_SLOW))

    async def _end(self, code: CloseCode) -> None:
        """Close with a code. If the client does not read the close frame in time, cut the connection off."""
        if not self._note_end(code.name.lower()):
            return
        _log.info("websocket closed", code=code.value, reason=code.name.lower())
        if self._writer is not None:
            self._writer.cancel()
        try:
            async with asyncio.timeout(CLOSE_GRACE_SECONDS):
                for text in self._outbox.last_answers():
                    await self._send_text(text)
                await self.close(code.value)
        except TimeoutError:
            self._cut_off()

    def _note_end(self, reason: str) -> bool:
        """Count the end of this connection. Returns False if it was counted before."""
        if self._ended:
            return False
        self._ended = True
        metrics.WIDGET_CLOSED.labels(reason).inc()
        return True

    def _cut_off(self) -> None:
        self._is_cut_off = True
        if self._main is not None:
            self._main.cancel()
