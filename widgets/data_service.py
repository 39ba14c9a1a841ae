"""The Widget Data Service: what the WebSocket connections of one web process have in common, put together."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from django.urls import URLPattern, path

from marketdata.clock import Clock, SystemClock
from marketdata.listener.wanted import SERVICE
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from marketdata.store.snapshots import SnapshotReader
from widgets.consumers import MOST_CONNECTIONS_PER_USER, ConnectionLimit, WidgetConsumer
from widgets.hub import Hub, HubTiming
from widgets.hub.feeds import StoredFeeds, feed_catalog


class WidgetDataService:
    """A hub on one cache, and the consumers that carry its frames. Several can live in one process.

    Nothing is connected before the hub starts: with the server's lifespan, at the latest with the first
    connection.

    Raises:
        ConfigurationError: a kind of feed breaks its interface, or two claim one name.
    """

    def __init__(
        self,
        *,
        cache_url: str,
        keys: Keys,
        shard_count: int,
        clock: Clock | None = None,
        timing: HubTiming | None = None,
        most_connections_per_user: int = MOST_CONNECTIONS_PER_USER,
    ) -> None:
        clock = clock or SystemClock()
        stored, catalog = StoredFeeds(keys, shard_count), feed_catalog()
        self._redis = connect(cache_url)  # it connects at its first command
        self.hub: Final = Hub(
            announcements=AnnouncementReader(cache_url, catalog.channels(stored)),
            snapshots=SnapshotReader(self._redis, keys),
            listener=ServiceRecords(self._redis, keys, SERVICE),
            stored=stored,
            catalog=catalog,
            clock=clock,
            timing=timing,
        )
        consumer = WidgetConsumer.as_asgi(
            hub=self.hub,
            catalog=catalog,
            connections=ConnectionLimit(most_connections_per_user),
            clock=clock,
        )
        self.urlpatterns: Final[list[URLPattern]] = [path("ws/", consumer)]

    async def stop(self) -> None:
        """End the hub and its connection to the cache."""
        await self.hub.stop()
        await self._redis.aclose()

    async def lifespan(
        self,
        _scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """The ASGI lifespan: the hub starts and stops with the server, so `/readyz` tells the data's state.

        A server without lifespan (`runserver`) starts it with its first connection.
        """
        while (event := await receive())["type"] != "lifespan.shutdown":
            self.hub.start()
            await send({"type": f"{event['type']}.complete"})
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})
