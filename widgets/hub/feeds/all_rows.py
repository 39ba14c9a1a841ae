"""The feed of the rows of all symbols, of some columns. It is held only while somebody subscribes to it."""

import functools
from collections.abc import Collection, Sequence
from itertools import count
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from marketdata.clock import Clock
from marketdata.payloads import RowBlock
from marketdata.schema import SYMBOL_PLACEHOLDER
from marketdata.schema.stored import SCHEMA
from widgets.hub.feeds.feed import Feed, FeedBounds
from widgets.hub.feeds.rows import FeedRows, Matrix, TableStream, select_rows
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream
from widgets.hub.feeds.ticks import Succession, TickFollower
from widgets.protocol import NO_MARKS, ColumnMarks, FeedEmission

_ONE: Final = SCHEMA.views[0]
"""The view of the whole row of one symbol."""

_ALL: Final = _ONE.feed.replace(SYMBOL_PLACEHOLDER, "*")


class AllRowsSource(FeedSource):
    """The rows of all shards, while somebody subscribes. Each choice of columns has a table of its own.

    A shard is joined without a gap: its stored rows are read, and count if they are as new as its newest
    announcement. Otherwise they are read again. Until then its changes are in no table.
    """

    kind: ClassVar[str] = "all_rows"
    permission: ClassVar[str] = "quotes"
    feeds = MappingProxyType({_ALL: _ONE.columns})
    bounds = MappingProxyType({_ALL: FeedBounds(most_columns=10, fastest_hz=1)})

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        self._streams: list[AllRowsStream] = []
        self._ticks = {channel: TickFollower() for channel in context.stored.shards}

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The rows of each shard."""
        return stored.shards.keys()

    def open(self, feed: Feed) -> FeedStream:
        """Begin a table, and want all shards."""
        stream = AllRowsStream(feed, self.context.new_epoch(), self.context.clock, self._ticks)
        self._streams.append(stream)
        self.want(self._ticks)
        return stream

    def close(self, stream: FeedStream) -> None:
        """Forget the table."""
        self._streams = [each for each in self._streams if each is not stream]

    def take(self, channel: str, block: RowBlock) -> None:
        """Put changed rows of a shard into the tables that have its rows."""
        succession = self._ticks[channel].follow(block.epoch, block.tick)
        if succession is Succession.KNOWN or not self._streams:
            return
        if succession is Succession.GAP:
            for stream in self._streams:
                stream.lose(channel)
        self.context.mark([stream for stream in self._streams if stream.change(channel, block)])
        if any(stream.lacks(channel) for stream in self._streams):
            self.want((channel,))

    def missed(self) -> None:
        """Want every shard."""
        for stream in self._streams:
            stream.refresh()
            for channel in self._ticks:
                stream.lose(channel)
        if self._streams:
            self.want(self._ticks)

    async def restore(self, wanted: Sequence[str]) -> None:
        """Read the stored rows of shards that a table lacks."""
        for channel in wanted:
            lacking = [stream for stream in self._streams if stream.lacks(channel)]
            if not lacking:
                continue
            block = await self.context.snapshots.rows(self.context.stored.shards[channel])
            if block is None:
                continue
            ticks = self._ticks[channel]
            if block.epoch == ticks.epoch and block.tick < ticks.tick:
                self.want((channel,))
                continue
            ticks.go_on_from(block.epoch, block.tick)
            for stream in self._streams:
                stream.replace(channel, block)
            self.context.mark(self._streams)


class AllRowsStream(TableStream):
    """A table of the rows of all shards, in the order in which their symbols came.

    The shards tick independently, so the table counts its own emitted states. Nothing is sent before all
    shards have been read.
    """

    def __init__(self, feed: Feed, epoch: int, clock: Clock, channels: Collection[str]) -> None:
        super().__init__(feed, clock)
        self._table_epoch = epoch
        self._tick = 0
        self._lacking = set(channels)
        self._unread = set(channels)
        self._is_changed = False
        self._places: dict[str, int] = {}
        self._symbols_of: dict[str, set[str]] = {channel: set() for channel in channels}
        self._values: Matrix = np.empty((0, len(feed.columns)))
        self._newest_times = (0, 0)
        self._marks_of = dict.fromkeys(channels, NO_MARKS)

    def lacks(self, channel: str) -> bool:
        """Whether the rows of a shard must be read."""
        return channel in self._lacking

    def lose(self, channel: str) -> None:
        """Note that changes of a shard were missed."""
        self._lacking.add(channel)

    def change(self, channel: str, block: RowBlock) -> bool:
        """Put changed rows into the table. Returns False if the shard must be read first."""
        if channel in self._lacking:
            return False
        self._put(channel, block)
        return True

    def replace(self, channel: str, block: RowBlock) -> None:
        """Put all rows of a shard into the table, and remove those that it no longer has."""
        if gone := self._symbols_of[channel].difference(block.symbols):
            kept = [(symbol, place) for symbol, place in self._places.items() if symbol not in gone]
            self._values = self._values[[place for _symbol, place in kept]]
            self._places = {symbol: place for place, (symbol, _place) in enumerate(kept)}
            self._symbols_of[channel] -= gone
        self._put(channel, block)
        self._lacking.discard(channel)
        self._unread.discard(channel)

    def emit(self) -> FeedEmission | None:
        """Move on to the rows as they are now."""
        if self._unread:
            return None
        if self._is_changed:
            self._is_changed = False
            self._tick += 1
            self.offer(self._rows_now())
        return super().emit()

    def _put(self, channel: str, block: RowBlock) -> None:
        times = zip(self._newest_times, (block.received_ns, block.market_time_ms), strict=True)
        received_ns, market_time_ms = map(max, times)
        self._newest_times = (received_ns, market_time_ms)
        self._is_changed = True
        self._marks_of[channel] = ColumnMarks.of(block, self.feed.columns)
        self._symbols_of[channel].update(block.symbols)
        new = [symbol for symbol in block.symbols if symbol not in self._places]
        if new:
            self._places.update(zip(new, count(len(self._places))))
            added = np.full((len(new), self._values.shape[1]), np.nan)
            self._values = np.concatenate((self._values, added))
        if block.symbols:
            rows = select_rows(block, self.feed.columns, fill=True)
            self._values[[self._places[symbol] for symbol in block.symbols]] = rows.values

    def _rows_now(self) -> FeedRows:
        received_ns, market_time_ms = self._newest_times
        return FeedRows(
            epoch=self._table_epoch,
            tick=self._tick,
            received_ns=received_ns,
            market_time_ms=market_time_ms,
            symbols=tuple(self._places),
            columns=self.feed.columns,
            values=self._values.copy(),
            marks=functools.reduce(ColumnMarks.joined, self._marks_of.values()),
        )
