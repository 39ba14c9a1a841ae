"""WebSocket entry point, and the parts of this process that its connections share."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from django.conf import settings
from django.urls import path

from marketdata.clock import SystemClock
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.snapshots import SnapshotReader
from widgets.catalog import StoredFeeds
from widgets.consumers import ConnectionLimit, WidgetConsumer
from widgets.hub import Hub

_clock = SystemClock()
_keys = Keys(settings.MDC_KEY_PREFIX)
_stored = StoredFeeds(_keys, settings.MDQ_SHARDS)

# Nothing is connected before the first WebSocket is.
hub: Final = Hub(
    announcements=AnnouncementReader(settings.MDC_URL, _stored.channels),
    snapshots=SnapshotReader(connect(settings.MDC_URL), _keys),
    stored=_stored,
    clock=_clock,
)

websocket_urlpatterns = [
    path("ws/", WidgetConsumer.as_asgi(hub=hub, connections=ConnectionLimit(), clock=_clock)),
]


async def lifespan(
    _scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """The ASGI lifespan: the hub starts with its first connection and is stopped with the server."""
    while (event := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{event['type']}.complete"})
    await hub.stop()
    await send({"type": "lifespan.shutdown.complete"})
