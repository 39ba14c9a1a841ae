"""The consumer at `/ws/`: what a client says becomes subscriptions, what its outbox holds becomes frames."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from channels.generic.websocket import AsyncWebsocketConsumer

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
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
from widgets.viewer import VIEWER_KEY, Viewer

CLOSE_GRACE_SECONDS: Final = 2.0
_NANOSECONDS_PER_MS: Final = 1_000_000

_log = get_logger(__name__)


class WidgetConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # Channels has no types
    """One connection of a browser or program, in the version of the protocol that the handshake negotiates.

    Expects the `Viewer` in the scope, where the site's entrance puts it.

    Concurrency: three tasks per connection. Channels' own hands in what the client says, one message
    after the other; one writes the outbox; one waits for the login to end. The socket ends with whichever
    ends first.
    """

    # Market data never goes through the channel layer, and a layer that fails must not end a socket, as it
    # would if Channels listened to it here.
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
        self._held = contextlib.ExitStack()
        self._main: asyncio.Task[Any] | None = None
        self._ended = False
        self._cut = False

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve one connection; whatever ends it, nothing of it stays behind."""
        self._main = asyncio.current_task()
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            if not self._cut or self._main is None:
                raise
            self._main.uncancel()
        finally:
            self._held.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- The socket's events --------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Accept, or refuse with HTTP 403 who is not logged in or speaks another protocol."""
        viewer: Viewer | None = self.scope.get(VIEWER_KEY)
        if viewer is None:
            await self._refuse("anonymous", "nobody is logged in")
            return
        offered = self.scope.get("subprotocols", [])
        version = negotiated(offered)
        if version is None:
            await self._refuse("subprotocol", f"accepted is {', '.join(SUBPROTOCOLS)}, offered was {offered}")
            return
        self._version = version
        self._outbox = Outbox(self._clock, self._on_too_slow, version)
        await self.accept(version.subprotocol)
        if not self._held.enter_context(self._connections.held(viewer.user_id)):
            await self._end(CloseCode.TOO_MANY_CONNECTIONS)
            return
        self._welcome(viewer)
        self._permissions = viewer.permissions
        self._writer = self._run(self._write())
        self._run(self._end_with(viewer))

    async def disconnect(self, code: int) -> None:
        """Count connections that the client, or the network, has ended."""
        if self._writer is not None:
            self._note_end("client")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Follow a message; a wrong one gets an answer that says what is accepted."""
        if self._ended:
            return  # some servers still hand in what a client had sent before it learnt of the end
        if text_data is None:
            size = len(bytes_data or b"")
            self._reject(ErrorCode.BAD_MESSAGE, f"a binary frame of {size} bytes; accepted is {ACCEPTED}")
            return
        try:
            self._follow(parse_message(text_data))
        except ProtocolError as error:
            self._reject(error.code, str(error))
            if error.code is ErrorCode.TOO_LARGE:
                await self._end(CloseCode.MESSAGE_TOO_LARGE)

    # --- What a client may ask ------------------------------------------------------------------------------

    def _follow(self, message: ClientMessage) -> None:
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
            self._reject(ErrorCode.FORBIDDEN_FEED, "this user may not see the feed", feed.name)
        elif feed.name not in self._feeds and len(self._feeds) >= MOST_FEEDS_PER_CONNECTION:
            text = f"a connection may have {MOST_FEEDS_PER_CONNECTION} feeds; unsubscribe some first"
            self._reject(ErrorCode.TOO_MANY_FEEDS, text, feed.name)
        else:
            self._feeds[feed.name] = feed
            self._hub.subscribe(self._outbox, feed)

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
        now_ms = self._clock.time_ns() // _NANOSECONDS_PER_MS
        protocol, name = self._version.subprotocol, viewer.username
        self._answer(Welcome(protocol=protocol, server_time_ms=now_ms, user=name))
        self._hub.attach(self._outbox)
        self._held.callback(self._hub.detach, self._outbox)

    def _answer(self, answer: Answer) -> None:
        self._outbox.answer(self._version.encode_answer(answer))

    def _reject(self, code: ErrorCode, message: str, feed: str | None = None) -> None:
        metrics.WIDGET_ERRORS.labels(code.value).inc()
        self._answer(Error(code=code, message=message, feed=None if feed is None else echo(feed)))

    # --- The ends of a connection ---------------------------------------------------------------------------

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
        except Exception as error:  # noqa: BLE001 - whatever a server raises for a connection that is gone
            _log.info("websocket gone", error=f"{type(error).__name__}: {error}")
            self._note_end("client")
            self._cut_off()

    async def _send_text(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    async def _end_with(self, viewer: Viewer) -> None:
        await viewer.wait_until_ended()
        await self._end(CloseCode.SESSION_ENDED)

    def _on_too_slow(self) -> None:
        self._run(self._end(CloseCode.TOO_SLOW))

    async def _end(self, code: CloseCode) -> None:
        """Close with a code. A client that reads nothing cannot be told either: then it is just cut off."""
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
        """Count the end of this connection; False when it had ended already."""
        if self._ended:
            return False
        self._ended = True
        metrics.WIDGET_CLOSED.labels(reason).inc()
        return True

    def _cut_off(self) -> None:
        self._cut = True
        if self._main is not None:
            self._main.cancel()
