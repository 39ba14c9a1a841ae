"""Feeds of alerts: the newest entries of a stream, merged from all shards."""

import bisect
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import ClassVar, Final, TypeAlias

import msgspec
import numpy as np

from marketdata.clock import Clock
from marketdata.errors import ContentError
from marketdata.observability.logs import get_logger
from marketdata.payloads import RowBlock
from widgets.hub.feeds.feed import SYMBOL_TICK_HZ, Feed
from widgets.hub.feeds.rows import FeedRows, decimals_of, select_rows
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import STREAMS_OF_FEEDS, StoredFeeds, stream_parts
from widgets.hub.feeds.stream import ROWS_HELD, FeedStream
from widgets.hub.feeds.ticks import Succession, TickFollower
from widgets.protocol import NO_MARKS, ColumnMarks, EmittedRows, FeedAlert, FeedEmission

Order: TypeAlias = tuple[int, int, int, int]

Switches: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], Mapping[str, int]]
"""What a tick says of switches: columns and streams that are off, and partial columns."""

SIMULTANEOUS_NS: Final = 1_000_000_000
"""Blocks published within this time keep their order of arrival, once one of them was sent."""

_BEFORE_ALL: Final[Order] = (0, 0, 0, 0)

_log = get_logger(__name__)


class EventSource(FeedSource):
    """All feeds of alerts. They are kept also without subscribers."""

    kind: ClassVar[str] = "events"
    permission: ClassVar[str] = "alerts"
    tick_hz: ClassVar[float] = SYMBOL_TICK_HZ
    feeds = MappingProxyType({feed: stream.entry_columns for feed, stream in STREAMS_OF_FEEDS.items()})

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        stored = context.stored
        self._parts = stream_parts(stored)
        self._usual = {
            name: EventStream(self.named(name), context.new_epoch(), context.clock, stored.shards.values())
            for name in self.feeds
        }
        # Of each feed: the usual stream, and those of the choices that are subscribed to.
        self._streams = {name: [stream] for name, stream in self._usual.items()}
        self._ticks = {channel: TickFollower() for channel in stored.shards}
        self._switches: dict[str, Switches] = {}

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The streams and the rows of each shard: only the ticks of rows have no gaps."""
        return (*stream_parts(stored), *stored.shards)

    def open(self, feed: Feed) -> FeedStream:
        """The stream of the feed. One of another choice begins with the newest entries."""
        usual = self._usual[feed.name]
        if feed == usual.feed:
            return usual
        stream = usual.chosen(feed, self.context.new_epoch())
        self._streams[feed.name].append(stream)
        return stream

    def close(self, stream: FeedStream) -> None:
        """Forget the stream of a choice. The usual one is kept without subscribers."""
        name = stream.feed.name
        self._streams[name] = [
            each for each in self._streams[name] if each is not stream or each is self._usual[name]
        ]

    def take(self, channel: str, block: RowBlock) -> None:
        """Offer new entries of a shard to the stream, or follow the ticks of its rows."""
        if (part := self._parts.get(channel)) is not None:
            self._offer(part.feed, part.shard, (block,))
            return
        self._follow_switches(channel, block)
        if self._ticks[channel].follow(block.epoch, block.tick) is Succession.GAP:
            # Entries of the missed ticks, or of another owner.
            shard = self.context.stored.shards[channel]
            self.want(each for each, part in self._parts.items() if part.shard == shard)

    def _follow_switches(self, channel: str, block: RowBlock) -> None:
        """Mark the columns of all streams, if operators have switched something since the last tick."""
        shard, header = self.context.stored.shards[channel], (block.off, block.off_streams, block.partial)
        if self._switches.get(channel, ((), (), {})) == header:
            return
        self._switches[channel] = header
        for name, streams in self._streams.items():
            for stream in streams:
                stream.mark(shard, _marks_of(name, block))
            self.context.mark(streams)

    def missed(self) -> None:
        """Want every stored list."""
        for streams in self._streams.values():
            for stream in streams:
                stream.refresh()
        self.want(self._parts)

    async def restore(self, wanted: Sequence[str]) -> None:
        """Read the stored lists of shards. A list that cannot be read counts as empty."""
        for channel in wanted:
            part = self._parts[channel]
            blocks: Sequence[RowBlock] = ()
            try:
                # A block has at least one entry, so older blocks are not needed.
                blocks = await self.context.snapshots.stream(part.shard, part.stream, ROWS_HELD)
            except ContentError as error:
                _log.error("stored events cannot be read", key=channel, error=str(error))
            self._offer(part.feed, part.shard, blocks)
            streams = self._streams[part.feed]
            for stream in streams:
                stream.read(part.shard)
            self.context.mark(streams)

    def _offer(self, feed: str, shard: int, blocks: Iterable[RowBlock]) -> None:
        self.context.mark(
            [stream for block in blocks for stream in self._streams[feed] if stream.offer(shard, block)]
        )


class _Published(msgspec.Struct, frozen=True):
    """The entries of one block. `identity` is its shard, epoch and tick.

    `order` is the sort key among all blocks: by time of publication.
    """

    identity: tuple[int, int, int]
    order: Order
    rows: FeedRows


class EventStream(FeedStream):
    """The newest `ROWS_HELD` entries of a feed, oldest first.

    A block is identified by shard, epoch and tick, and counts once, however often it is announced or read.
    Announced and stored blocks are merged. So a store that lost its lists removes nothing, and a missed block
    is inserted when it is read. Every process that read the same blocks has the same entries. Shards tick
    together, and their clocks differ a little: such a difference alone puts no block before a sent one.

    Nothing is sent before the stored list of every shard was read: a client's first snapshot is complete.
    """

    def __init__(self, feed: Feed, epoch: int, clock: Clock, shards: Iterable[int]) -> None:
        super().__init__(feed, epoch, clock)
        self._unread = set(shards)
        self._blocks: list[_Published] = []
        self._held: tuple[_Published, ...] | None = None
        self._marks_of: dict[int, ColumnMarks] = {}

    def chosen(self, feed: Feed, epoch: int) -> "EventStream":
        """A stream of another choice of this feed, with the same entries."""
        stream = EventStream(feed, epoch, self._clock, self._unread)
        for shard, marks in self._marks_of.items():
            stream.mark(shard, marks)
        stream._blocks = [
            msgspec.structs.replace(each, rows=each.rows.picked(feed.columns)) for each in self._blocks
        ]
        return stream

    def mark(self, shard: int, marks: ColumnMarks) -> None:
        """Mark the columns as they are in a shard. The next emission is a snapshot."""
        self._marks_of[shard] = marks.picked(self.feed.columns)
        self.refresh()

    def read(self, shard: int) -> None:
        """Note that the stored list of a shard was read, and all its blocks offered."""
        self._unread.discard(shard)

    def offer(self, shard: int, block: RowBlock) -> bool:
        """Take the entries of a block. Returns False if it is known, or older than all held blocks."""
        identity = (shard, block.epoch, block.tick)
        order = (block.published_ns, shard, block.tick, 0)
        if not len(block) or self._is_too_old(order) or any(b.identity == identity for b in self._blocks):
            return False
        sent = self._held[-1].order if self._held else _BEFORE_ALL
        if order <= sent and sent[0] - order[0] < SIMULTANEOUS_NS:
            order = _after(self._blocks[-1].order)
        self._snapshot_due = self._snapshot_due or order <= sent
        newest = range(max(0, len(block) - ROWS_HELD), len(block))
        rows = select_rows(block, self.feed.columns, newest, fill=True)
        bisect.insort(self._blocks, _Published(identity, order, rows), key=_order)
        self._forget_oldest()
        return True

    def emit(self) -> FeedEmission | None:
        """Move on to all offered entries. Returns an alert, a snapshot, or None if nothing changed."""
        if self._unread:
            return None
        before, self._held = self._held, tuple(self._blocks)
        rows = [each.rows for each in self._held]
        self._times = (
            max((each.received_ns for each in rows), default=0),
            max((each.market_time_ms for each in rows), default=0),
        )
        if before is None or self._snapshot_due:
            return self._advance_to_snapshot()
        last = before[-1].order if before else _BEFORE_ALL
        new = self._held[bisect.bisect_right(self._held, last, key=_order) :]
        if not new:
            return None
        return FeedAlert(self._advance(), self._rows_of(new))

    def _all_rows(self) -> EmittedRows:
        return self._rows_of(self._held or ())

    def _marks(self) -> ColumnMarks:
        return functools.reduce(ColumnMarks.joined, self._marks_of.values(), NO_MARKS)

    def _limit(self) -> int:
        return ROWS_HELD

    def _is_too_old(self, order: Order) -> bool:
        return bool(self._blocks) and order < self._blocks[0].order and self._count() >= ROWS_HELD

    def _count(self) -> int:
        return sum(len(each.rows.symbols) for each in self._blocks)

    def _forget_oldest(self) -> None:
        """Drop the blocks without one of the newest entries. If they arrive again, they are too old."""
        sizes = [len(each.rows.symbols) for each in reversed(self._blocks)]
        needed = bisect.bisect_left(list(accumulate(sizes)), ROWS_HELD) + 1
        del self._blocks[:-needed]

    def _rows_of(self, blocks: Sequence[_Published]) -> EmittedRows:
        columns = self.feed.columns
        symbols = [symbol for each in blocks for symbol in each.rows.symbols][-ROWS_HELD:]
        empty = np.empty((0, len(columns)))
        values = np.concatenate([empty, *(each.rows.values for each in blocks)])[-ROWS_HELD:]
        return EmittedRows(symbols, columns, decimals_of(columns), values)


def _marks_of(feed: str, block: RowBlock) -> ColumnMarks:
    """The marks of a stream, from a tick of its shard."""
    stream = STREAMS_OF_FEEDS[feed]
    columns = stream.entry_columns
    return ColumnMarks(columns) if stream.name in block.off_streams else ColumnMarks.of(block, columns)


def _after(order: Order) -> Order:
    published_ns, shard, tick, step = order
    return (published_ns, shard, tick, step + 1)


def _order(published: _Published) -> Order:
    return published.order
