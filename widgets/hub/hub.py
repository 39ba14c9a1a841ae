"""The tasks of the hub: hear the news, send what changed, re-read what was missed, say how things stand."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from marketdata.clock import Clock
from marketdata.errors import ContentError, StoreUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from marketdata.runtime.cancellation import end, run_together
from marketdata.store.announcements import Announcement, News
from marketdata.tapes import StoredTape
from widgets.catalog import EVENTS_HELD, Feed, FeedKind, StoredFeeds
from widgets.data_state import DataState
from widgets.hub.listener_watch import ListenerRecord, ListenerWatch
from widgets.hub.liveness import Liveness
from widgets.hub.switchboard import Switchboard
from widgets.hub.verdict import FRESH_SECONDS
from widgets.outbox import Outbox
from widgets.protocol import Status, encode_answer

STATUS_INTERVAL_SECONDS: Final = 5.0
HOUSEKEEPING_SECONDS: Final = 1.0
# While data is not live the state is looked at this often, however many shards and boards speak.
LOOK_SECONDS: Final = 0.25
LONGEST_STALL_SECONDS: Final = 30.0
READ_INTERVAL_SECONDS: Final = 0.25
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

    async def stream(self, shard: int, name: str, newest: int) -> Sequence[RowBlock]:
        """What happened in a shard, oldest first: the `newest` blocks."""

    async def tapes(self, symbols: Sequence[str]) -> Sequence[StoredTape | None]:
        """The stored tapes of symbols."""


class Hub:
    """Everything that connections of this process have in common.

    It keeps the newest block of each board, makes one frame per feed and tick, and hands the same text to
    every subscriber's outbox; rows are kept of symbols that somebody watches. It starts with the process,
    at the latest with its first connection.

    Concurrency: all methods belong to one event loop and none but `stop` waits; a slow connection
    therefore cannot hold up another.
    """

    def __init__(
        self,
        *,
        announcements: Announcements,
        snapshots: Snapshots,
        listener: ListenerRecord,
        stored: StoredFeeds,
        clock: Clock,
        fresh_seconds: float = FRESH_SECONDS,
        longest_stall_seconds: float = LONGEST_STALL_SECONDS,
    ) -> None:
        self._announcements = announcements
        self._snapshots = snapshots
        self._stored = stored
        self._clock = clock
        self._longest_stall_seconds = longest_stall_seconds
        self._liveness = Liveness(stored, clock, fresh_seconds)
        self._listener_watch = ListenerWatch(listener, self._liveness)
        self._outboxes: dict[Outbox, set[str]] = {}
        self._status: Status | None = None
        self._sent_status: Status | None = None
        self._status_sent_at = self._looked_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._switchboard = Switchboard(stored, clock)

    # --- For connections ------------------------------------------------------------------------------------

    def attach(self, outbox: Outbox) -> None:
        """Let a connection have the status from now on; starts the hub when it is the first."""
        self.start()
        self._outboxes[outbox] = set()
        self._send_status(outbox)

    def detach(self, outbox: Outbox) -> None:
        """End all that a connection had."""
        for name in self._outboxes.pop(outbox, ()):
            self._switchboard.leave(outbox, name)
        _count_sent(outbox)

    def subscribe(self, outbox: Outbox, feed: Feed) -> None:
        """Send a snapshot as soon as there is data, then deltas. Again: a new snapshot."""
        if feed.kind is FeedKind.STATUS:
            self._send_status(outbox)
        else:
            self._outboxes[outbox].add(feed.name)
            self._switchboard.join(outbox, feed)

    def unsubscribe(self, outbox: Outbox, feed: Feed) -> None:
        """No frame of the feed follows."""
        if feed.name in self._outboxes[outbox]:
            self._outboxes[outbox].discard(feed.name)
            self._switchboard.leave(outbox, feed.name)

    def snapshot(self, feed: str) -> str | None:
        """The text of a feed's newest snapshot; None before its first data. For `Outbox.write`."""
        return self._switchboard.snapshot(feed)

    def pending_frames(self) -> Sequence[int]:
        """How many frames wait for each connection."""
        return [len(outbox) for outbox in self._outboxes]

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
        return self._status

    async def _supervise(self) -> None:
        while True:
            try:
                await run_together(
                    self._hear(), self._send(), self._read(), self._keep_house(), self._listener_watch.run()
                )
            except Exception as failure:  # noqa: BLE001 - a boundary: one defect must not end all feeds
                self._trouble = f"{type(failure).__name__}: {failure}"
                metrics.HUB_RESTARTS.inc()
                _log.exception("hub failed, starting over", trouble=self._trouble)
            await asyncio.sleep(RESTART_SECONDS)
            # Only who subscribed to what is kept: the next frames are snapshots of a new epoch.
            self._switchboard = Switchboard(self._stored, self._clock, self._switchboard.subscribers)
            self._trouble = ""

    # --- The tasks ------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Takes over what is announced."""
        async for news in self._announcements:
            if isinstance(news, Announcement):
                self._liveness.heard(news.channel, news.block.received_ns)
                self._switchboard.take(news.channel, news.block)
                if self._may_have_recovered():
                    self._send_status_when_due()
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

    async def _read(self) -> None:
        """Reads what is wanted from the store: a key once per `READ_INTERVAL_SECONDS`, whoever asks."""
        switchboard = self._switchboard
        while True:
            await switchboard.unread.wait()
            pause = READ_INTERVAL_SECONDS
            for channel in switchboard.take_unread():
                try:
                    await self._read_key(channel)
                except StoreUnavailable:
                    self._liveness.store_failed()
                    switchboard.want(channel)
                    pause = RETRY_SECONDS
                except ContentError as error:
                    _log.error("stored block cannot be read", key=channel, error=str(error))
            if not await self._read_tapes():
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _read_tapes(self) -> bool:
        """Reads the tapes that are wanted in one go; False while the store is away."""
        symbols = tuple(self._switchboard.take_unread_tapes())
        if not symbols:
            return True
        try:
            tapes = await self._snapshots.tapes(symbols)
        except StoreUnavailable:
            self._liveness.store_failed()
            self._switchboard.want_tapes(symbols)
            return False
        self._switchboard.take_stored_tapes(dict(zip(symbols, tapes, strict=True)))
        return True

    async def _read_key(self, channel: str) -> None:
        if channel in self._stored.streams:
            await self._read_stream(channel)
            return
        readers = self._switchboard.readers(channel)
        if not readers:
            return
        if (board := self._stored.boards.get(channel)) is not None:
            block = await self._snapshots.board(board)
        else:
            block = await self._snapshots.rows(self._stored.shards[channel])
        if block is not None:
            self._switchboard.take_stored(channel, block, readers)

    async def _read_stream(self, channel: str) -> None:
        part = self._stored.streams[channel]
        blocks: Sequence[RowBlock] = ()
        try:
            # A block holds at least one event, so no older one is needed.
            blocks = await self._snapshots.stream(part.shard, part.stream, EVENTS_HELD)
        except ContentError as error:
            _log.error("stored events cannot be read", key=channel, error=str(error))
        self._switchboard.take_stored_events(channel, blocks)

    async def _keep_house(self) -> None:
        """Says how things stand, gives up who stalls, and counts."""
        while True:
            self._send_status_when_due()
            for outbox in tuple(self._outboxes):
                _count_sent(outbox)
                if outbox.stalled_seconds() >= self._longest_stall_seconds:
                    outbox.abandon()
            self._liveness.show_on_metrics()
            metrics.WIDGET_SUBSCRIPTIONS.set(sum(map(len, self._outboxes.values())))
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    # --- Status ---------------------------------------------------------------------------------------------

    def _send_status(self, outbox: Outbox) -> None:
        if self._liveness.is_known:
            outbox.status(encode_answer(self._liveness.status()))

    def _may_have_recovered(self) -> bool:
        is_live = self._sent_status is not None and self._sent_status.state is DataState.LIVE
        return not is_live and self._clock.monotonic() - self._looked_at >= LOOK_SECONDS

    def _send_status_when_due(self) -> None:
        self._looked_at = self._clock.monotonic()
        if not self._liveness.is_known:
            return
        self._status = status = self._liveness.status()
        before, now = self._sent_status, self._looked_at
        if before is not None and status.state is before.state:
            # Other words for the same state come with the housekeeping, not with each announcement.
            same = msgspec.structs.replace(status, age_ms=before.age_ms) == before
            if now - self._status_sent_at < (STATUS_INTERVAL_SECONDS if same else HOUSEKEEPING_SECONDS):
                return
        else:
            _log.info("market data status", state=status.state, detail=status.detail)
        self._sent_status, self._status_sent_at = status, now
        text = encode_answer(status)
        for outbox in self._outboxes:
            outbox.status(text)


def _count_sent(outbox: Outbox) -> None:
    counts = outbox.collect_counts()
    for kind in ("answers", "statuses", "snapshots", "deltas"):
        metrics.WIDGET_FRAMES.labels(kind).inc(getattr(counts, kind))
    metrics.WIDGET_BYTES.inc(counts.characters)
    metrics.WIDGET_CONFLATED.inc(counts.conflated)
