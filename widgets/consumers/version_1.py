"""The consumer of version 1 of the protocol, for existing clients: they log in by a message."""

import asyncio
from typing import Any, Final, assert_never

from marketdata.observability import metrics
from widgets.consumers.connection import WidgetConnection
from widgets.consumers.version_1_feeds import feed_of_version_1
from widgets.hub.feeds import Feed, UnknownFeedError
from widgets.protocol import VERSION_1, Answer, CloseCode, FeedSnapshot, echo, v1_messages
from widgets.protocol.v1 import cache_frame, status_frame
from widgets.protocol.v1_messages import (
    Action,
    Auth,
    GetCache,
    InvalidActionError,
    StatusAnswer,
    SubscribeFeed,
    UnsubscribeFeed,
    parse_action,
)
from widgets.viewer import LOG_IN_KEY, LogIn, LoginEnd, LogInRefused

GET_SECONDS: Final = 2.0
"""How long `get` waits for data that must be read first. The client's next messages wait meanwhile."""

MOST_ROWS: Final = 500
"""How many rows an answer to `get` has at most."""

GET_BYTES: Final = 16 * 1024
"""What a `get` counts of the bytes that a client may send: its answer costs more than other answers."""

_CLOSED_BY: Final = {
    LoginEnd.LOGGED_OUT: CloseCode.INVALID_KEY,
    LoginEnd.NO_RIGHT: CloseCode.FORBIDDEN,
    None: CloseCode.TRY_LATER,
}


class Version1Consumer(WidgetConnection):
    """One connection of version 1. The scope must contain a `LogIn`, which the site's entrance adds.

    Until its client has logged in, a connection has one of the few places for that, and a deadline.
    """

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._log_in: LogIn | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_unauthenticated = False

    async def connect(self) -> None:
        """Accept the connection, and wait for the message `auth`."""
        self._log_in = self.scope[LOG_IN_KEY]
        await self.accept()
        self._open(VERSION_1)
        if (refusal := self._connections.enter_unauthenticated(self._address)) is not None:
            self._end(*refusal)
            return
        self._is_unauthenticated = True
        seconds = self._connections.limits.authentication_seconds
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._end, CloseCode.NO_KEY)

    async def _take(self, text: str | None, data: bytes | None) -> None:
        try:
            action = parse_action(text if text is not None else data or b"")
        except InvalidActionError as error:
            self._answer(v1_messages.INVALID_ACTION)
            if error.is_too_large:
                self._end(CloseCode.MESSAGE_TOO_LARGE)
            return
        if self._log_in is not None:
            await self._take_first(self._log_in, action)
        else:
            await self._handle(action)

    # --- Log in ---------------------------------------------------------------------------------------------

    async def _take_first(self, log_in: LogIn, action: Action) -> None:
        if not isinstance(action, Auth):
            self._answer(v1_messages.UNAUTHORIZED)
            return
        self._stop_deadline()
        try:
            viewer = await log_in(action.api_key)
        except LogInRefused as error:
            is_wrong = error.end is not None
            self._answer(v1_messages.INVALID_KEY if is_wrong else v1_messages.TRY_AGAIN)
            self._end(_CLOSED_BY[error.end])
            return
        self._log_in = None
        self._leave_unauthenticated()
        if self._ended or not self._enter(viewer):
            return
        self._answer(v1_messages.AUTHORIZED)
        self._hub.flush(self._outbox)
        viewer.follow(self)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _leave_unauthenticated(self) -> None:
        if self._is_unauthenticated:
            self._is_unauthenticated = False
            self._connections.leave_unauthenticated(self._address)

    def _leave(self) -> None:
        super()._leave()
        self._stop_deadline()
        self._leave_unauthenticated()

    # --- Client messages ------------------------------------------------------------------------------------

    async def _handle(self, action: Action) -> None:
        match action:
            case SubscribeFeed(feed=name):
                if self._spend_feeds(1):
                    self._subscribe(name)
            case UnsubscribeFeed(feed=name):
                if self._spend_feeds(1):
                    self._unsubscribe(name)
            case GetCache(cache=name, limit=limit):
                await self._get(name, limit)
            case Auth():
                self._answer(v1_messages.INVALID_ACTION)  # it has logged in already
            case _:
                assert_never(action)

    def _subscribe(self, name: str) -> None:
        try:
            feed = feed_of_version_1(self._catalog, name)
        except UnknownFeedError as error:
            self._answer(v1_messages.UNKNOWN_FEED, feed=name, message=str(error))
            return
        if feed.permission not in self._permissions:
            self._tell_forbidden(name)
            return
        if name not in self._feeds and (text := self._refusal_of_one_more_feed()) is not None:
            self._answer(v1_messages.TOO_MANY_FEEDS, feed=name, message=text)
            return
        self._keep(name, feed)
        self._answer(v1_messages.SUBSCRIBED, feed=name)
        self._hub.subscribe(self._outbox, feed)

    def _unsubscribe(self, name: str) -> None:
        try:
            self._catalog.feed(name)
        except UnknownFeedError as error:
            self._answer(v1_messages.UNKNOWN_FEED, feed=name, message=str(error))
            return
        if (feed := self._keep(name, None)) is not None:
            self._hub.unsubscribe(self._outbox, feed)
        self._answer(v1_messages.UNSUBSCRIBED, feed=name)

    async def _get(self, name: str, limit: object) -> None:
        if not self._spend(GET_BYTES):
            return
        if not self._sink.writable:  # so at most one large answer waits for a client
            self._answer(v1_messages.NOT_READ, cache=name)
            return
        try:
            feed = feed_of_version_1(self._catalog, name)
        except UnknownFeedError as error:
            self._answer(v1_messages.UNKNOWN_CACHE, cache=name, message=str(error))
            return
        if feed.permission not in self._permissions:
            self._answer(v1_messages.FORBIDDEN_CACHE, cache=name)
            return
        most_rows = MOST_ROWS if limit is None else limit
        if not isinstance(most_rows, int) or isinstance(most_rows, bool) or most_rows < 1:
            text = "accepted: an integer of 1 or more"
            self._answer(v1_messages.INVALID_LIMIT, cache=name, message=text)
            return
        data = await self._data_of(feed)
        if not self._ended and feed.permission in self._permissions:
            self._outbox.answer(cache_frame(name, data, min(most_rows, MOST_ROWS)))

    async def _data_of(self, feed: Feed) -> FeedSnapshot | Answer | None:
        if not feed.columns:  # the feed of the status has no rows
            return self._hub.data_status()
        return await self._hub.fetch(feed, GET_SECONDS)

    # --- Answers --------------------------------------------------------------------------------------------

    def _tell_forbidden(self, name: str) -> None:
        self._answer(v1_messages.FORBIDDEN_FEED, feed=name)

    def _answer(
        self, status: str, *, feed: str | None = None, cache: str | None = None, message: str | None = None
    ) -> None:
        if status not in v1_messages.SUCCESSES:
            metrics.WIDGET_ERRORS.labels(status.replace(" ", "_")).inc()
        feed, cache = (None if each is None else echo(each) for each in (feed, cache))
        self._outbox.answer(status_frame(StatusAnswer(status, feed, cache, message)))
