"""The scanner as a long-running process. One process is the leader, the others stand by.

`NewsAccount` keeps its books: every news of a shard's tick that arrived, and what became of it.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from marketdata.clock import Clock
from marketdata.errors import ContentError, OwnershipLost, StoreUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.payloads import RowBlock
from marketdata.runtime.asked import Asked
from marketdata.runtime.average_pace import AveragePace
from marketdata.runtime.books import Book, positive
from marketdata.runtime.cancellation import finished_before, run_beside, run_together
from marketdata.runtime.instructions import Carrier, GivenInstructions
from marketdata.runtime.leadership import Leadership, RenewableLease, WhenUnreachable
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.report import LEADER, STANDBY, ServiceStatus
from marketdata.runtime.steering import Records, Steering
from marketdata.runtime.working import work_while_wanted
from marketdata.store.announcements import Announcement, AnnouncementReader, MissedAnnouncements, News
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from marketdata.units import MS_PER_SECOND
from scanners.instructions import RESET_BOARD
from scanners.scanner.market import MarketScanner, Merge
from scanners.scanner.resets import boards_to_reset, reset_words
from scanners.settings import ScannerSettings

READ_AGAIN: Final = "replaced by all rows after a gap"
KNOWN: Final = "already in the rows"
LEFT: Final = "left to the next leader"


class NewsAccount:
    """Counts the news of ticks since the start of the process.

    A tick that arrives after a gap is not merged: the stored rows, which are read instead, contain it. The
    news that announcements may have been missed is such a gap, too. `scans` counts the completed passes.
    """

    def __init__(self) -> None:
        self.scans = 0
        self._received = 0
        self._merged = 0
        self._others: Counter[str] = Counter()

    def note_received(self) -> None:
        """Count one piece of news that now waits."""
        self._received += 1

    def note_merge(self, merge: Merge | None) -> None:
        """Count news that was merged, or not: None if its shard is read again in any case."""
        if merge is Merge.APPLIED:
            self._merged += 1
        else:
            self._others[KNOWN if merge is Merge.KNOWN else READ_AGAIN] += 1

    def note_left(self, waiting: int) -> None:
        """Count the news that waited when this scanner ceased to lead."""
        self._others[LEFT] += waiting

    def book(self, waiting: int) -> Book:
        """The sum at this instant. `waiting` is the number of pieces of news that were not looked at yet."""
        return Book(
            name="scanner ticks",
            unit="ticks",
            received=self._received,
            done=self._merged,
            lost=positive(self._others),
            waiting=waiting,
        )


LEASE_TTL_MS: Final = 3_000
STANDBY_SECONDS: Final = 0.5
MAX_QUEUED_NEWS: Final = 1_000
GATHER_SECONDS: Final = 0.03
"""How long ranking waits for the other shards after the first shard has announced its tick."""

log = get_logger(__name__)


class Scanner:
    """Ranks the market while it holds the lease. See `marketdata.runtime.service.Service`.

    A standby asks for the lease every half second, and the lease expires 3 s after its last renewal. So a
    scanner that fails is replaced within 4 s. `rows_news` must be subscribed to the rows of all shards.
    With `records` it applies the wanted settings of operators, beginning with `own_settings`, and reports the
    actual ones as `source`, also while it stands by. With `instructions` it carries out what operators ask of
    it once.
    """

    name: Final = "scanner"

    def __init__(
        self,
        *,
        lease: RenewableLease,
        rows_news: AnnouncementReader,
        snapshots: SnapshotReader,
        publisher: BlockPublisher,
        keys: Keys,
        shard_count: int,
        clock: Clock,
        records: Records | None = None,
        instructions: GivenInstructions | None = None,
        own_settings: ScannerSettings | None = None,
        source: str = "",
    ) -> None:
        # Two active scanners would publish boards of two epochs in turn. Each reader would start over each
        # time. So a scanner steps down when it cannot be sure of its lease.
        self._leadership = Leadership(
            lease,
            role=self.name,
            when_unreachable=WhenUnreachable.STEP_DOWN,
            clock=clock,
            standby_seconds=STANDBY_SECONDS,
        )
        self._rows_news = rows_news
        self._snapshots = snapshots
        self._publisher = publisher
        self._shard_of_channel = {keys.rows(shard): shard for shard in range(shard_count)}
        self._clock = clock
        own = own_settings or ScannerSettings()
        self._live = LiveSettings(own, source=source, clock=clock)
        self._steering = Steering(records, self._live, default=own)
        self._pace = AveragePace(own.ranking_interval_ms / MS_PER_SECOND, clock)
        handlers = {RESET_BOARD: self._reset}
        self._carrier = None if instructions is None else Carrier(instructions, handlers, source=source)
        self._resets: Asked[Collection[str], str] = Asked()
        self._failure = ""
        self._account = NewsAccount()
        # News that waits: in the queue, and taken from it for the next pass.
        self._queued: asyncio.Queue[News] = asyncio.Queue(MAX_QUEUED_NEWS)
        self._gathered: list[News] = []
        self._limited_log = RateLimitedLog(log, clock=clock)

    def unready(self) -> Mapping[str, str]:
        """Why nothing can be ranked now. A standby is ready."""
        failure = self._leadership.unreachable or self._failure
        return {"cache": failure} if failure else {}

    def status(self) -> ServiceStatus:
        """Its role, the version of its settings, and the books of the ticks that shards announced."""
        leads = self._leadership.leads
        return ServiceStatus(
            role=LEADER if leads else STANDBY,
            progress=self._account.scans,
            is_idle=not (leads and self._waiting),
            settings=self._steering.status,
            books=(self._account.book(self._waiting),),
        )

    @property
    def _waiting(self) -> int:
        return self._queued.qsize() + len(self._gathered)

    async def run(self, stopping: asyncio.Event) -> None:
        """Scan whenever this process gets the lease, until `stopping` is set. Then release the lease."""
        await self._steering.begin()
        try:
            await run_beside(
                work_while_wanted(self._live, stopping, lambda over: self._leadership.run(over, self._lead)),
                self._steering.run(),
                *(() if self._carrier is None else (self._carrier.run(),)),
            )
        finally:
            await self._steering.withdraw()

    async def _reset(self, arguments: Mapping[str, Any]) -> str:
        """Begin boards anew. The announcement that is told as missed ends the wait for the shards' news."""
        boards = boards_to_reset(arguments)
        if not self._leadership.leads:
            return "stands by, so it reset nothing"
        answer = self._resets.ask(boards)
        self._account.note_received()
        await self._queued.put(MissedAnnouncements())
        return await answer

    async def _lead(self, over: asyncio.Event) -> None:
        """Scan until `over` is set: the service stops, or another scanner may hold the lease."""
        metrics.SCANNER_ACTIVE.set(1)
        try:
            await finished_before(self._scan(), over)
        finally:
            metrics.SCANNER_ACTIVE.set(0)
            self._failure = ""
            self._account.note_left(self._waiting)
            self._resets.refuse_all(OwnershipLost("this scanner does not lead any more"))
            self._queued, self._gathered = asyncio.Queue(MAX_QUEUED_NEWS), []

    async def _scan(self) -> None:
        market = MarketScanner(epoch=self._clock.time_ns())
        await run_together(self._listen(self._queued), self._rank(market, self._queued))

    async def _rank(self, market: MarketScanner, queued: "asyncio.Queue[News]") -> None:
        """Merge and rank once for all news that are queued, again and again."""
        while True:
            await asyncio.sleep(self._pace.seconds_until_due())
            try:
                await self._gather_tick_of_all_shards(queued)
                await self._scan_once(market)
                self._account.scans += 1
                self._failure = ""
            except StoreUnavailable as error:
                self._report(error)

    async def _gather_tick_of_all_shards(self, queued: "asyncio.Queue[News]") -> None:
        """Gather the queued news, once all shards have announced their tick, or after `GATHER_SECONDS`.

        All shards tick at about the same time. Ranking waits for the last one: otherwise each board would
        be published twice per tick, the first time with the old rows of some shards.
        """
        news = self._gathered
        news.append(await queued.get())
        missing = set(self._shard_of_channel) - _channels(news)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while missing:
                    news.append(await queued.get())
                    missing -= _channels(news[-1:])
        while not queued.empty():
            news.append(queued.get_nowait())

    async def _listen(self, queued: "asyncio.Queue[News]") -> None:
        async for item in self._rows_news:
            await queued.put(item)
            self._account.note_received()

    async def _scan_once(self, market: MarketScanner) -> None:
        """Merge what was gathered, rank, and publish."""
        wanted = self._live.current
        self._pace.interval_seconds = wanted.ranking_interval_ms / MS_PER_SECOND
        news, self._gathered = self._gathered, []
        self._pace.note()
        started = self._clock.monotonic()
        resets = self._resets.take()
        for reset in resets:
            market.reset(reset.wish, self._clock.time_ns())
        await self._merge(market, news, read_all=bool(resets))
        for board in market.rank_boards(
            self._clock.time_ns(), depth=wanted.board_size, off=wanted.boards_off
        ):
            if not self._leadership.leads:
                return
            await self._publisher.publish_board(board.feed, board.block, board.scores)
            metrics.SCANNER_BOARDS.inc()
        for reset in resets:
            reset.fulfil(reset_words(reset.wish, market.row_count))
        metrics.SCANNER_ROWS.set(market.row_count)
        metrics.SCANNER_TICKS.inc()
        metrics.SCANNER_TICK_SECONDS.observe(self._clock.monotonic() - started)

    async def _merge(self, market: MarketScanner, news: Sequence[News], *, read_all: bool) -> None:
        """Merge the news in order. A shard that missed a tick is read from the store, once."""
        missed: set[int] = set(self._shard_of_channel.values()) if read_all else set()
        for item in news:
            if not isinstance(item, Announcement):
                self._account.note_merge(None)
                missed.update(self._shard_of_channel.values())
                continue
            shard = self._shard_of_channel[item.channel]
            merge = None if shard in missed else market.apply_changed(shard, item.block)
            self._account.note_merge(merge)
            if merge is Merge.GAP:
                metrics.SCANNER_GAPS.labels(str(shard)).inc()
                missed.add(shard)
        for shard in sorted(missed):
            whole = await self._stored_rows(shard)
            if whole is not None:
                market.apply_whole(shard, whole)

    async def _stored_rows(self, shard: int) -> RowBlock | None:
        try:
            return await self._snapshots.rows(shard)
        except ContentError as error:
            metrics.STORE_MALFORMED.labels(error.reason).inc()
            self._limited_log.warning("stored rows cannot be read", reason=error.reason, shard=shard)
            return None

    def _report(self, error: StoreUnavailable) -> None:
        self._failure = str(error)
        self._resets.refuse_all(error)
        self._limited_log.warning("cache not reachable", reason="cache", error=str(error))


def _channels(news: Iterable[News]) -> set[str]:
    return {item.channel for item in news if isinstance(item, Announcement)}
