"""The scanner as a long-running process: one leads, others stand by."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.payloads import RowBlock
from marketdata.runtime.cancellation import finished_before, run_together
from marketdata.runtime.leadership import Leadership, RenewableLease, WhenUnreachable
from marketdata.store.announcements import Announcement, AnnouncementReader, News
from marketdata.store.keys import Keys
from marketdata.store.publisher import BlockPublisher
from marketdata.store.snapshots import SnapshotReader
from scanners.scanner.market import MarketScanner, Merge

LEASE_TTL_MS: Final = 3_000
STANDBY_SECONDS: Final = 0.5
MAX_WAITING_NEWS: Final = 1_000
GATHER_SECONDS: Final = 0.03

log = get_logger(__name__)


class Scanner:
    """Ranks the market while it holds the lease. See `marketdata.runtime.service.Service`.

    A standby asks for the lease every half second and the lease ends 3 s after its last renewal, so a
    scanner that dies is replaced within 4 s. `rows_news` must be subscribed to the rows of all shards.
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
    ) -> None:
        # Two scanners would publish boards of two epochs in turn, and readers would start anew each time.
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
        self._trouble = ""
        self._limited_log = RateLimitedLog(log, clock=clock)

    def unready(self) -> Mapping[str, str]:
        """Why nothing can be ranked right now; standing by is no trouble."""
        trouble = self._leadership.unreachable or self._trouble
        return {"cache": trouble} if trouble else {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Lead whenever the lease is free, until told to stop; then give the lease up."""
        await self._leadership.run(stopping, self._lead)

    async def _lead(self, over: asyncio.Event) -> None:
        """Scan until `over`: stopped, or another scanner may have taken over."""
        metrics.SCANNER_ACTIVE.set(1)
        try:
            await finished_before(self._scan(), over)
        finally:
            metrics.SCANNER_ACTIVE.set(0)
            self._trouble = ""

    async def _scan(self) -> None:
        """Merge what is announced, and rank once for all that waits."""
        market = MarketScanner(epoch=self._clock.time_ns())
        waiting: asyncio.Queue[News] = asyncio.Queue(MAX_WAITING_NEWS)
        await run_together(self._listen(waiting), self._rank(market, waiting))

    async def _rank(self, market: MarketScanner, waiting: "asyncio.Queue[News]") -> None:
        while True:
            try:
                await self._scan_once(market, await self._tick_of_all_shards(waiting))
                self._trouble = ""
            except StoreUnavailable as error:
                self._report(error)

    async def _tick_of_all_shards(self, waiting: "asyncio.Queue[News]") -> Sequence[News]:
        """What waits, once every shard has spoken or `GATHER_SECONDS` after the first.

        Shards tick together, so ranking waits for the last of them: a ranking for each would
        publish every board twice, the first time half old.
        """
        news = [await waiting.get()]
        missing = set(self._shard_of_channel) - _channels(news)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while missing:
                    news.append(await waiting.get())
                    missing -= _channels(news[-1:])
        while not waiting.empty():
            news.append(waiting.get_nowait())
        return news

    async def _listen(self, waiting: "asyncio.Queue[News]") -> None:
        async for item in self._rows_news:
            await waiting.put(item)

    async def _scan_once(self, market: MarketScanner, news: Sequence[News]) -> None:
        started = self._clock.monotonic()
        await self._merge(market, news)
        for board in market.rank_boards(self._clock.time_ns()):
            if not self._leadership.leads:
                return
            await self._publisher.publish_board(board.feed, board.block, board.scores)
            metrics.SCANNER_BOARDS.inc()
        metrics.SCANNER_ROWS.set(market.row_count)
        metrics.SCANNER_TICKS.inc()
        metrics.SCANNER_TICK_SECONDS.observe(self._clock.monotonic() - started)

    async def _merge(self, market: MarketScanner, news: Sequence[News]) -> None:
        """Apply the news in order; what was missed is read from the store, once for each shard."""
        missed: set[int] = set()
        for item in news:
            if not isinstance(item, Announcement):
                missed.update(self._shard_of_channel.values())
                continue
            shard = self._shard_of_channel[item.channel]
            if shard not in missed and market.apply_changed(shard, item.block) is Merge.GAP:
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
        self._trouble = str(error)
        self._limited_log.warning("cache not reachable", reason="cache", error=str(error))


def _channels(news: Iterable[News]) -> set[str]:
    return {item.channel for item in news if isinstance(item, Announcement)}
