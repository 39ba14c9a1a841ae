"""The processor as a service: runs the owners of its shards, and gives them reference data and settings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError, ContentError, StoreUnavailable, TransportUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.observability.tracing import Tracing
from marketdata.payloads import RowBlock
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.books import total
from marketdata.runtime.calendar_renewal import keep_renewed
from marketdata.runtime.cancellation import run_beside, run_together
from marketdata.runtime.instructions import Carrier, GivenInstructions
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.report import STANDBY, ServiceStatus
from marketdata.runtime.steering import Records, Steering
from marketdata.runtime.working import work_while_wanted
from marketdata.store.announcements import Announcement, AnnouncementReader
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.trading_calendar import SessionHours, TradingCalendar
from marketdata.transport.base import Transport
from marketdata.units import NS_PER_MS
from scanners.instructions import PURGE_QUEUE
from scanners.processor.owner import ProcessorConfiguration, ShardOwner
from scanners.processor.pace import TickPace
from scanners.processor.purge import purge_queues
from scanners.processor.shard import ShardProcessor
from scanners.processor.turn import AnyTurn, Turn
from scanners.registry import Route, routes
from scanners.settings import ProcessorSettings

Stored = TypeVar("Stored")

log = get_logger(__name__)


class Processor:
    """Runs the configured shards in one process. See `marketdata.runtime.service.Service`.

    `reference_news` must be subscribed to the reference channel only. `turn_at` returns the turn of each
    shard. `started_under` is the traceparent of the process that started this one, or empty. With
    `read_sessions` the table of the calendar is read again every day, around the wall-clock time (epoch
    nanoseconds). With `records` it applies the wanted settings of operators, beginning with `own_settings`,
    and reports the actual ones as `source`. With `instructions` it carries out what operators ask of it once.
    """

    name: Final = "processor"

    def __init__(
        self,
        *,
        transport: Transport,
        snapshots: SnapshotReader,
        publisher: BlockPublisher,
        reference_news: AnnouncementReader,
        calendar: TradingCalendar,
        configuration: ProcessorConfiguration,
        clock: Clock,
        tracing: Tracing | None = None,
        make_routes: Callable[[], Sequence[Route]] = routes,
        turn_at: Callable[[int], Turn] = lambda _shard: AnyTurn(),
        started_under: str = "",
        read_sessions: Callable[[int], Sequence[SessionHours]] | None = None,
        records: Records | None = None,
        instructions: GivenInstructions | None = None,
        own_settings: ProcessorSettings | None = None,
        source: str = "",
    ) -> None:
        self._calendar = calendar
        self._read_sessions = read_sessions
        self._clock = clock
        self._transport = transport
        self._snapshots = snapshots
        self._reference_news = reference_news
        self._tracing = tracing or Tracing()
        self._started_under = started_under
        self._connection_failure = "not yet connected"
        self._batch_ttl_ms = configuration.batch_ttl_ms
        own = own_settings or ProcessorSettings()
        self._live = live = LiveSettings(own, source=source, clock=clock, check=self._check_settings)
        self._steering = Steering(records, live, default=own)
        pace = TickPace(lambda: live.current.longest_publish_interval_ms * NS_PER_MS, clock)
        self._owners = tuple(
            ShardOwner(
                shard,
                make_processor=_shard_maker(shard, calendar, make_routes, own),
                transport=transport,
                snapshots=snapshots,
                publisher=publisher,
                settings=live,
                clock=clock,
                tracing=self._tracing,
                turn=turn_at(shard),
                pace=pace,
            )
            for shard in configuration.shards
        )
        handlers = {PURGE_QUEUE: lambda arguments: purge_queues(self._owners, arguments)}
        self._carrier = None if instructions is None else Carrier(instructions, handlers, source=source)

    def unready(self) -> Mapping[str, str]:
        """The dependencies that keep the owners of shards from their work: dependency -> reason."""
        if self._connection_failure:
            return {"queues": self._connection_failure}
        return {name: reason for owner in self._owners for name, reason in owner.failures.items()}

    def status(self) -> ServiceStatus:
        """Its shards, the version of its settings, and the books of its events."""
        shards = [owner.status for owner in self._owners]
        owned = [each.shard for each in shards if each.owned_since_ms]
        return ServiceStatus(
            role=f"owner of {', '.join(map(str, owned))}" if owned else STANDBY,
            progress=sum(each.ticks for each in shards),
            is_idle=not owned,
            settings=self._steering.status,
            books=(total(owner.book for owner in self._owners),),
            shards=shards,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Work on every shard that this process owns, until `stopping` is set."""
        try:
            with self._tracing.span("processor start", parent=self._started_under):
                if not await self._open(stopping):
                    return
            await self._work(stopping)
        finally:
            await self._transport.close()
            self._tracing.close()

    async def _work(self, stopping: asyncio.Event) -> None:
        """Run until all owners have stopped, or one of the other tasks failed.

        Stored reference data is used before the first event. It has the range of the day so far. Without it
        the first bars after a start at noon would be published as new highs.
        """
        await self._take_reference(await self._read("reference data", self._snapshots.reference()))
        await self._steering.begin()
        others = [self._follow_reference(), self._steering.run()]
        if self._carrier is not None:
            others.append(self._carrier.run())
        if self._read_sessions is not None:
            others.append(keep_renewed(self._calendar, self._read_sessions, self._clock))
        try:
            await run_beside(work_while_wanted(self._live, stopping, self._work_on_shards), *others)
        finally:
            await self._steering.withdraw()

    async def _work_on_shards(self, over: asyncio.Event) -> None:
        """Work until `over`. Then publish and acknowledge the rest, and give the shards back."""
        await run_together(*(owner.run(over) for owner in self._owners))

    async def _open(self, stopping: asyncio.Event) -> bool:
        """Connect to the queues, however long that takes; False if `stopping` is set first."""
        backoff = Backoff(initial_seconds=0.1, maximum_seconds=2.0)
        while not stopping.is_set():
            try:
                await self._transport.open()
            except TransportUnavailable as error:
                self._connection_failure = str(error)
                log.warning("queues not reachable", error=str(error))
                await backoff.wait(stopping)
            else:
                self._connection_failure = ""
                return True
        return False

    async def _follow_reference(self) -> None:
        async for news in self._reference_news:
            if isinstance(news, Announcement):
                block: RowBlock | None = news.block
            else:
                block = await self._read("reference data", self._snapshots.reference())
            await self._take_reference(block)

    def _check_settings(self, wanted: ProcessorSettings) -> None:
        """A batch must live until the tick that acknowledges it."""
        life_ms = min(self._batch_ttl_ms, wanted.message_life_ms)
        if wanted.longest_publish_interval_ms >= life_ms:
            raise ConfigurationError(
                f"longest_publish_interval_ms is {wanted.longest_publish_interval_ms}; accepted: less than "
                f"the {life_ms} ms that a batch lives (MARKET_DATA_MESSAGE_TTL, message_life_ms)"
            )

    async def _take_reference(self, block: RowBlock | None) -> None:
        if block is None:
            return
        curve = await self._read("volume curve", self._snapshots.volume_curve())
        log.info("reference data taken", symbols=len(block), volume_curve=curve is not None)
        for owner in self._owners:
            owner.use_reference(block, curve)

    async def _read(self, what: str, stored: Awaitable[Stored | None]) -> Stored | None:
        """The stored value; None if there is none or it cannot be read. Then the next announcement has it."""
        try:
            return await stored
        except ContentError as error:
            metrics.STORE_MALFORMED.labels(error.reason).inc()
            log.warning("stored value cannot be read", what=what, error=str(error))
        except StoreUnavailable as error:
            log.warning("stored value not read", what=what, error=str(error))
        return None


def _shard_maker(
    shard: int,
    calendar: TradingCalendar,
    make_routes: Callable[[], Sequence[Route]],
    settings: ProcessorSettings,
) -> Callable[[int], ShardProcessor]:
    def make(epoch: int) -> ShardProcessor:
        return ShardProcessor(
            shard,
            routes=make_routes(),
            calendar=calendar,
            epoch=epoch,
            show_test_issues=settings.show_test_issues,
        )

    return make
