"""The Widget Data Service: the hub and the WebSocket consumers of one web process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from django.urls import URLPattern, path

from marketdata.clock import Clock, SystemClock
from marketdata.control.connection_search import ConnectionAnswers, ConnectionSearch
from marketdata.control.document import InstallationReader
from marketdata.control.history_keeping import HistoryKeeper, HistoryReader
from marketdata.control.overview_reading import OverviewReader
from marketdata.control.views import JobView
from marketdata.listener.wanted import SERVICE
from marketdata.observability.logs import get_logger
from marketdata.observability.process_place import process_place
from marketdata.runtime.cancellation import end
from marketdata.runtime.live_settings import CurrentSettings, FixedSettings
from marketdata.runtime.role_settings import PROCESSOR, SCANNER
from marketdata.store.announcements import AnnouncementReader
from marketdata.store.connection import connect
from marketdata.store.history_records import HistoryRecords
from marketdata.store.keys import Keys
from marketdata.store.process_records import ProcessRecords
from marketdata.store.question_records import QuestionRecords
from marketdata.store.service_records import ServiceRecords
from marketdata.store.snapshots import SnapshotReader
from widgets.consumers import Connections, Version1Consumer, WidgetConsumer
from widgets.hub import Hub, HubTiming
from widgets.hub.day_lists import DayLists
from widgets.hub.feeds import StoredFeeds, feed_catalog
from widgets.hub.installation_watch import InstallationWatch
from widgets.settings import WidgetLimits
from widgets.viewer import LOG_IN_KEY

RESTART_SECONDS: Final = 1.0

_log: Final = get_logger(__name__)


async def _no_jobs() -> Sequence[JobView]:
    return ()


async def keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run work that never ends, and after a defect of it again, until cancelled."""
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - a boundary: a defect here must not end the rest of the process
            _log.exception("task failed, starting over", task=name, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(RESTART_SECONDS)


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

        def installation_reader() -> InstallationReader:
            records = ProcessRecords(self._redis, keys)
            return InstallationReader(
                OverviewReader(
                    records, services=services, shard_count=shard_count, read_jobs=read_jobs, clock=clock
                )
            )

        self.installation: Final = installation_reader()
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
        history, questions = HistoryRecords(self._redis, keys), QuestionRecords(self._redis, keys)
        self.history: Final = HistoryReader(history)
        self.search: Final = ConnectionSearch(questions)
        self._keeper = HistoryKeeper(history, installation_reader(), clock)
        self._answers = ConnectionAnswers(
            questions, self.hub.clients_of, process=process_place(), clock=clock
        )
        self.connections: Final = Connections(applied, clock)
        parts = {"hub": self.hub, "catalog": catalog, "connections": self.connections, "clock": clock}
        self._version_1, self._version_2 = Version1Consumer.as_asgi(**parts), WidgetConsumer.as_asgi(**parts)
        self.urlpatterns: Final[list[URLPattern]] = [path("ws/", self._consume)]  # type: ignore[arg-type] # Django's types know views only

    async def _consume(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a connection: without a viewer, its client logs in by a message of version 1."""
        consumer = self._version_1 if LOG_IN_KEY in scope else self._version_2
        await consumer(scope, receive, send)

    @contextlib.asynccontextmanager
    async def beside_the_hub(self) -> AsyncIterator[None]:
        """What runs beside the hub: it ends connections at pauses, keeps the history, and answers searches.

        None of it may hold up market data, so none of it is a task of the hub.
        """
        work = {
            "pauses": self.connections.end_at_pauses,
            "history": self._keeper.run,
            "searches": self._answers.run,
        }
        tasks = [asyncio.create_task(keep_running(name, run), name=name) for name, run in work.items()]
        try:
            yield
        finally:
            await end(*tasks)

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
        async with self.beside_the_hub():
            while (event := await receive())["type"] != "lifespan.shutdown":
                self.hub.start()
                await send({"type": f"{event['type']}.complete"})
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})
