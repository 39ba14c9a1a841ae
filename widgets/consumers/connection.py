"""The life of a connection, whatever version of the protocol it speaks: sink, outbox, limits and end."""

import abc
import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.units import NS_PER_MS
from widgets.consumers.asgi_sink import AsgiSink
from widgets.consumers.connections import Connections, Refusal, UserShare
from widgets.consumers.limits import Allowance, spend_feeds, spend_message
from widgets.hub import Hub
from widgets.hub.client_identity import ClientIdentity
from widgets.hub.endings import ended_by_client, ended_by_server
from widgets.hub.feeds import Feed, FeedCatalog
from widgets.hub.outbox import Outbox
from widgets.protocol import LONGEST_MESSAGE_BYTES, CloseCode, ProtocolVersion
from widgets.refusal import answer_refused
from widgets.viewer import LoginEnd, Viewer
from widgets.wire import SINK_EXTENSION, FrameSink

CLOSE_GRACE_SECONDS: Final = 2.0
STALLED_GRACE_SECONDS: Final = 0.1
"""The same for a client that has read nothing for long: it would hardly read the close frame."""
NO_CLOSE_FRAME: Final = 1006
"""The code that stands for a connection that was lost (RFC 6455, 7.1.5)."""
CLOSED_BY: Final = {
    LoginEnd.LOGGED_OUT: CloseCode.SESSION_ENDED,
    LoginEnd.NO_RIGHT: CloseCode.FORBIDDEN,
    LoginEnd.DISCONNECTED: CloseCode.DISCONNECTED,
}

_log = RateLimitedLog(get_logger(__name__))


