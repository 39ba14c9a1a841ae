"""The widget data service on a real port, with its own hub, and a market that a test publishes step by step.

async with WidgetSite(redis_url, Keys("test:")) as site:
    await site.market.board(TOP_GAINERS, {"AAPL": {"rank": 1, "close": 10.0}})
    async with site.connect(await logged_in("ada")) as client: ...
"""

import asyncio
import contextlib
import socket
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.asgi import get_asgi_application
from django.test import Client
from pytest_django import Settings
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from marketdata.clock import SystemClock
from marketdata.control.views import JobView
from marketdata.payloads import RowBlock
from marketdata.runtime.cancellation import end
from marketdata.runtime.live_settings import LiveSettings
from marketdata.schema.boards import ALL_BOARDS
from marketdata.store.connection import connect as connect_store
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import ShardTick
from marketdata.tapes import TapeWrites, encode_header, records_of
from marketdata.transport.queues import shard_of
from marketdata.units import NS_PER_MS
from mdp_site.accounts.login_service import LOOK_SECONDS, LoginService
from mdp_site.composition import compose
from mdp_site.jobs.schedules import read_jobs
from mdp_site.service_settings import SERVICES
from mdp_site.web_server import WebServer
from mdp_site.web_settings import WebSettings
from tests.support.builders import row_block
from tests.support.deadlines import eventually, scaled
from tests.support.protocol_forms import FORMS
from tests.support.reference_client import FRAMES_OF_FEEDS, FeedCopy
from widgets.data_service import WidgetDataService
from widgets.hub import HubTiming
from widgets.protocol import SUBPROTOCOL_V2

SHARDS: Final = 2
MOST_CONNECTIONS: Final = 3
HEARTBEAT_SECONDS: Final = 0.2
SEND_BUFFER_BYTES: Final = 16_384
"""Small, so that the server notices after a few frames that a client does not read."""

Rows = Mapping[str, Mapping[str, float]]
Frame = dict[str, Any]


def use_layer(site_settings: Settings, redis_url: str, prefix: str) -> None:
    """Use a Redis server as the channel layer of the site."""
    layer = {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [redis_url], "prefix": prefix},
    }
    site_settings.CHANNEL_LAYERS = {"default": layer}


class Market:
    """Publishes boards and rows, like processors and scanner do."""

    def __init__(self, redis_url: str, keys: Keys) -> None:
        self._redis = connect_store(redis_url)
        self._publisher = BlockPublisher(self._redis, keys)
        self._epoch = time.time_ns()
        self._ticks: Counter[str] = Counter()  # each producer numbers its own, as the platform's do
        self._boards: dict[str, Rows] = {board: {} for board in ALL_BOARDS}
        self._shards: dict[int, dict[str, Mapping[str, float]]] = {shard: {} for shard in range(SHARDS)}
        self._tapes: dict[str, list[tuple[int, float]]] = {}

    async def board(self, feed: str, rows: Rows) -> None:
        """Store and announce a board."""
        self._boards[feed] = rows
        await self._publisher.publish_board(feed, row_block(rows, **self._stamp(feed)), {})

    async def row(self, symbol: str, **columns: float) -> None:
        """Store and announce the row of a symbol in its shard."""
        shard = shard_of(symbol, SHARDS)
        self._shards[shard][symbol] = columns
        await self._rows(shard, {symbol: columns})

    async def alert(self, stream: str, symbol: str, *, times: int = 1, **columns: float) -> None:
        """Store and announce `times` equal events of a symbol, all with one tick of its shard."""
        shard = shard_of(symbol, SHARDS)
        stamp = self._stamp(f"shard:{shard}")
        event = row_block({symbol: columns}, **stamp)
        changed = row_block({}, names=self._names(shard), **stamp)
        for _ in range(times):
            await self._publisher.publish_tick(
                shard, ShardTick(whole=self._whole(shard, stamp), changed=changed, streams={stream: [event]})
            )

    async def trades(self, symbol: str, *trades: tuple[int, float]) -> None:
        """Add trades (epoch ms, price) of 100 shares to the stored tape of a symbol, and announce its row."""
        shard = shard_of(symbol, SHARDS)
        tape = self._tapes.setdefault(symbol, [])
        tape += trades
        day_start_ms = tape[0][0]
        times_ms = np.array([at_ms for at_ms, _ in tape], dtype=np.int64)
        prices = np.array([price for _, price in tape])
        sizes = np.full(len(tape), 100.0)
        numbers = np.arange(len(tape), dtype=np.int64)
        records = records_of(times_ms, numbers, prices, sizes, np.zeros(len(tape)), day_start_ms=day_start_ms)
        whole = encode_header(day_start_ms) + records.tobytes()
        await self._publisher.store_tapes(TapeWrites((symbol,), (0,), (whole,)))
        self._shards[shard][symbol] = {"trade_count": len(tape)}
        await self._rows(shard, {symbol: self._shards[shard][symbol]})

    def new_owner(self) -> None:
        """Publish with a new epoch from now on, like a new owner of the shards."""
        self._epoch = time.time_ns()
        self._ticks.clear()

    async def heartbeat(self) -> None:
        """Publish one tick of all boards and shards, without changes."""
        for feed, rows in self._boards.items():
            await self.board(feed, rows)
        for shard in self._shards:
            await self._rows(shard, {})

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()

    async def _rows(self, shard: int, changed: Rows) -> None:
        stamp = self._stamp(f"shard:{shard}")
        changed_block = row_block(changed, names=self._names(shard), **stamp)
        await self._publisher.publish_tick(
            shard, ShardTick(whole=self._whole(shard, stamp), changed=changed_block)
        )

    def _whole(self, shard: int, stamp: Mapping[str, Any]) -> RowBlock:
        return row_block(self._shards[shard], names=self._names(shard), **stamp)

    def _names(self, shard: int) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for row in self._shards[shard].values() for name in row))

    def _stamp(self, producer: str) -> dict[str, Any]:
        self._ticks[producer] += 1
        now_ns = time.time_ns()
        return {
            "producer": producer, "epoch": self._epoch, "tick": self._ticks[producer],
            "published_ns": now_ns, "received_ns": now_ns, "market_time_ms": now_ns // NS_PER_MS,
        }  # fmt: skip


