"""The Widget Data Service: the hub and the WebSocket consumers of one web process."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from django.urls import URLPattern, path

from marketdata.clock import Clock, SystemClock
from marketdata.control.document import InstallationReader
from marketdata.control.overview_reading import OverviewReader
from marketdata.control.views import JobView
from marketdata.listener.wanted import SERVICE
from marketdata.runtime.cancellation import end
from marketdata.runtime.live_settings import CurrentSettings, FixedSettings
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from marketdata.store.service_records import ServiceRecords
from marketdata.store.snapshots import SnapshotReader
from widgets.consumers import Connections, Version1Consumer, WidgetConsumer
from widgets.hub import Hub, HubTiming
from widgets.hub.day_lists import DayLists
from widgets.hub.feeds import StoredFeeds, feed_catalog
from widgets.hub.installation_watch import InstallationWatch
from widgets.settings import WidgetLimits
from widgets.viewer import LOG_IN_KEY


async def _no_jobs() -> Sequence[JobView]:
    return ()


class WidgetDataService:
    """A hub that reads one cache, and the consumers that send its frames. A process can have several.

    The limits of clients are read from `settings` at each decision. Without it, their defaults hold.
    `installation` reads what the operations page and its feed show: `services` are those that have wanted
    settings, and `read_jobs` reads the schedules.

    The service connects to the cache when the hub starts. The hub starts with the server's lifespan or, on a
    server without lifespan, with the first connection.

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
        settings: CurrentSettings[WidgetLimits] | None = None,
        services: Sequence[str] = (),
        read_jobs: Callable[[], Awaitable[Sequence[JobView]]] = _no_jobs,
    ) -> None:
        clock = clock or SystemClock()
        applied = settings or FixedSettings(WidgetLimits())
        stored, catalog = StoredFeeds(keys, shard_count), feed_catalog()
        self._redis = connect(cache_url)  # it connects at its first command
        snapshots = SnapshotReader(self._redis, keys)
        self.catalog: Final = catalog
        self.day_lists: Final = DayLists(snapshots, stored)
        self.installation: Final = InstallationReader(
            OverviewReader(
                ProcessRecords(self._redis, keys),
                services=services,
                shard_count=shard_count,
                read_jobs=read_jobs,
                clock=clock,
            )
        )
        self.hub: Final = Hub(
            announcements=AnnouncementReader(cache_url, catalog.channels(stored)),
            snapshots=snapshots,
            listener=ServiceRecords(self._redis, keys, SERVICE),
            roles={role: ServiceRecords(self._redis, keys, role) for role in (PROCESSOR, SCANNER)},
            stored=stored,
            catalog=catalog,
            clock=clock,
            timing=timing,
            banner=lambda: applied.current.banner,
            installation=InstallationWatch(self.installation),
        )
        self.connections: Final = Connections(applied, clock)
        parts = {"hub": self.hub, "catalog": catalog, "connections": self.connections, "clock": clock}
        self._version_1, self._version_2 = Version1Consumer.as_asgi(**parts), WidgetConsumer.as_asgi(**parts)
        self.urlpatterns: Final[list[URLPattern]] = [path("ws/", self._consume)]  # type: ignore[arg-type] # Django's types know views only

    async def _consume(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a connection: without a viewer, its client logs in by a message of version 1."""
        consumer = self._version_1 if LOG_IN_KEY in scope else self._version_2
        await consumer(scope, receive, send)

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
        """The ASGI lifespan: the hub starts with the server, so `/readyz` can show the state of the data."""
        pausing = asyncio.create_task(self.connections.end_at_pauses(), name="pauses")
        try:
            while (event := await receive())["type"] != "lifespan.shutdown":
                self.hub.start()
                await send({"type": f"{event['type']}.complete"})
        finally:
            await end(pausing)
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})