class WidgetConnection(AsyncWebsocketConsumer, abc.ABC):  # type: ignore[misc] # Channels has no types
    """One connection of a browser or program. Each version of the protocol has a subclass for its dialogue.

    Frames leave by the sink of the web server, if it offers one (`widgets.wire`), and by ASGI otherwise.

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
        # All three from `_open` on, which comes before anything that needs them.
        self._version: ProtocolVersion
        self._outbox: Outbox
        self._sink: FrameSink
        self._by_asgi: AsgiSink | None = None
        self._feeds: dict[str, Feed] = {}
        self._allowance = Allowance()
        self._user_id = 0
        self._share: UserShare | None = None  # of the viewer, from when the connection is counted to its end
        self._main: asyncio.Task[Any] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ended = False
        self._is_cut_off = False

    # --- The dialogue, which each version has of its own ----------------------------------------------------

    @abc.abstractmethod
    async def connect(self) -> None:
        """Answer the handshake."""

    @abc.abstractmethod
    async def _take(self, text: str | None, data: bytes | None) -> None:
        """Answer a message, which is within the limits on messages: a text, or bytes."""

    @abc.abstractmethod
    def _tell_forbidden(self, name: str) -> None:
        """Tell that the viewer may no longer see a feed."""

    # --- The socket's events --------------------------------------------------------------------------------

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
                self._note_end("client", ended_by_client(message.get("code") or NO_CLOSE_FRAME))
                raise StopConsumer

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Handle a message. The answer to a wrong message says what is accepted."""
        if self._ended:
            return  # some servers still deliver messages that the client sent before it saw the close frame
        # A message that is too large has a close code of its own.
        if self._spend(min(_size_bytes(text_data, bytes_data), LONGEST_MESSAGE_BYTES)):
            await self._take(text_data, bytes_data)
            self._hub.flush(self._outbox)

    def _spend(self, size_bytes: int) -> bool:
        """Count a message. Ends the connection, and returns False, if client or user sends too many."""
        now, limits = self._clock.monotonic(), self._connections.limits
        return self._is_within(
            spend_message(self._allowance, self._allowance_of_user, size_bytes, now, limits)
        )

    def _spend_feeds(self, count: int) -> bool:
        """Count the feeds that a message names. Ends the connection, and returns False, if too many."""
        now, limits = self._clock.monotonic(), self._connections.limits
        return self._is_within(spend_feeds(self._allowance, self._allowance_of_user, count, now, limits))

    @property
    def _allowance_of_user(self) -> Allowance | None:
        return None if self._share is None else self._share.allowance

    def _is_within(self, exceeded: str | None) -> bool:
        if exceeded is not None:
            self._end(CloseCode.TOO_MANY_MESSAGES, exceeded)
        return exceeded is None

    def _refusal_of_one_more_feed(self) -> str | None:
        """Why the connection may not have one more feed, in words for people; None if it may."""
        limits = self._connections.limits
        if len(self._feeds) >= limits.feeds_per_connection:
            most, name, owner = limits.feeds_per_connection, "feeds_per_connection", "a connection"
        elif self._share is not None and self._share.feeds >= limits.feeds_per_user:
            most, name, owner = limits.feeds_per_user, "feeds_per_user", "all connections of a user"
        else:
            return None
        return f"{owner} may have {most} feeds ({name}); unsubscribe some first"

    def _keep(self, name: str, feed: Feed | None) -> Feed | None:
        """Note the subscription to a feed; None: it has ended. Returns the one before."""
        before = self._feeds.pop(name, None)
        if feed is not None:
            self._feeds[name] = feed
        if self._share is not None:
            self._share.feeds += (feed is not None) - (before is not None)
        if before is not None or feed is not None:
            self._connections.choices.replace(self._user_id, before, feed)
        return before

    # --- Begin of the connection ----------------------------------------------------------------------------

    @property
    def _address(self) -> str:
        address, _port = self.scope.get("client") or ("", 0)
        return str(address)

    def _open(self, version: ProtocolVersion) -> None:
        """Prepare sink and outbox: the socket was accepted."""
        self._version, self._sink = version, self._offered_sink()
        self._outbox = Outbox(self._sink, version, self._on_too_slow)

    def _enter(self, viewer: Viewer) -> bool:
        """Take a place for the viewer. Ends the connection, and returns False, if there is none."""
        place = self._connections.enter(viewer.user_id, self._end)
        if isinstance(place, Refusal):
            self._end(*place)
            return False
        self._user_id, self._share = viewer.user_id, place
        self._permissions = viewer.permissions
        self._hub.attach(
            self._outbox,
            ClientIdentity(
                user_id=viewer.user_id,
                user=viewer.username,
                since_ms=self._clock.time_ns() // NS_PER_MS,
                address=self._address,
                way=viewer.way,
                token=viewer.token_name,
            ),
        )
        return True

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

    async def _refuse(self, reason: str, text: str, *, detail: str = "") -> None:
        """Refuse the handshake. The client reads `text`; `detail` is for the log alone."""
        self._ended = True
        metrics.WIDGET_REFUSED.labels(reason).inc()
        _log.warning("websocket refused", reason=reason, detail=detail or text)
        await answer_refused(self.scope, self.base_send, text)

    def on_login_ended(self, end: LoginEnd) -> None:
        """Close the connection. See `widgets.viewer.Follower`."""
        self._end(CLOSED_BY[end])

    def on_permissions_changed(self, permissions: frozenset[str]) -> None:
        """End the feeds that the viewer may no longer see. See `widgets.viewer.Follower`."""
        self._permissions = permissions
        for feed in tuple(self._feeds.values()):
            if feed.permission not in permissions:
                self._keep(feed.name, None)
                self._hub.unsubscribe(self._outbox, feed)
                self._tell_forbidden(feed.name)
        self._hub.flush(self._outbox)

    def _on_too_slow(self) -> None:
        self._end(CloseCode.TOO_SLOW)

    def _on_lost(self) -> None:
        """End the connection without a close frame."""
        self._note_end("client", ended_by_client(NO_CLOSE_FRAME))
        self._is_cut_off = True
        if self._main is not None:
            self._main.cancel()

    def _end(self, code: CloseCode, limit: str = "") -> None:
        """Send the answers that wait, and close with a code. No feed is sent any more.

        `limit` is the setting of the limit that was exceeded, which the close frame then names.
        """
        if self._note_end(code.name.lower(), ended_by_server(code)):
            self._closing = asyncio.get_running_loop().create_task(self._close(code, limit))
            self._hub.flush(self._outbox)
            self._leave()

    async def _close(self, code: CloseCode, limit: str) -> None:
        """Close. If the client does not read the close frame in time, cut the connection off."""
        grace_seconds = STALLED_GRACE_SECONDS if code is CloseCode.TOO_SLOW else CLOSE_GRACE_SECONDS
        try:
            async with asyncio.timeout(grace_seconds):
                await self.close(code.value, code.reason_of(limit) if limit else code.reason)
        except Exception:  # noqa: BLE001 - too slow, or lost: each server raises its own errors for that
            self._sink.abort()

    def _leave(self) -> None:
        """Give up the subscriptions and the place of this connection."""
        if self._share is not None:
            self._hub.detach(self._outbox)
            for name in tuple(self._feeds):
                self._keep(name, None)
            self._share = None
            self._connections.leave(self._user_id, self._end)

    def _note_end(self, reason: str, name: str) -> bool:
        """Count the end of this connection. Returns False if it was counted before.

        `reason` is the label of the metric, and `name` is what operators read.
        """
        if self._ended:
            return False
        self._ended = True
        self._hub.note_ended(name)
        metrics.WIDGET_CLOSED.labels(reason).inc()
        return True


def _size_bytes(text: str | None, data: bytes | None) -> int:
    """The size of a message on the wire, before compression."""
    if text is None:
        return len(data or b"")
    return len(text) if text.isascii() else len(text.encode())
