"""The hub: methods for connections, and the tasks that receive announcements, send, read and report."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import msgspec

from marketdata.clock import Clock
from marketdata.control.connection_search import FoundConnections
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.runtime.cancellation import end, run_together
from marketdata.runtime.report import ServiceStatus
from marketdata.store.announcements import Announcement, NewsBatch
from marketdata.store.snapshots import SnapshotReader
from marketdata.units import NS_PER_SECOND
from widgets.hub.client_identity import UNKNOWN_CLIENT, ClientIdentity
from widgets.hub.client_review import ClientReview
from widgets.hub.endings import Endings
from widgets.hub.feeds import Feed, FeedCatalog, StoredFeeds
from widgets.hub.installation_watch import InstallationWatch
from widgets.hub.listener_watch import ListenerRecord, ListenerWatch, RoleReports
from widgets.hub.liveness import Liveness, StatusReport
from widgets.hub.outbox import Outbox, Outboxes, Pace, StatusFrames
from widgets.hub.resync import Resynced, resync
from widgets.hub.store_reader import StoreReader
from widgets.hub.switchboard import Switchboard, TooManyChoicesError
from widgets.hub.timing import HubTiming
from widgets.protocol import FeedSnapshot, LastPosition, ProtocolVersion, Status
from widgets.wire import PreparedFrame

LONGEST_DELAY_SECONDS: Final = 1.0
"""A process whose timer is later than this was stopped, or had no processor."""

_log = get_logger(__name__)


class BoardAnnouncements(Protocol):
    """The part of `marketdata.store.announcements.AnnouncementReader` that the hub uses. It never ends."""

    def batches(self) -> AsyncIterator[NewsBatch]:
        """All news that wait, in order, in batches that are not empty."""


class Hub:
    """The part of the data service that all connections of a process share.

    It keeps the newest state of each feed, makes one emission per feed and tick, and puts the same frame into
    the outbox of each subscriber. Then it walks over these outboxes and writes their frames. There is one
    walk for all feeds of a tick, and no new emission before it has ended. It keeps rows only of symbols with
    subscribers. The hub starts with the process, or with its first connection.

    `announcements` must be subscribed to the channels of `catalog.channels`. `roles` are the reports of
    processors and scanners, by the name of the role. `banner` returns the text of an operator for all users.

    Concurrency: all methods belong to one event loop. Only `stop`, `fetch` and `resync` wait, so a slow
    connection cannot delay another connection.
    """

    def __init__(
        self,
        *,
        announcements: BoardAnnouncements,
        snapshots: SnapshotReader,
        listener: ListenerRecord,
        stored: StoredFeeds,
        catalog: FeedCatalog,
        clock: Clock,
        timing: HubTiming | None = None,
        roles: Mapping[str, RoleReports] = MappingProxyType({}),
        banner: Callable[[], str] = str,
        installation: InstallationWatch | None = None,
    ) -> None:
        self._announcements = announcements
        self._snapshots = snapshots
        self._stored = stored
        self._clock = clock
        self._timing = timing = timing or HubTiming()
        self._kinds = catalog.kinds
        self._outboxes = Outboxes(self.snapshot, clock, self._wake)
        self._review, self._endings = ClientReview(self._outboxes, clock), Endings(clock)
        self._liveness = Liveness(stored, clock, timing.fresh_seconds, banner)
        self._report = StatusReport(self._liveness, clock, timing, self._outboxes.send_status)
        self._listener_watch = ListenerWatch(
            listener, roles, self._liveness, timing.listener_seconds, timing.store_seconds
        )
        self._installation = installation or InstallationWatch(None)
        self._pace = Pace()
        # Whether no more announcements wait; see `_receive`.
        self._caught_up = asyncio.Event()
        # What was taken since the last tick: channel -> received time of its newest data (ns). And when the
        # oldest of these announcements was published (ns; None if there is none).
        self._taken: dict[str, int] = {}
        self._oldest_published_ns: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure = ""
        self._housekeepings = 0
        self._switchboard = self._new_switchboard({})

    # --- For connections ------------------------------------------------------------------------------------

    def attach(self, outbox: Outbox, identity: ClientIdentity = UNKNOWN_CLIENT) -> None:
        """Add a connection: it receives the status from now on. The first connection starts the hub."""
        self.start()
        self._outboxes.add(outbox, identity)
        if (status := self._report.now()) is not None:
            outbox.status(StatusFrames(status))

    def detach(self, outbox: Outbox) -> None:
        """Remove a connection and end its subscriptions."""
        self._outboxes.remove(outbox)
        for key in outbox.feeds:
            self._switchboard.leave(outbox, key)
        outbox.feeds.clear()

    def note_ended(self, name: str) -> None:
        """Count the end of a connection; see `widgets.hub.endings`."""
        self._endings.note(name)

    def clients_of(self, user: str) -> FoundConnections:
        """The connections of a user by name, in any case of letters."""
        return self._review.of_user(user)

    def subscribe(self, outbox: Outbox, feed: Feed, last: LastPosition | None = None) -> None:
        """Send a snapshot as soon as there is data, then changes. A repeated call sends a new snapshot.

        With the `last` position that the client has, the missed changes are sent instead, if they are known.

        Raises:
            TooManyChoicesError: see `Switchboard.join`. Nothing is changed.
        """
        is_new = feed.key not in outbox.feeds
        outbox.feeds.add(feed.key)
        try:
            self._switchboard.join(outbox, feed, last)
        except TooManyChoicesError:
            if is_new:
                outbox.feeds.discard(feed.key)
            raise

    def unsubscribe(self, outbox: Outbox, feed: Feed) -> None:
        """End a subscription. No frame of the feed follows."""
        if feed.key in outbox.feeds:
            outbox.feeds.discard(feed.key)
            self._switchboard.leave(outbox, feed.key)

    async def fetch(
        self, feed: Feed, within_seconds: float, keep_seconds: float = 0.0
    ) -> FeedSnapshot | None:
        """The newest state of a feed, once, without a subscription; None if there is none in time.

        The feed is followed for `keep_seconds` more, so that another fetch in this time reads no store.

        Raises:
            TooManyChoicesError: as `subscribe`.
        """
        return await self._switchboard.fetch(feed, within_seconds, keep_seconds)

    async def resync(self, name: str = "") -> Resynced:
        """Send the feeds of this name, or all feeds, once more as snapshots to all who have them."""
        return await resync(lambda: self._switchboard, self._outboxes, name)

    def flush(self, outbox: Outbox) -> None:
        """Write now what waits for a connection, such as the answers to a message; not with the next walk."""
        self._outboxes.flush(outbox)

    def snapshot(self, feed: str, version: ProtocolVersion) -> PreparedFrame | None:
        """The frame of a feed's newest snapshot; None before its first data."""
        return self._switchboard.snapshot(feed, version)

    # --- Start, stop and state ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the tasks, unless they already run."""
        if self._task is None:
            self._liveness.begin()
            self._task = asyncio.get_running_loop().create_task(self._supervise(), name="hub")

    async def stop(self) -> None:
        """End the tasks. The server closes the connections."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    def unready(self) -> Mapping[str, str]:
        """Why this process cannot serve connections now: part -> reason. Old data is not a reason."""
        return {"hub": self._failure} if self._failure else {}

    def status(self) -> ServiceStatus:
        """Its clients, the state of the data that they are shown, and the books of what was put for them."""
        status, reviewed = self._report.last, self._review.newest
        clients = msgspec.structs.replace(
            self._outboxes.clients(),
            listed=reviewed.listed,
            users=reviewed.users,
            closed=self._endings.counts(),
        )
        if status is not None:
            clients = msgspec.structs.replace(
                clients,
                data_state=status.state,
                data_detail=status.detail,
                data_age_ms=status.age_ms,
                data_since_ms=self._report.since_ms,
            )
        return ServiceStatus(
            progress=self._housekeepings,
            is_idle=self._task is None,
            books=(self._outboxes.book(),),
            clients=clients,
        )

    def data_status(self) -> Status | None:
        """The state of the data; None before it is known. May be called from any thread."""
        return self._report.last

    async def _supervise(self) -> None:
        while True:
            reader = StoreReader(self._switchboard, self._timing, self._liveness.note_store_failure)
            try:
                await run_together(
                    _endless("receive", self._receive()),
                    _endless("send", self._send()),
                    _endless("read", reader.run()),
                    _endless("housekeep", self._housekeep()),
                    _endless("listener watch", self._listener_watch.run()),
                    _endless("installation watch", self._installation.run()),
                )
            except Exception as error:  # noqa: BLE001 - a boundary: one defect must not end all feeds
                self._failure = f"{type(error).__name__}: {error}"
                metrics.HUB_RESTARTS.inc()
                _log.exception("hub failed, starting over", error=self._failure)
                await self._tell_failure()
            await asyncio.sleep(self._timing.restart_seconds)
            # A new switchboard keeps only the subscriptions: its first frames are snapshots of a new epoch.
            self._switchboard = self._new_switchboard(self._switchboard.subscribers)
            self._failure = ""
            self._liveness.note_failure("")

    async def _tell_failure(self) -> None:
        """Send the status of a failed hub: the task that walks does not run now."""
        self._liveness.note_failure(self._failure)
        self._report.send_when_due()
        try:
            await self._outboxes.walk()
        except Exception:  # noqa: BLE001 - perhaps the same defect; the restart sends all frames anew
            _log.exception("the failure of the hub could not be told")

    def _new_switchboard(self, subscribers: Mapping[Feed, set[Outbox]]) -> Switchboard:
        return Switchboard(
            self._kinds,
            stored=self._stored,
            snapshots=self._snapshots,
            clock=self._clock,
            status=self._report.now,
            mark=self._outboxes.mark,
            fates=self._outboxes.fates,
            installation=self._installation,
            subscribers=subscribers,
        )

    def _wake(self) -> None:
        self._switchboard.has_changes.set()

    # --- The tasks ------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        """Take announced blocks, and note when announcements may have been missed."""
        async for batch in self._announcements.batches():
            for news in batch.news:
                if isinstance(news, Announcement):
                    self._take(news)
                else:
                    self._liveness.begin()
                    self._switchboard.missed()
            if batch.more_wait:
                self._caught_up.clear()
            else:
                self._caught_up.set()
            self._wake()  # also without changes: the tick notes how old the data is that was sent

    def _take(self, news: Announcement) -> None:
        block = news.block
        self._liveness.note_announcement(news.channel)
        self._taken[news.channel] = max(block.received_ns, self._taken.get(news.channel, 0))
        if self._oldest_published_ns is None:
            self._oldest_published_ns = block.published_ns
        self._switchboard.take(news.channel, block)

    async def _send(self) -> None:
        """Tick when something changed. A feed that sent a frame a moment ago is emitted later, by a timer."""
        self._caught_up.set()
        timer: asyncio.TimerHandle | None = None
        while True:
            await self._switchboard.has_changes.wait()
            await asyncio.sleep(self._pace.seconds_to_wait(self._clock.monotonic()))
            await self._catch_up()
            if timer is not None:
                timer.cancel()
            pause = await self._tick()
            timer = None if pause is None else asyncio.get_running_loop().call_later(pause, self._wake)

    async def _catch_up(self) -> None:
        """Let all announcements that wait be merged first, in bounded time: only the newest state is sent."""
        if not self._caught_up.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timing.catching_up_seconds):
                    await self._caught_up.wait()

    async def _tick(self) -> float | None:
        """Emit all due feeds, and write their frames. Returns the seconds until the next feed is due."""
        taken, self._taken = self._taken, {}
        oldest_published_ns, self._oldest_published_ns = self._oldest_published_ns, None
        started_at = self._clock.monotonic()
        tick = self._switchboard.emit_due()
        walk_started_at = self._clock.monotonic()
        await self._outboxes.walk()
        ended_at, now_ns = self._clock.monotonic(), self._clock.time_ns()
        self._pace.note_walk(started_at, ended_at)
        self._liveness.note_sent(taken)
        self._report.send_when_recovered()
        metrics.HUB_TICK_SECONDS.observe(ended_at - started_at)
        metrics.HUB_WALK_SECONDS.observe(ended_at - walk_started_at)
        if oldest_published_ns is not None:
            metrics.HUB_LAG_SECONDS.observe(max(0, now_ns - oldest_published_ns) / NS_PER_SECOND)
        for received_ns in tick.received_ns:
            metrics.WIDGET_FRAME_AGE_SECONDS.observe(max(0, now_ns - received_ns) / NS_PER_SECOND)
        return tick.pause_seconds

    async def _housekeep(self) -> None:
        """Send the status, end stalled connections, and update metrics."""
        interval, loop = self._timing.housekeeping_seconds, asyncio.get_running_loop()
        while True:
            self._report.send_when_due()
            self._outboxes.housekeep(self._timing.longest_stall_seconds)
            self._review.look_if_due()
            self._switchboard.close_unused()
            self._liveness.update_metrics()
            self._housekeepings += 1
            due = loop.time() + interval
            await asyncio.sleep(interval)
            if loop.time() - due > LONGEST_DELAY_SECONDS:
                self._liveness.begin()  # this process did not run: its own silence is not that of others


async def _endless(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Run a task that never ends. Whatever ends it, except a cancellation from outside, is an `Exception`.

    Raises:
        RuntimeError: the task returned, was cancelled from inside, or raised another `BaseException`.
    """
    try:
        await work
    except BaseException as error:  # whatever it is - a library below Python may raise anything
        task = asyncio.current_task()
        is_from_outside = task is not None and task.cancelling() > 0
        if is_from_outside or isinstance(error, Exception | KeyboardInterrupt | SystemExit):
            raise
        raise RuntimeError(f"{name}: {type(error).__name__}: {error}") from error
    raise RuntimeError(f"{name} ended")
