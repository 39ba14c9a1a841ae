"""The tasks of the hub: hear the news, send what changed, re-read what was missed, say how things stand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

from marketdata.clock import Clock
from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.store.announcements import Announcement, News
from widgets.catalog import BOARD_COLUMNS, Feed, FeedKind, StoredFeeds, feed_of
from widgets.hub.liveness import SILENT_AFTER_SECONDS, Liveness
from widgets.hub.rows import select_rows
from widgets.hub.shard import ShardWatch, Succession
from widgets.hub.stream import FeedStream, Fresh
from widgets.outbox import Outbox
from widgets.protocol import encode_answer

STATUS_INTERVAL_SECONDS: Final = 5.0
HOUSEKEEPING_SECONDS: Final = 1.0
LONGEST_STALL_SECONDS: Final = 30.0
REREAD_INTERVAL_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 1.0
RESTART_SECONDS: Final = 1.0

_log = get_logger(__name__)


class Announcements(Protocol):
    """What `marketdata.store.announcements.AnnouncementReader` promises: it iterates for ever."""

    def __aiter__(self) -> AsyncIterator[News]: ...


class Snapshots(Protocol):
    """What the hub asks of `marketdata.store.snapshots.SnapshotReader`."""

    async def rows(self, shard: int) -> RowBlock | None:
        """The stored whole of a shard."""

    async def board(self, feed: str) -> RowBlock | None:
        """The stored leaderboard of a feed."""


class Hub:
    """Everything that connections of this process have in common.

    It keeps the newest block of each board, makes one frame per feed and tick, and hands the same text to
    every subscriber's outbox; quotes are kept for symbols that somebody watches. It starts with its first
    connection.

    Concurrency: all methods belong to one event loop and none but `stop` waits; a slow connection
    therefore cannot hold up another.
    """

    def __init__(
        self,
        *,
        announcements: Announcements,
        snapshots: Snapshots,
        stored: StoredFeeds,
        clock: Clock,
        silent_after_seconds: float = SILENT_AFTER_SECONDS,
        longest_stall_seconds: float = LONGEST_STALL_SECONDS,
    ) -> None:
        self._announcements = announcements
        self._snapshots = snapshots
        self._stored = stored
        self._clock = clock
        self._longest_stall_seconds = longest_stall_seconds
        self._liveness = Liveness(stored.labels, clock, silent_after_seconds)
        self._outboxes: dict[Outbox, set[str]] = {}
        self._status_state = ""
        self._status_sent_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._streams: dict[str, FeedStream] = {}
        self._start_over()

    # --- For connections ------------------------------------------------------------------------------------

    def attach(self, outbox: Outbox) -> None:
        """Let a connection have the status from now on; starts the hub when it is the first."""
        self.start()
        self._outboxes[outbox] = set()
        self._send_status(outbox)

    def detach(self, outbox: Outbox) -> None:
        """End all that a connection had."""
        for name in self._outboxes.pop(outbox, ()):
            self._leave(outbox, name)
        self._count(outbox)

    def subscribe(self, outbox: Outbox, feed: Feed) -> None:
        """Send a snapshot as soon as there is data, then deltas. Again: a new snapshot."""
        if feed.kind is FeedKind.STATUS:
            self._send_status(outbox)
            return
        stream = self._streams.get(feed.name) or self._open(feed)
        if not stream.subscribers:
            self._emit(stream)  # nobody held it, so it may lag behind what was offered
        stream.subscribers.add(outbox)
        self._outboxes[outbox].add(feed.name)
        outbox.snapshot(feed.name)

    def unsubscribe(self, outbox: Outbox, feed: Feed) -> None:
        """No frame of the feed follows."""
        if feed.name in self._outboxes[outbox]:
            self._outboxes[outbox].discard(feed.name)
            self._leave(outbox, feed.name)

    def snapshot(self, feed: str) -> str | None:
        """The text of a feed's newest snapshot; None before its first data. For `Outbox.write`."""
        stream = self._streams.get(feed)
        text = stream.snapshot() if stream is not None else None
        if text is not None:
            metrics.HUB_ENCODED_BYTES.labels("snapshot").inc(len(text))
        return text

    def pending_frames(self) -> Sequence[int]:
        """How many frames wait for each connection."""
        return [len(outbox) for outbox in self._outboxes]

    # --- Life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the tasks, unless they run."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._supervise(), name="hub")

    async def stop(self) -> None:
        """End the tasks. Connections are the server's to close."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def unready(self) -> Mapping[str, str]:
        """Why connections cannot be served right now: part -> reason. Empty before the first connection."""
        reasons = {"hub": self._trouble, "store": self._liveness.store_trouble}
        return {part: reason for part, reason in reasons.items() if reason}

    async def _supervise(self) -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    for work in (self._hear, self._send, self._reread, self._keep_house):
                        tasks.create_task(work(), name=f"hub{work.__name__}")
            except* Exception as failures:  # noqa: BLE001 - a boundary: one defect must not end all feeds
                self._trouble = "; ".join(f"{type(e).__name__}: {e}" for e in failures.exceptions)
                metrics.HUB_RESTARTS.inc()
                _log.exception("hub failed, starting over", trouble=self._trouble)
            await asyncio.sleep(RESTART_SECONDS)
            self._start_over()
            self._trouble = ""

    def _start_over(self) -> None:
        """Forget every state but who subscribed to what: the next frames are snapshots of a new epoch."""
        self._epoch = str(self._clock.time_ns())
        self._changed: set[FeedStream] = set()
        self._work = asyncio.Event()
        self._wanted: set[str] = set()
        self._missing = asyncio.Event()
        self._shards = {channel: ShardWatch() for channel in self._stored.shards}
        subscribers = {name: stream.subscribers for name, stream in self._streams.items()}
        self._streams = {}
        for name in (*self._stored.boards.values(), *subscribers):
            if name not in self._streams:
                self._open(feed_of(name)).subscribers = subscribers.get(name, set())

    # --- Hearing --------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        async for news in self._announcements:
            if isinstance(news, Announcement):
                self._take(news.channel, news.block)
            else:
                self._resync()
        raise RuntimeError("the announcements ended")

    def _take(self, channel: str, block: RowBlock) -> None:
        was_silent = self._status_state != "live"
        self._liveness.heard(channel, block.received_ns)
        if channel in self._stored.boards:
            self._take_board(channel, block)
        else:
            self._take_changed_rows(channel, block)
        if was_silent:
            self._send_status_when_due()

    def _take_board(self, channel: str, block: RowBlock) -> None:
        stream = self._streams[self._stored.boards[channel]]
        if stream.offer(select_rows(block, BOARD_COLUMNS)):
            self._mark(stream)

    def _take_changed_rows(self, channel: str, block: RowBlock) -> None:
        shard = self._shards[channel]
        succession = shard.follow(block)
        if succession is Succession.KNOWN:
            return
        if succession is Succession.GAP:
            metrics.HUB_RESYNCS.labels("gap").inc()
        for stream in shard.apply_changed(block):
            self._mark(stream)
        if not shard.complete:
            self._want(channel)

    def _resync(self) -> None:
        metrics.HUB_RESYNCS.labels("connected").inc()
        for shard in self._shards.values():
            shard.missed()
        for name in self._stored.boards.values():
            self._streams[name].refresh()
        for channel in self._stored.channels:
            self._want(channel)

    # --- Re-reading -----------------------------------------------------------------------------------------

    def _want(self, channel: str) -> None:
        self._wanted.add(channel)
        self._missing.set()

    async def _reread(self) -> None:
        """Reads what is wanted: a key once per `REREAD_INTERVAL_SECONDS`, however many asked for it."""
        while True:
            await self._missing.wait()
            self._missing.clear()
            wanted, self._wanted = self._wanted, set()
            pause = REREAD_INTERVAL_SECONDS
            for channel in wanted:
                try:
                    await self._read(channel)
                except StoreUnavailable as error:
                    self._liveness.store_failed(str(error))
                    self._want(channel)
                    pause = RETRY_SECONDS
                except ContentError as error:
                    _log.error("stored block cannot be read", key=channel, error=str(error))
            await asyncio.sleep(pause)

    async def _read(self, channel: str) -> None:
        if (board := self._stored.boards.get(channel)) is not None:
            block = await self._snapshots.board(board)
            stream = self._streams[board]
            if block is not None:
                stream.offer(select_rows(block, BOARD_COLUMNS))
                self._mark(stream)
        elif streams := self._shards[channel].streams:
            block = await self._snapshots.rows(self._stored.shards[channel])
            if block is not None:
                for stream in self._shards[channel].apply_whole(block, streams):
                    self._mark(stream)
        self._liveness.store_read()

    # --- Sending --------------------------------------------------------------------------------------------

    def _mark(self, stream: FeedStream) -> None:
        self._changed.add(stream)
        self._work.set()

    async def _send(self) -> None:
        """Emits what changed: at once where that is due, else when it becomes due."""
        timer: asyncio.TimerHandle | None = None
        while True:
            await self._work.wait()
            self._work.clear()
            if timer is not None:
                timer.cancel()
            with metrics.HUB_TICK_SECONDS.time():
                pause = self._emit_due()
            if pause is not None:
                timer = asyncio.get_running_loop().call_later(pause, self._work.set)

    def _emit_due(self) -> float | None:
        """Emit every changed feed that may send now; seconds until the next one may, None when none waits."""
        pauses = []
        for stream in tuple(self._changed):
            pause = stream.seconds_until_due()
            if pause > 0:
                pauses.append(pause)
            else:
                self._changed.discard(stream)
                if stream.subscribers:
                    self._emit(stream)
        return min(pauses, default=None)

    def _emit(self, stream: FeedStream) -> None:
        emission = stream.emit()
        if emission is None:
            return
        name = stream.feed.name
        if emission is Fresh.SNAPSHOT:
            for outbox in stream.subscribers:
                outbox.snapshot(name)
            return
        metrics.HUB_ENCODED_BYTES.labels("delta").inc(len(emission))
        for outbox in stream.subscribers:
            outbox.delta(name, emission)
        if (age := stream.age_ms()) is not None:
            metrics.WIDGET_FRAME_AGE_SECONDS.observe(age / 1_000)

    # --- Subscriptions --------------------------------------------------------------------------------------

    def _open(self, feed: Feed) -> FeedStream:
        stream = self._streams[feed.name] = FeedStream(feed, self._epoch, self._clock)
        if feed.kind is FeedKind.QUOTE:
            channel = self._stored.key(feed)
            self._shards[channel].watch(stream)
            self._want(channel)
        return stream

    def _leave(self, outbox: Outbox, name: str) -> None:
        stream = self._streams[name]
        stream.subscribers.discard(outbox)
        outbox.discard(name)
        if not stream.subscribers and stream.feed.kind is FeedKind.QUOTE:
            self._shards[self._stored.key(stream.feed)].unwatch(stream)
            self._changed.discard(stream)
            del self._streams[name]

    # --- Status and housekeeping ----------------------------------------------------------------------------

    def _send_status(self, outbox: Outbox) -> None:
        outbox.status(encode_answer(self._liveness.status()))

    def _send_status_when_due(self) -> None:
        status, now = self._liveness.status(), self._clock.monotonic()
        if status.state == self._status_state and now - self._status_sent_at < STATUS_INTERVAL_SECONDS:
            return
        if status.state != self._status_state:
            _log.info("market data status", state=status.state, detail=status.detail)
        self._status_state, self._status_sent_at = status.state, now
        text = encode_answer(status)
        for outbox in self._outboxes:
            outbox.status(text)

    async def _keep_house(self) -> None:
        while True:
            self._send_status_when_due()
            for outbox in tuple(self._outboxes):
                self._count(outbox)
                if outbox.stalled_seconds() >= self._longest_stall_seconds:
                    outbox.abandon()
            metrics.WIDGET_SUBSCRIPTIONS.set(sum(map(len, self._outboxes.values())))
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    @staticmethod
    def _count(outbox: Outbox) -> None:
        counts = outbox.collect_counts()
        for kind in ("answers", "statuses", "snapshots", "deltas"):
            metrics.WIDGET_FRAMES.labels(kind).inc(getattr(counts, kind))
        metrics.WIDGET_BYTES.inc(counts.characters)
        metrics.WIDGET_CONFLATED.inc(counts.conflated)
