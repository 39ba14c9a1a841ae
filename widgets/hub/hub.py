"""The hub: methods for connections, and the tasks that receive announcements, send, read and report."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.runtime.cancellation import end, run_together
from marketdata.store.announcements import Announcement, News
from marketdata.store.snapshots import SnapshotReader
from widgets.hub.feeds import Feed, FeedCatalog, StoredFeeds
from widgets.hub.listener_watch import ListenerRecord, ListenerWatch
from widgets.hub.liveness import Liveness
from widgets.hub.outboxes import Outboxes
from widgets.hub.status_report import StatusReport
from widgets.hub.store_reader import StoreReader
from widgets.hub.switchboard import Switchboard
from widgets.hub.timing import HubTiming
from widgets.outbox import Outbox
from widgets.protocol import LastPosition, ProtocolVersion, Status

_log = get_logger(__name__)


class BoardAnnouncements(Protocol):
    """The part of `marketdata.store.announcements.AnnouncementReader` that the hub uses. It never ends."""

    def __aiter__(self) -> AsyncIterator[News]: ...


class Hub:
    """The part of the data service that all connections of a process share.

    It keeps the newest state of each feed, makes one emission per feed and tick, and puts the same text into
    the outbox of each subscriber. It keeps rows only of symbols with subscribers. The hub starts with the
    process, or with its first connection.

    `announcements` must be subscribed to the channels of `catalog.channels`.

    Concurrency: all methods belong to one event loop. Only `stop` waits, so a slow connection cannot delay
    another connection.
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
    ) -> None:
        self._announcements = announcements
        self._snapshots = snapshots
        self._stored = stored
        self._clock = clock
        self._timing = timing = timing or HubTiming()
        self._kinds = catalog.kinds
        self._outboxes = Outboxes()
        self._liveness = Liveness(stored, clock, timing.fresh_seconds)
        self._report = StatusReport(self._liveness, clock, timing, self._outboxes.send_status)
        self._listener_watch = ListenerWatch(listener, self._liveness, timing.listener_seconds)
        self._task: asyncio.Task[None] | None = None
        self._failure = ""
        self._switchboard = self._new_switchboard({})

    # --- For connections ------------------------------------------------------------------------------------

    def attach(self, outbox: Outbox) -> None:
        """Add a connection: it receives the status from now on. The first connection starts the hub."""
        self.start()
        self._outboxes.add(outbox)
        if (status := self._report.now()) is not None:
            outbox.status(outbox.version.encode_answer(status))

    def detach(self, outbox: Outbox) -> None:
        """Remove a connection and end its subscriptions."""
        for key in self._outboxes.remove(outbox):
            self._switchboard.leave(outbox, key)

    def subscribe(self, outbox: Outbox, feed: Feed, last: LastPosition | None = None) -> None:
        """Send a snapshot as soon as there is data, then changes. A repeated call sends a new snapshot.

        With the `last` position that the client has, the missed changes are sent instead, if they are known.

        Raises:
            TooManyChoicesError: see `Switchboard.join`. Nothing is changed.
        """
        self._switchboard.join(outbox, feed, last)
        self._outboxes.feeds(outbox).add(feed.key)

    def unsubscribe(self, outbox: Outbox, feed: Feed) -> None:
        """End a subscription. No frame of the feed follows."""
        feeds = self._outboxes.feeds(outbox)
        if feed.key in feeds:
            feeds.discard(feed.key)
            self._switchboard.leave(outbox, feed.key)

    def snapshot(self, feed: str, version: ProtocolVersion) -> str | None:
        """The text of a feed's newest snapshot; None before its first data. For `Outbox.write`."""
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

    def data_status(self) -> Status | None:
        """The state of the data; None before it is known. May be called from any thread."""
        return self._report.last

    async def _supervise(self) -> None:
        while True:
            reader = StoreReader(self._switchboard, self._timing, self._liveness.note_store_failure)
            try:
                await run_together(
                    self._receive(), self._send(), reader.run(), self._housekeep(), self._listener_watch.run()
                )
            except Exception as error:  # noqa: BLE001 - a boundary: one defect must not end all feeds
                self._failure = f"{type(error).__name__}: {error}"
                metrics.HUB_RESTARTS.inc()
                _log.exception("hub failed, starting over", error=self._failure)
            await asyncio.sleep(self._timing.restart_seconds)
            # A new switchboard keeps only the subscriptions: its first frames are snapshots of a new epoch.
            self._switchboard = self._new_switchboard(self._switchboard.subscribers)
            self._failure = ""

    def _new_switchboard(self, subscribers: Mapping[Feed, set[Outbox]]) -> Switchboard:
        return Switchboard(
            self._kinds,
            stored=self._stored,
            snapshots=self._snapshots,
            clock=self._clock,
            status=self._report.now,
            subscribers=subscribers,
        )

    # --- The tasks ------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        """Take announced blocks, and note when announcements may have been missed."""
        async for news in self._announcements:
            if isinstance(news, Announcement):
                self._liveness.note_announcement(news.channel, news.block.received_ns)
                self._switchboard.take(news.channel, news.block)
                self._report.send_when_recovered()
            else:
                self._liveness.begin()
                self._switchboard.missed()
        raise RuntimeError("the announcements ended")

    async def _send(self) -> None:
        """Emit changed feeds. A feed that sent a frame a moment ago is emitted later, by a timer."""
        switchboard, loop = self._switchboard, asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None
        while True:
            await switchboard.has_changes.wait()
            if timer is not None:
                timer.cancel()
            with metrics.HUB_TICK_SECONDS.time():
                pause = switchboard.emit_due()
            timer = None if pause is None else loop.call_later(pause, switchboard.has_changes.set)

    async def _housekeep(self) -> None:
        """Send the status, end stalled connections, and update metrics."""
        while True:
            self._report.send_when_due()
            self._outboxes.housekeep(self._timing.longest_stall_seconds)
            self._liveness.update_metrics()
            await asyncio.sleep(self._timing.housekeeping_seconds)
