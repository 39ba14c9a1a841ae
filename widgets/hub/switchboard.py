"""Who gets what: feeds, their subscribers, and the frames that go from the ones to the others."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from marketdata.tapes import StoredTape
from widgets.catalog import ALERTS, TRADES_PATTERN, Feed, FeedKind, StoredFeeds, feed_of
from widgets.hub.events import EventStream
from widgets.hub.rows import select_rows
from widgets.hub.shard import ShardWatch, Succession
from widgets.hub.stream import FeedStream, Fresh, Outgoing
from widgets.hub.tape import TapeStream
from widgets.outbox import Outbox


class Switchboard:
    """All feeds of the process within one epoch of the hub: blocks come in, frames go out, nothing waits.

    Boards and events are always kept, rows and trades of symbols while somebody watches them. `changed` is
    set when `emit_due` has work, `unread` when `take_unread` names channels whose keys are to be read, or
    `take_unread_tapes` symbols.
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
        self._boards = {
            name: FeedStream(feed_of(name), self._epoch, clock) for name in stored.boards.values()
        }
        self._events = {
            name: EventStream(feed_of(name), self._epoch, clock, stored.shards.values()) for name in ALERTS
        }
        self._rows: dict[str, FeedStream] = {}
        self._tapes: dict[str, TapeStream] = {}
        self._times = dict.fromkeys(stored.shards, (0, 0))
        self._changed_streams: set[Outgoing] = set()
        self._unread_channels: set[str] = set()
        self._unread_tapes: set[str] = set()
        for name, outboxes in (subscribers or {}).items():
            self._opened(feed_of(name)).subscribers = outboxes

    # --- Subscriptions --------------------------------------------------------------------------------------

    @property
    def subscribers(self) -> Mapping[str, set[Outbox]]:
        """Who subscribed to what, by feed."""
        kinds = (self._boards, self._events, self._rows, self._tapes)
        streams = [stream for kind in kinds for stream in kind.values()]
        return {stream.feed.name: stream.subscribers for stream in streams}

    def join(self, outbox: Outbox, feed: Feed) -> None:
        """Send a snapshot as soon as there is data, then what changes. Again: a new snapshot."""
        stream = self._opened(feed)
        if not stream.subscribers:
            self._emit(stream)  # nobody held it, so it may lag behind what was offered
        stream.subscribers.add(outbox)
        outbox.snapshot(feed.name)

    def leave(self, outbox: Outbox, name: str) -> None:
        """No frame of a feed that was joined follows."""
        outbox.discard(name)
        if (stream := self._held(name)) is None:
            return
        stream.subscribers.discard(outbox)
        if stream.subscribers:
            return
        if (row := self._rows.pop(name, None)) is not None:
            self._shards[self._stored.rows_channel(row.feed)].unwatch(row)
            self._changed_streams.discard(row)
        if (tape := self._tapes.pop(name, None)) is not None:
            self._changed_streams.discard(tape)

    def snapshot(self, name: str) -> str | None:
        """The text of a feed's newest snapshot; None before its first data."""
        stream = self._held(name)
        text = stream.snapshot() if stream is not None else None
        if text is not None:
            metrics.HUB_ENCODED_BYTES.labels("snapshot").inc(len(text))
        return text

    def _held(self, name: str) -> Outgoing | None:
        return (
            self._boards.get(name) or self._events.get(name) or self._rows.get(name) or self._tapes.get(name)
        )

    def _opened(self, feed: Feed) -> Outgoing:
        """The stream of a feed; one of a symbol is opened with its first subscriber."""
        if (held := self._held(feed.name)) is not None:
            return held
        if feed.kind is FeedKind.TRADES:
            tape = self._tapes[feed.name] = TapeStream(feed, self._epoch, self._clock)
            self.want_tapes((feed.symbol,))
            return tape
        if feed.kind is not FeedKind.ROW:
            raise ValueError(f"{feed.name} is not stored")
        stream = self._rows[feed.name] = FeedStream(feed, self._epoch, self._clock)
        channel = self._stored.rows_channel(feed)
        self._shards[channel].watch(stream)
        self.want(channel)
        return stream

    # --- Blocks in ------------------------------------------------------------------------------------------

    def take(self, channel: str, block: RowBlock) -> None:
        """Take over an announced block: a whole board, the changed rows of a shard, or its newest events."""
        if (board := self._stored.boards.get(channel)) is not None:
            self._take_board(board, block)
        elif (part := self._stored.streams.get(channel)) is not None:
            self._mark(self._offer_events(part.feed, part.shard, (block,)))
        else:
            self._take_changed_rows(channel, block)

    def missed(self) -> None:
        """Anything may have been announced unheard: read everything that is shown, and send it whole."""
        metrics.HUB_RESYNCS.labels("connected").inc()
        for shard in self._shards.values():
            shard.missed()
        for stream in (*self._boards.values(), *self._events.values()):
            stream.refresh()
        for tape in self._tapes.values():
            tape.refresh()
        self.want_tapes(tape.feed.symbol for tape in self._tapes.values())
        for channel in self._stored.channels:
            self.want(channel)

    def readers(self, channel: str) -> Sequence[FeedStream]:
        """The feeds that a stored board or the stored rows are good for, if they are read from now on."""
        if (board := self._stored.boards.get(channel)) is not None:
            return (self._boards[board],)
        return self._shards[channel].streams

    def take_stored(self, channel: str, block: RowBlock, readers: Sequence[FeedStream]) -> None:
        """Take over a stored whole for the feeds that were its readers before it was read."""
        if (board := self._stored.boards.get(channel)) is not None:
            self._take_board(board, block)
            self._mark(readers)
        else:
            self._mark(self._shards[channel].apply_whole(block, readers))

    def take_stored_events(self, channel: str, blocks: Iterable[RowBlock]) -> None:
        """Take over the stored list of a shard's events; what is known of it counts once."""
        part = self._stored.streams[channel]
        self._offer_events(part.feed, part.shard, blocks)
        self._events[part.feed].read(part.shard)
        self._mark((self._events[part.feed],))

    def take_stored_tapes(self, tapes: Mapping[str, StoredTape | None]) -> None:
        """Take over the tapes of symbols, None where there is none."""
        for symbol, stored in tapes.items():
            if (tape := self._tapes.get(TRADES_PATTERN.format(symbol=symbol))) is not None:
                tape.offer(stored, *self._times[self._stored.rows_channel(tape.feed)])
                self._mark((tape,))

    def want(self, channel: str) -> None:
        """Have a key read."""
        self._unread_channels.add(channel)
        self.unread.set()

    def want_tapes(self, symbols: Iterable[str]) -> None:
        """Have the tapes of symbols read."""
        self._unread_tapes.update(symbols)
        if self._unread_tapes:
            self.unread.set()

    def take_unread(self) -> set[str]:
        """The channels whose keys are to be read; they count as read from now on."""
        channels, self._unread_channels = self._unread_channels, set()
        self.unread.clear()
        return channels

    def take_unread_tapes(self) -> set[str]:
        """The symbols whose tapes are to be read, of those that are watched still."""
        symbols, self._unread_tapes = self._unread_tapes, set()
        return {symbol for symbol in symbols if TRADES_PATTERN.format(symbol=symbol) in self._tapes}

    def _take_board(self, name: str, block: RowBlock) -> None:
        stream = self._boards[name]
        if stream.offer(select_rows(block, stream.feed.columns)):
            self._mark((stream,))

    def _take_changed_rows(self, channel: str, block: RowBlock) -> None:
        shard = self._shards[channel]
        succession = shard.follow(block)
        if succession is Succession.KNOWN:
            return
        if succession is Succession.GAP:
            metrics.HUB_RESYNCS.labels("gap").inc()
            for stream in self._stored.streams_of(self._stored.shards[channel]):
                self.want(stream)  # what happened in the missed ticks, or under another owner
        self._mark(shard.apply_changed(block))
        if not shard.complete:
            self.want(channel)
        self._times[channel] = (block.received_ns, block.market_time_ms)
        self._want_changed_tapes(channel, None if succession is Succession.GAP else block.symbols)

    def _want_changed_tapes(self, channel: str, changed: Sequence[str] | None) -> None:
        """Have the tapes of a shard read whose rows changed; None: of all. A trade changes the row, too."""
        watched = {
            tape.feed.symbol
            for tape in self._tapes.values()
            if self._stored.rows_channel(tape.feed) == channel
        }
        self.want_tapes(watched if changed is None else watched.intersection(changed))

    def _offer_events(self, feed: str, shard: int, blocks: Iterable[RowBlock]) -> Sequence[EventStream]:
        stream = self._events[feed]
        return [stream for block in blocks if stream.offer(shard, block)]

    def _mark(self, streams: Sequence[Outgoing]) -> None:
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

    def _emit(self, stream: Outgoing) -> None:
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
