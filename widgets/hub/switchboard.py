"""Who gets what: feeds, their subscribers, and the frames that go from the ones to the others."""

import asyncio
from collections.abc import Mapping, Sequence

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from widgets.catalog import BOARD_COLUMNS, Feed, FeedKind, StoredFeeds, feed_of
from widgets.hub.rows import select_rows
from widgets.hub.shard import ShardWatch, Succession
from widgets.hub.stream import FeedStream, Fresh
from widgets.outbox import Outbox


class Switchboard:
    """All feeds of the process within one epoch of the hub: blocks come in, frames go out, nothing waits.

    Boards are always kept, quotes while somebody watches them. `changed` is set when `emit_due` has work,
    `unread` when `take_unread` names channels whose stored wholes are to be read.
    """

    def __init__(
        self, stored: StoredFeeds, clock: Clock, subscribers: Mapping[str, set[Outbox]] | None = None
    ) -> None:
        self.changed = asyncio.Event()
        self.unread = asyncio.Event()
        self._stored = stored
        self._clock = clock
        self._epoch = str(clock.time_ns())
        self._shards = {channel: ShardWatch() for channel in stored.shards}
        self._streams: dict[str, FeedStream] = {}
        self._changed_streams: set[FeedStream] = set()
        self._unread_channels: set[str] = set()
        known = subscribers or {}
        for name in dict.fromkeys((*stored.boards.values(), *known)):
            self._open(feed_of(name)).subscribers = known.get(name, set())

    # --- Subscriptions --------------------------------------------------------------------------------------

    @property
    def subscribers(self) -> Mapping[str, set[Outbox]]:
        """Who subscribed to what, by feed."""
        return {name: stream.subscribers for name, stream in self._streams.items()}

    def join(self, outbox: Outbox, feed: Feed) -> None:
        """Send a snapshot as soon as there is data, then deltas. Again: a new snapshot."""
        stream = self._streams.get(feed.name) or self._open(feed)
        if not stream.subscribers:
            self._emit(stream)  # nobody held it, so it may lag behind what was offered
        stream.subscribers.add(outbox)
        outbox.snapshot(feed.name)

    def leave(self, outbox: Outbox, name: str) -> None:
        """No frame of a feed that was joined follows."""
        stream = self._streams[name]
        stream.subscribers.discard(outbox)
        outbox.discard(name)
        if not stream.subscribers and stream.feed.kind is FeedKind.QUOTE:
            self._shards[self._stored.key(stream.feed)].unwatch(stream)
            self._changed_streams.discard(stream)
            del self._streams[name]

    def snapshot(self, name: str) -> str | None:
        """The text of a feed's newest snapshot; None before its first data."""
        stream = self._streams.get(name)
        text = stream.snapshot() if stream is not None else None
        if text is not None:
            metrics.HUB_ENCODED_BYTES.labels("snapshot").inc(len(text))
        return text

    def _open(self, feed: Feed) -> FeedStream:
        stream = self._streams[feed.name] = FeedStream(feed, self._epoch, self._clock)
        if feed.kind is FeedKind.QUOTE:
            channel = self._stored.key(feed)
            self._shards[channel].watch(stream)
            self.want(channel)
        return stream

    # --- Blocks in ------------------------------------------------------------------------------------------

    def take(self, channel: str, block: RowBlock) -> None:
        """Take over an announced block: a whole board, or the changed rows of a shard."""
        if channel in self._stored.boards:
            self._take_board(channel, block)
            return
        shard = self._shards[channel]
        succession = shard.follow(block)
        if succession is Succession.KNOWN:
            return
        if succession is Succession.GAP:
            metrics.HUB_RESYNCS.labels("gap").inc()
        self._mark(shard.apply_changed(block))
        if not shard.complete:
            self.want(channel)

    def missed(self) -> None:
        """Anything may have been announced unheard: read everything that is shown, and send it whole."""
        metrics.HUB_RESYNCS.labels("connected").inc()
        for shard in self._shards.values():
            shard.missed()
        for name in self._stored.boards.values():
            self._streams[name].refresh()
        for channel in self._stored.channels:
            self.want(channel)

    def readers(self, channel: str) -> Sequence[FeedStream]:
        """The feeds that a stored whole is good for, if it is read from now on."""
        if (board := self._stored.boards.get(channel)) is not None:
            return (self._streams[board],)
        return self._shards[channel].streams

    def take_stored(self, channel: str, block: RowBlock, readers: Sequence[FeedStream]) -> None:
        """Take over a stored whole for the feeds that were its readers before it was read."""
        if channel in self._stored.boards:
            self._take_board(channel, block)
            self._mark(readers)
        else:
            self._mark(self._shards[channel].apply_whole(block, readers))

    def want(self, channel: str) -> None:
        """Have a key read."""
        self._unread_channels.add(channel)
        self.unread.set()

    def take_unread(self) -> set[str]:
        """The channels whose keys are to be read; they count as read from now on."""
        channels, self._unread_channels = self._unread_channels, set()
        self.unread.clear()
        return channels

    def _take_board(self, channel: str, block: RowBlock) -> None:
        stream = self._streams[self._stored.boards[channel]]
        if stream.offer(select_rows(block, BOARD_COLUMNS)):
            self._mark((stream,))

    def _mark(self, streams: Sequence[FeedStream]) -> None:
        if streams:
            self._changed_streams.update(streams)
            self.changed.set()

    # --- Frames out -----------------------------------------------------------------------------------------

    def emit_due(self) -> float | None:
        """Emit every changed feed that may send now; seconds until the next one may, None when none waits."""
        self.changed.clear()
        pauses = []
        for stream in tuple(self._changed_streams):
            pause = stream.seconds_until_due()
            if pause > 0:
                pauses.append(pause)
            else:
                self._changed_streams.discard(stream)
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
