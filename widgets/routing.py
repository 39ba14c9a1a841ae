"""WebSocket entry point, and the parts of this process that its connections share."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from django.conf import settings
from django.urls import path

from marketdata.clock import SystemClock
from marketdata.listener.wanted import SERVICE
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.service_records import ServiceRecords
from marketdata.store.snapshots import SnapshotReader
from widgets.catalog import StoredFeeds
from widgets.consumers import ConnectionLimit, WidgetConsumer
from widgets.hub import Hub, announced_channels

_clock = SystemClock()
_keys = Keys(settings.MDC_KEY_PREFIX)
_stored = StoredFeeds(_keys, settings.MDQ_SHARDS)
_redis = connect(settings.MDC_URL)  # it connects at its first command

hub: Final = Hub(
    announcements=AnnouncementReader(settings.MDC_URL, announced_channels(_stored)),
    snapshots=SnapshotReader(_redis, _keys),
    listener=ServiceRecords(_redis, _keys, SERVICE),
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
    """The ASGI lifespan: the hub starts and stops with the server, so `/readyz` can tell the data's state.

    A server without lifespan (`runserver`) starts it with its first connection.
    """
    while (event := await receive())["type"] != "lifespan.shutdown":
        hub.start()
        await send({"type": f"{event['type']}.complete"})
    await hub.stop()
    await send({"type": "lifespan.shutdown.complete"})
