"""Feeds of one symbol's row in the market table: its quote, and views of some columns."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, TypeAlias

from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from marketdata.schema.stored import SCHEMA
from widgets.hub.feeds.feed import SYMBOL_TICK_HZ, Feed
from widgets.hub.feeds.rows import TableStream, select_rows
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream, KeptLonger
from widgets.hub.feeds.ticks import Succession, TickFollower

Group: TypeAlias = tuple[str, str]
"""Pattern and choice of a feed: the streams of a group differ in their symbols only."""


class RowSource(FeedSource):
    """The subscribed rows of all shards."""

    kind: ClassVar[str] = "row"
    permission: ClassVar[str] = "quotes"
    tick_hz: ClassVar[float] = SYMBOL_TICK_HZ
    feeds = MappingProxyType({view.feed: view.columns for view in SCHEMA.views})

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        self._kept_longer = KeptLonger()
        self._shards = {channel: ShardWatch() for channel in context.stored.shards}

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The rows of each shard."""
        return stored.shards.keys()

    def open(self, feed: Feed) -> FeedStream:
        """Begin to watch a row, and want its shard."""
        stream = TableStream(feed, self.context.clock, self._kept_longer)
        channel = self.context.stored.rows_channel(feed.symbol)
        self._shards[channel].watch(stream)
        self.want((channel,))
        return stream

    def close(self, stream: FeedStream) -> None:
        """Forget the row."""
        self._shards[self.context.stored.rows_channel(stream.feed.symbol)].unwatch(stream.feed)

    def take(self, channel: str, block: RowBlock) -> None:
        """Offer changed rows of a shard to their streams."""
        shard = self._shards[channel]
        succession = shard.follow(block)
        if succession is Succession.KNOWN:
            return
        if succession is Succession.GAP:
            metrics.HUB_RESYNCS.labels("gap").inc()
        self.context.mark(shard.apply_changed(block))
        if not shard.complete:
            self.want((channel,))

    def missed(self) -> None:
        """Want every shard."""
        for shard in self._shards.values():
            shard.missed()
        self.want(self._shards)

    async def restore(self, wanted: Sequence[str]) -> None:
        """Read all stored rows of a shard that has subscribed rows."""
        for channel in wanted:
            shard = self._shards[channel]
            if not (watched := shard.streams):
                continue
            block = await self.context.snapshots.rows(self.context.stored.shards[channel])
            if block is not None:
                self.context.mark(shard.apply_whole(block, watched))


class ShardWatch:
    """Which rows of a shard are watched, and whether its announcements follow each other.

    To join without a gap, a row is watched first, and then all stored rows are read. Of the two, the row with
    the newer tick counts (`TableStream.offer`).
    """

    def __init__(self) -> None:
        self._streams: dict[Group, dict[str, TableStream]] = {}
        self._incomplete: set[TableStream] = set()
        self._ticks = TickFollower()
        self._oldest_tick = 0
        self._switches: tuple[tuple[str, ...], Mapping[str, int]] = ((), {})

    @property
    def streams(self) -> tuple[TableStream, ...]:
        """The feeds that are watched now."""
        return tuple(stream for by_symbol in self._streams.values() for stream in by_symbol.values())

    @property
    def complete(self) -> bool:
        """Whether all stored rows were read after the last gap and after the begin of every watch."""
        return not self._incomplete

    def watch(self, stream: TableStream) -> None:
        """Begin to watch the row of a feed's symbol. Its shard must be read then, as of now or later."""
        self._oldest_tick = self._ticks.tick
        self._streams.setdefault(_group(stream.feed), {})[stream.feed.symbol] = stream
        self._incomplete.add(stream)

    def unwatch(self, feed: Feed) -> None:
        """Stop watching the row of a feed."""
        group = self._streams[_group(feed)]
        self._incomplete.discard(group.pop(feed.symbol))
        if not group:
            del self._streams[_group(feed)]

    def missed(self) -> None:
        """Note that announcements may have been missed: every feed needs the stored rows and a snapshot."""
        self._incomplete.update(self.streams)
        for stream in self.streams:
            stream.refresh()

    def follow(self, changed: RowBlock) -> Succession:
        """Note the announcement of changed rows. A gap counts as `missed`."""
        succession = self._ticks.follow(changed.epoch, changed.tick)
        switches = (changed.off, changed.partial)
        if succession is Succession.GAP:
            self._oldest_tick = changed.tick
            self.missed()
        elif switches != self._switches:  # also a symbol without a row must learn of it
            self._incomplete.update(self.streams)
        self._switches = switches
        return succession

    def apply_changed(self, changed: RowBlock) -> list[TableStream]:
        """Offer the changed rows to the feeds that watch them. Returns the streams that took one."""
        return [stream for by_symbol in self._streams.values() for stream in _offer_rows(changed, by_symbol)]

    def apply_whole(self, whole: RowBlock, streams: Sequence[TableStream]) -> list[TableStream]:
        """Offer all stored rows to feeds that were watched before the read. Returns those that took them.

        A symbol that is not in them has no row. Rows from before the last gap are ignored, and rows from
        before the last watch began: the cache may have lost the newest ones.
        """
        same_epoch = whole.epoch == self._ticks.epoch
        if same_epoch and whole.tick < self._oldest_tick:
            return []
        if not same_epoch or whole.tick > self._ticks.tick:
            self._oldest_tick = self._oldest_tick if same_epoch else 0
            self._ticks.go_on_from(whole.epoch, whole.tick)
        readers = set(streams)
        completed = [stream for stream in self.streams if stream in readers]
        for by_symbol in _grouped(completed):
            _offer_rows(whole, by_symbol)
            # A stream that was just offered its row ignores this empty block, which has the same tick.
            nothing = select_rows(whole, _columns(by_symbol), ())
            for stream in by_symbol.values():
                stream.offer(nothing)
        self._incomplete.difference_update(completed)
        return completed


def _group(feed: Feed) -> Group:
    return feed.pattern, feed.choice


def _columns(by_symbol: Mapping[str, TableStream]) -> tuple[str, ...]:
    """The columns of the streams of a group."""
    return next(iter(by_symbol.values())).feed.columns


def _grouped(streams: Iterable[TableStream]) -> Collection[Mapping[str, TableStream]]:
    grouped: dict[Group, dict[str, TableStream]] = {}
    for stream in streams:
        grouped.setdefault(_group(stream.feed), {})[stream.feed.symbol] = stream
    return grouped.values()


def _offer_rows(block: RowBlock, by_symbol: Mapping[str, TableStream]) -> list[TableStream]:
    """Offer the rows of a block to the streams of a group. Returns the streams that took one."""
    positions = [index for index, symbol in enumerate(block.symbols) if symbol in by_symbol]
    if not positions:
        return []
    rows = select_rows(block, _columns(by_symbol), positions)
    return [
        stream
        for position, symbol in enumerate(rows.symbols)
        if (stream := by_symbol[symbol]).offer(rows.only(position))
    ]
