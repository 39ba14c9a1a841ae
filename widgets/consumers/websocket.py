"""The consumer at `/ws/`: it turns client messages into subscriptions of an outbox that the hub writes."""

import functools
from collections.abc import Callable
from importlib import metadata
from typing import Final

from marketdata.observability import metrics
from marketdata.units import NS_PER_MS
from widgets.consumers.choices import MOST_CHOICES_PER_USER
from widgets.consumers.connection import WidgetConnection
from widgets.hub import TooManyChoicesError
from widgets.hub.feeds import BadChoiceError, Feed, UnknownFeedError
from widgets.protocol import (
    MOST_CHOICES_PER_CONNECTION,
    SUBPROTOCOLS,
    Answer,
    ClientMessage,
    CloseCode,
    Dialogue2,
    Error,
    ErrorCode,
    Limits,
    Ping,
    Pong,
    ProtocolError,
    Reconnect,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
    Welcome,
    Wish,
    echo,
    negotiated,
)
from widgets.viewer import VIEWER_KEY, Viewer
from widgets.wire import PreparedFrame

SERVER_VERSION: Final = metadata.version("market-data-platform")
REFUSED_SUBPROTOCOL: Final = f"no known subprotocol is offered; accepted: {', '.join(SUBPROTOCOLS)}"
FORBIDDEN: Final = "this user, or this token, may not see the feed"


class WidgetConsumer(WidgetConnection):
    """One connection of version 2. The scope must contain the `Viewer`, which the site's entrance adds."""

    _version: Dialogue2

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
            await self._refuse("subprotocol", REFUSED_SUBPROTOCOL, detail=f"offered was {offered}")
            return
        await self.accept(version.subprotocol)
        self._open(version)
        if self._enter(viewer):
            self._welcome(viewer)
            self._hub.flush(self._outbox)
            viewer.follow(self)

    async def _take(self, text: str | None, data: bytes | None) -> None:
        self._receive_payload(text if text is not None else data or b"")

    def _receive_payload(self, payload: str | bytes) -> None:
        try:
            self._handle(self._version.parse(payload))
        except ProtocolError as error:
            self._reject(error.code, str(error))
            if error.code is ErrorCode.TOO_LARGE:
                self._end(CloseCode.MESSAGE_TOO_LARGE)

    # --- Client messages ------------------------------------------------------------------------------------

    def _handle(self, message: ClientMessage) -> None:
        if isinstance(message, Ping):
            self._answer(Pong(message.id))
            return
        if not self._spend_feeds(len(message.feeds)):
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
        if before is None and (text := self._refusal_of_one_more_feed()) is not None:
            raise ProtocolError(ErrorCode.TOO_MANY_FEEDS, text)
        if feed.choice:
            self._check_choices(before, feed)
        self._hub.subscribe(self._outbox, feed, wish.last)
        if before is not None and before != feed:
            self._hub.unsubscribe(self._outbox, before)
        self._keep(feed.name, feed)

    def _check_choices(self, before: Feed | None, feed: Feed) -> None:
        others = {each.choice for each in self._feeds.values() if each.choice and each.name != feed.name}
        if len(others | {feed.choice}) > MOST_CHOICES_PER_CONNECTION:
            text = f"a connection may have {MOST_CHOICES_PER_CONNECTION} choices of columns and rate"
            raise ProtocolError(ErrorCode.TOO_MANY_CHOICES, text)
        if not self._connections.choices.may_add(self._user_id, before, feed):
            text = f"all connections of a user may have {MOST_CHOICES_PER_USER} choices of columns and rate"
            raise ProtocolError(ErrorCode.TOO_MANY_CHOICES, text)

    def _unsubscribe(self, name: str) -> None:
        self._catalog.feed(name)
        if (feed := self._keep(name, None)) is not None:
            self._hub.unsubscribe(self._outbox, feed)
        self._answer(Unsubscribed(name))

    def _resync(self, name: str) -> None:
        self._catalog.feed(name)
        if (feed := self._feeds.get(name)) is None:
            raise ProtocolError(ErrorCode.BAD_MESSAGE, "resync of a feed that is not subscribed to")
        self._hub.subscribe(self._outbox, feed)

    # --- Answers --------------------------------------------------------------------------------------------

    def _welcome(self, viewer: Viewer) -> None:
        limits = self._connections.limits
        self._answer(
            Welcome(
                protocol=self._version.subprotocol,
                server=SERVER_VERSION,
                server_time_ms=self._clock.time_ns() // NS_PER_MS,
                user=viewer.username,
                feeds=self._catalog.permitted(viewer.permissions),
                limits=Limits.of(limits),
                reconnect=Reconnect.of(limits),
            )
        )

    def _answer(self, answer: Answer) -> None:
        self._outbox.answer(PreparedFrame(self._version.encode_answer(answer)))

    def _reject(self, code: ErrorCode, message: str, feed: str | None = None) -> None:
        metrics.WIDGET_ERRORS.labels(code.value).inc()
        self._answer(Error(code=code, message=message, feed=None if feed is None else echo(feed)))

    def _tell_forbidden(self, name: str) -> None:
        self._reject(ErrorCode.FORBIDDEN_FEED, FORBIDDEN, name)
