"""The consumer at `/ws/`: it turns client messages into subscriptions of an outbox that the hub writes."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from importlib import metadata
from typing import Any, Final

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.units import NS_PER_MS
from widgets.consumers.asgi_sink import AsgiSink
from widgets.consumers.connections import Connections
from widgets.consumers.limits import Allowance
from widgets.hub import Hub, TooManyChoicesError
from widgets.hub.feeds import BadChoiceError, Feed, FeedCatalog, UnknownFeedError
from widgets.outbox import Outbox
from widgets.protocol import (
    ACCEPTED,
    LONGEST_MESSAGE_BYTES,
    MOST_CHOICES_PER_CONNECTION,
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
    Wish,
    echo,
    negotiated,
    parse_message,
)
from widgets.viewer import VIEWER_KEY, LoginEnd, Viewer
from widgets.wire import SINK_EXTENSION, FrameSink, PreparedFrame

CLOSE_GRACE_SECONDS: Final = 2.0
STALLED_GRACE_SECONDS: Final = 0.1
"""The same for a client that has read nothing for long: it would hardly read the close frame."""
SERVER_VERSION: Final = metadata.version("market-data-platform")
FORBIDDEN: Final = "this user, or this token, may not see the feed"
CLOSED_BY: Final = {LoginEnd.LOGGED_OUT: CloseCode.SESSION_ENDED, LoginEnd.NO_RIGHT: CloseCode.FORBIDDEN}

_log = RateLimitedLog(get_logger(__name__))


class WidgetConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # Channels has no types
    """One connection of a browser or program, in the version of the protocol that the handshake negotiates.

    The scope must contain the `Viewer`, which the site's entrance adds. Frames leave by the sink of the web
    server, if it offers one (`widgets.wire`), and by ASGI otherwise.

    Concurrency: the server's task delivers the client's messages, one after the other. Another task exists
    only while the consumer closes the socket. The viewer reports the end of the login by a call.
    """

    # Channels would listen to the channel layer here, and a layer that fails would then close the socket.
    # Market data does not use the layer, so it is switched off.
    channel_layer_alias = None

    def __init__(self, hub: Hub, catalog: FeedCatalog, connections: Connections, clock: Clock) -> None:
        super().__init__()
        self._hub = hub
        self._catalog = catalog
        self._connections = connections
        self._clock = clock
        self._permissions: frozenset[str] = frozenset()
        # All three from `connect` on, which comes before anything that needs them.
        self._version: ProtocolVersion
        self._outbox: Outbox
        self._sink: FrameSink
        self._by_asgi: AsgiSink | None = None
        self._feeds: dict[str, Feed] = {}
        self._allowance = Allowance()
        self._place: tuple[int, str] | None = None
        self._main: asyncio.Task[Any] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ended = False
        self._is_cut_off = False

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve one connection. However it ends, its tasks end and its subscriptions are removed.

        Channels would receive in one more task per connection, because it also listens to the channel layer.
        """
        self.scope, self.base_send = scope, send
        self._main = asyncio.current_task()
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self._is_cut_off or self._main is None:
                raise
            self._main.uncancel()
        finally:
            self._leave()
            if self._by_asgi is not None:
                self._by_asgi.close()
            if self._closing is not None:
                self._closing.cancel()
                await asyncio.gather(self._closing, return_exceptions=True)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle an event of the server.

        Channels would also close old database connections in the thread of the database, for each message.
        This consumer does not use the database.
        """
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive":
                await self.receive(message.get("text"), message.get("bytes"))
            case "websocket.disconnect":
                self._note_end("client")
                raise StopConsumer

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
        await self.accept(version.subprotocol)
        self._version, self._sink = version, self._offered_sink()
        self._outbox = Outbox(self._sink, version, self._on_too_slow)
        address, _port = self.scope.get("client") or ("", 0)
        if (refusal := self._connections.enter(viewer.user_id, address)) is not None:
            self._end(refusal)
            return
        self._place = (viewer.user_id, address)
        self._permissions = viewer.permissions
        self._hub.attach(self._outbox)
        self._welcome(viewer)
        self._hub.flush(self._outbox)
        viewer.follow(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle a message. The answer to a wrong message says what is accepted."""
        if self._ended:
            return  # some servers still deliver messages that the client sent before it saw the close frame
        size = len(text_data if text_data is not None else bytes_data or b"")
        # A message that is too large has a close code of its own.
        counted = min(size, LONGEST_MESSAGE_BYTES)
        if not self._allowance.spend(counted, self._clock.monotonic(), self._connections.limits):
            self._end(CloseCode.TOO_MANY_MESSAGES)
            return
        if text_data is None:
            self._reject(ErrorCode.BAD_MESSAGE, f"a binary frame of {size} bytes; accepted is {ACCEPTED}")
        else:
            self._receive_text(text_data)
        self._hub.flush(self._outbox)

    def _receive_text(self, text: str) -> None:
        try:
            self._handle(parse_message(text))
        except ProtocolError as error:
            self._reject(error.code, str(error))
            if error.code is ErrorCode.TOO_LARGE:
                self._end(CloseCode.MESSAGE_TOO_LARGE)

    # --- Client messages ------------------------------------------------------------------------------------

    def _handle(self, message: ClientMessage) -> None:
        if isinstance(message, Ping):
            self._answer(Pong(message.id))
            return
        if isinstance(message, Subscribe):
            for wish in message.wishes:
                self._attempt(wish.feed, functools.partial(self._subscribe, wish))
            return
        act = self._unsubscribe if isinstance(message, Unsubscribe) else self._resync
        for name in dict.fromkeys(message.feeds):
            self._attempt(name, functools.partial(act, name))

    def _attempt(self, name: str, act: Callable[[], None]) -> None:
        """Do what a message asks for one feed. A fault is answered, and the other feeds are not affected."""
        try:
            act()
        except UnknownFeedError as error:
            self._reject(ErrorCode.UNKNOWN_FEED, str(error), name)
        except BadChoiceError as error:
            self._reject(ErrorCode.BAD_CHOICE, str(error), name)
        except TooManyChoicesError as error:
            self._reject(ErrorCode.TOO_MANY_CHOICES, str(error), name)
        except ProtocolError as error:
            self._reject(error.code, str(error), name)

    def _subscribe(self, wish: Wish) -> None:
        known = self._catalog.feed(wish.feed)
        if known.permission not in self._permissions:
            raise ProtocolError(ErrorCode.FORBIDDEN_FEED, FORBIDDEN)
        feed, before = self._catalog.chosen(wish.feed, wish.columns, wish.hz), self._feeds.get(wish.feed)
        most = self._connections.limits.feeds_per_connection
        if before is None and len(self._feeds) >= most:
            text = f"a connection may have {most} feeds; unsubscribe some first"
            raise ProtocolError(ErrorCode.TOO_MANY_FEEDS, text)
        if feed.choice:
            self._check_choices(feed)
        self._hub.subscribe(self._outbox, feed, wish.last)
        if before is not None and before != feed:
            self._hub.unsubscribe(self._outbox, before)
        self._feeds[feed.name] = feed

    def _check_choices(self, feed: Feed) -> None:
        others = {each.choice for each in self._feeds.values() if each.choice and each.name != feed.name}
        if len(others | {feed.choice}) > MOST_CHOICES_PER_CONNECTION:
            text = f"a connection may have {MOST_CHOICES_PER_CONNECTION} choices of columns and rate"
            raise ProtocolError(ErrorCode.TOO_MANY_CHOICES, text)

    def _unsubscribe(self, name: str) -> None:
        self._catalog.feed(name)
        if (feed := self._feeds.pop(name, None)) is not None:
            self._hub.unsubscribe(self._outbox, feed)
        self._answer(Unsubscribed(name))

    def _resync(self, name: str) -> None:
        self._catalog.feed(name)
        if (feed := self._feeds.get(name)) is None:
            raise ProtocolError(ErrorCode.BAD_MESSAGE, "resync of a feed that is not subscribed to")
        self._hub.subscribe(self._outbox, feed)

    # --- Answers --------------------------------------------------------------------------------------------

    def _welcome(self, viewer: Viewer) -> None:
        now_ms = self._clock.time_ns() // NS_PER_MS
        protocol, name = self._version.subprotocol, viewer.username
        feeds = self._catalog.permitted(viewer.permissions)
        self._answer(
            Welcome(protocol=protocol, server=SERVER_VERSION, server_time_ms=now_ms, user=name, feeds=feeds)
        )

    def _answer(self, answer: Answer) -> None:
        self._outbox.answer(PreparedFrame(self._version.encode_answer(answer)))

    def _reject(self, code: ErrorCode, message: str, feed: str | None = None) -> None:
        metrics.WIDGET_ERRORS.labels(code.value).inc()
        self._answer(Error(code=code, message=message, feed=None if feed is None else echo(feed)))

    # --- The sink -------------------------------------------------------------------------------------------

    def _offered_sink(self) -> FrameSink:
        """The sink of the server, or one that sends by ASGI, in the order of the consumer's messages."""
        extension = self.scope.get("extensions", {}).get(SINK_EXTENSION)
        if extension is not None:
            sink: FrameSink = extension["sink"]
            return sink
        self._by_asgi = AsgiSink(self.base_send, self._on_lost)
        self.base_send = self._by_asgi.send_message
        return self._by_asgi

    # --- End of the connection ------------------------------------------------------------------------------

    async def _refuse(self, reason: str, detail: str) -> None:
        self._ended = True
        metrics.WIDGET_REFUSED.labels(reason).inc()
        _log.warning("websocket refused", reason=reason, detail=detail)
        await self.close()

    def on_login_ended(self, end: LoginEnd) -> None:
        """Close the connection. See `widgets.viewer.Follower`."""
        self._end(CLOSED_BY[end])

    def on_permissions_changed(self, permissions: frozenset[str]) -> None:
        """End the feeds that the viewer may no longer see. See `widgets.viewer.Follower`."""
        self._permissions = permissions
        for feed in tuple(self._feeds.values()):
            if feed.permission not in permissions:
                del self._feeds[feed.name]
                self._hub.unsubscribe(self._outbox, feed)
                self._reject(ErrorCode.FORBIDDEN_FEED, FORBIDDEN, feed.name)
        self._hub.flush(self._outbox)

    def _on_too_slow(self) -> None:
        self._end(CloseCode.TOO_SLOW)

    def _on_lost(self) -> None:
        """End the connection without a close frame."""
        self._note_end("client")
        self._is_cut_off = True
        if self._main is not None:
            self._main.cancel()

    def _end(self, code: CloseCode) -> None:
        """Send the answers that wait, and close with a code. No feed is sent any more."""
        if self._note_end(code.name.lower()):
            self._closing = asyncio.get_running_loop().create_task(self._close(code))
            self._hub.flush(self._outbox)
            self._leave()

    async def _close(self, code: CloseCode) -> None:
        """Close. If the client does not read the close frame in time, cut the connection off."""
        grace_seconds = STALLED_GRACE_SECONDS if code is CloseCode.TOO_SLOW else CLOSE_GRACE_SECONDS
        try:
            async with asyncio.timeout(grace_seconds):
                await self.close(code.value, code.reason)
        except Exception:  # noqa: BLE001 - too slow, or lost: each server raises its own errors for that
            self._sink.abort()

    def _leave(self) -> None:
        """Give up the subscriptions and the place of this connection."""
        place, self._place = self._place, None
        if place is not None:
            self._hub.detach(self._outbox)
            self._connections.leave(*place)

    def _note_end(self, reason: str) -> bool:
        """Count the end of this connection. Returns False if it was counted before."""
        if self._ended:
            return False
        self._ended = True
        metrics.WIDGET_CLOSED.labels(reason).inc()
        return True