class WidgetClient:
    """The client of one WebSocket. It applies every frame of a feed to its copy of the feed."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._form = FORMS[str(connection.subprotocol)]
        self.copies: defaultdict[str, FeedCopy] = defaultdict(FeedCopy)

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.connection.send(self._form.write(message))

    async def frame(self, matching: Callable[[Frame], bool], within_seconds: float = 5.0) -> Frame:
        """The next frame that matches. Other frames are ignored."""
        async with asyncio.timeout(scaled(within_seconds)):
            while True:
                frame: Frame = self._form.read(await self.connection.recv())
                if frame["type"] in FRAMES_OF_FEEDS:
                    self.copies[frame["feed"]].apply_frame(frame)
                if matching(frame):
                    return frame

    async def of_type(self, kind: str, feed: str | None = None, within_seconds: float = 5.0) -> Frame:
        """The next frame of a type and, if given, of a feed."""
        return await self.frame(
            lambda frame: frame["type"] == kind and (feed is None or frame.get("feed") == feed),
            within_seconds,
        )

    async def table(
        self, feed: str, matching: Callable[[list[list[Any]]], bool], within_seconds: float = 5.0
    ) -> FeedCopy:
        """Read on until the rows of a feed match. Returns the copy of the feed."""
        copy = self.copies[feed]
        while copy.frames == 0 or not matching(copy.table):
            await self.frame(lambda frame: frame.get("feed") == feed, within_seconds)
        return copy

    async def closed(self, within_seconds: float = 5.0) -> int | None:
        """Read on until the server has closed the connection, and return the close code.

        With frames that nobody reads, the client would stop reading before it sees the close frame.
        """
        async with asyncio.timeout(scaled(within_seconds)):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code


class WidgetSite:
    """The web server in this event loop, with the site's pages, its entrance and its own data service."""

    def __init__(
        self,
        redis_url: str,
        keys: Keys,
        *,
        fresh_seconds: float = 1.0,
        longest_stall_seconds: float = 2.0,
        limits: WebSettings | None = None,
        look_seconds: float = LOOK_SECONDS,
        read_jobs: Callable[[], Awaitable[Sequence[JobView]]] = read_jobs,
    ) -> None:
        self.market = Market(redis_url, keys)
        own = limits or WebSettings(connections_per_user=MOST_CONNECTIONS)
        self._settings = LiveSettings(own, source="this site", clock=SystemClock())
        self._service = WidgetDataService(
            cache_url=redis_url,
            keys=keys,
            shard_count=SHARDS,
            timing=HubTiming(fresh_seconds=fresh_seconds, longest_stall_seconds=longest_stall_seconds),
            settings=self._settings,
            services=list(SERVICES),
            read_jobs=read_jobs,
        )
        self.hub = self._service.hub
        self.logins = LoginService(look_seconds=look_seconds)
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._listening.bind(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._server: WebServer | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        """The origin of the site's own pages."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self, session_key: str | None, **options: Any) -> connect:
        """A WebSocket as a page of the site opens it. `options` override its arguments."""
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session_key}"} if session_key else {}
        arguments = {
            "origin": self.origin,
            "subprotocols": [Subprotocol(SUBPROTOCOL_V2)],
            "additional_headers": headers,
            "proxy": None,
        }
        return connect(f"ws://127.0.0.1:{self.port}/ws/", **(arguments | options))

    @contextlib.asynccontextmanager
    async def client(self, session_key: str, **options: Any) -> AsyncIterator[WidgetClient]:
        """A client that has received the welcome."""
        async with self.connect(session_key, **options) as connection:
            client = WidgetClient(connection)
            await client.of_type("welcome")
            yield client

    @contextlib.asynccontextmanager
    async def heartbeats(self) -> AsyncIterator[None]:
        """Publish heartbeats of the market during the context."""

        async def beat() -> None:
            while True:
                await self.market.heartbeat()
                await asyncio.sleep(HEARTBEAT_SECONDS)

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            await end(task)

    async def __aenter__(self) -> Self:
        application = compose(get_asgi_application(), self._service, self._settings, self.logins)
        self._server = server = WebServer(application, trusted_proxies=[], live=self._settings)
        self._serving = asyncio.create_task(server.serve([self._listening]))
        self._beside = self._service.beside_the_hub()
        await self._beside.__aenter__()
        await eventually(lambda: server.started, 5.0)
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        assert self._server is not None
        assert self._serving is not None
        self._server.should_exit = self._server.force_exit = True
        await self._serving
        await self._beside.__aexit__(None, None, None)
        await self.logins.stop()
        await self._service.stop()
        (book,) = self.hub.status().books
        assert book.closes, f"frames of clients are not accounted for: {book}"
        await self.market.close()
        self._listening.close()


async def logged_in(username: str, *, is_staff: bool = False) -> str:
    """Log a user in, and return the session key."""
    session_key: str = await database_sync_to_async(_log_in)(username, is_staff)
    return session_key


def _log_in(username: str, is_staff: bool) -> str:
    user, _ = get_user_model().objects.get_or_create(username=username, defaults={"is_staff": is_staff})
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return str(client.session.session_key)
