"""The hub: what connections call, and the tasks that hear the news, send, read, and keep house."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
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
from widgets.protocol import ProtocolVersion, Status

_log = get_logger(__name__)


class BoardAnnouncements(Protocol):
    """What `marketdata.store.announcements.AnnouncementReader` promises: it iterates for ever."""

    def __aiter__(self) -> AsyncIterator[News]: ...


class Hub:
    """Everything that connections of this process have in common.

    It keeps the newest state of each feed, makes one emission per feed and tick, and hands the same text to
    every subscriber's outbox; rows are kept of symbols that somebody watches. It starts with the process,
    at the latest with its first connection.

    `announcements` must bring what `catalog.channels` names.

    Concurrency: all methods belong to one event loop and none but `stop` waits; a slow connection
    therefore cannot hold up another.
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
        self._trouble = ""
        self._switchboard = self._new_switchboard({})

    # --- For connections ------------------------------------------------------------------------------------

    def attach(self, outbox: Outbox) -> None:
        """Let a connection have the status from now on; starts the hub when it is the first."""
        self.start()
        self._outboxes.add(outbox)
        if (status := self._report.now()) is not None:
            outbox.status(outbox.version.encode_answer(status))

    def detach(self, outbox: Outbox) -> None:
        """End all that a connection had."""
        for name in self._outboxes.remove(outbox):
            self._switchboard.leave(outbox, name)

    def subscribe(self, outbox: Outbox, feed: Feed) -> None:
        """Send a snapshot as soon as there is data, then what changes. Again: a new snapshot."""
        self._outboxes.feeds(outbox).add(feed.name)
        self._switchboard.join(outbox, feed)

    def unsubscribe(self, outbox: Outbox, feed: Feed) -> None:
        """No frame of the feed follows."""
        feeds = self._outboxes.feeds(outbox)
        if feed.name in feeds:
            feeds.discard(feed.name)
            self._switchboard.leave(outbox, feed.name)

    def snapshot(self, feed: str, version: ProtocolVersion) -> str | None:
        """The text of a feed's newest snapshot; None before its first data. For `Outbox.write`."""
        return self._switchboard.snapshot(feed, version)

    def pending_frames(self) -> Sequence[int]:
        """How many frames wait for each connection."""
        return self._outboxes.pending_frames()

    # --- Life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the tasks, unless they run."""
        if self._task is None:
            self._liveness.begin()
            self._task = asyncio.get_running_loop().create_task(self._supervise(), name="hub")

    async def stop(self) -> None:
        """End the tasks. Connections are the server's to close."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    def unready(self) -> Mapping[str, str]:
        """Why this process cannot serve connections now: part -> reason. Old data is none."""
        return {"hub": self._trouble} if self._trouble else {}

    def data_status(self) -> Status | None:
        """What state the data is in; None before it is known. May be called from any thread."""
        return self._report.last

    async def _supervise(self) -> None:
        while True:
            reader = StoreReader(self._switchboard, self._timing, self._liveness.store_failed)
            try:
                await run_together(
                    self._hear(), self._send(), reader.run(), self._keep_house(), self._listener_watch.run()
                )
            except Exception as failure:  # noqa: BLE001 - a boundary: one defect must not end all feeds
                self._trouble = f"{type(failure).__name__}: {failure}"
                metrics.HUB_RESTARTS.inc()
                _log.exception("hub failed, starting over", trouble=self._trouble)
            await asyncio.sleep(self._timing.restart_seconds)
            # Only who subscribed to what is kept: the next frames are snapshots of a new epoch.
            self._switchboard = self._new_switchboard(self._switchboard.subscribers)
            self._trouble = ""

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

    async def _hear(self) -> None:
        """Takes over what is announced."""
        async for news in self._announcements:
            if isinstance(news, Announcement):
                self._liveness.heard(news.channel, news.block.received_ns)
                self._switchboard.take(news.channel, news.block)
                self._report.send_when_recovered()
            else:
                self._liveness.begin()
                self._switchboard.missed()
        raise RuntimeError("the announcements ended")

    async def _send(self) -> None:
        """Emits what changed: at once where that is due, else when it becomes due."""
        switchboard, loop = self._switchboard, asyncio.get_running_loop()
        timer: asyncio.TimerHandle | None = None
        while True:
            await switchboard.changed.wait()
            if timer is not None:
                timer.cancel()
            with metrics.HUB_TICK_SECONDS.time():
                pause = switchboard.emit_due()
            timer = None if pause is None else loop.call_later(pause, switchboard.changed.set)

    async def _keep_house(self) -> None:
        """Sends the status, gives up who stalls, and counts."""
        while True:
            self._report.send_when_due()
            self._outboxes.sweep(self._timing.longest_stall_seconds)
            self._liveness.show_on_metrics()
            await asyncio.sleep(self._timing.housekeeping_seconds)
