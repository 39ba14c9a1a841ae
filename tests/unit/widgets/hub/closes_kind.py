"""A further kind of feed, as one file: `closes:{symbol}`, the last prices at which a symbol's row changed."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from marketdata.clock import Clock
from marketdata.payloads import RowBlock
from widgets.hub.feeds import Feed, FeedContext, FeedSource, FeedStream, StoredFeeds
from widgets.protocol import EmittedRows, FeedAppend, FeedEmission

CLOSES_HELD: Final = 3


class ClosesSource(FeedSource):
    """Follows the changed rows, and begins with the stored one."""

    kind: ClassVar[str] = "closes"
    permission: ClassVar[str] = "quotes"
    feeds = MappingProxyType({"closes:{symbol}": ("close",)})

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        self._streams: dict[str, ClosesStream] = {}

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The rows of each shard."""
        return stored.shards.keys()

    def open(self, feed: Feed) -> FeedStream:
        """Begin to watch a symbol."""
        stream = self._streams[feed.symbol] = ClosesStream(feed, self.context.new_epoch(), self.context.clock)
        self.want((self.context.stored.rows_channel(feed.symbol),))
        return stream

    def close(self, stream: FeedStream) -> None:
        """Forget it."""
        del self._streams[stream.feed.symbol]

    def take(self, channel: str, block: RowBlock) -> None:
        """The changed rows of a shard."""
        for symbol, close in zip(block.symbols, block.columns.get("close", ()), strict=False):
            if (stream := self._streams.get(symbol)) is not None:
                stream.offer(close, block)
                self.context.mark((stream,))

    def missed(self) -> None:
        """Read every shard of a symbol that is watched."""
        for stream in self._streams.values():
            stream.refresh()
            self.want((self.context.stored.rows_channel(stream.feed.symbol),))

    async def restore(self, wanted: Sequence[str]) -> None:
        """The stored rows of a shard."""
        for channel in wanted:
            block = await self.context.snapshots.rows(self.context.stored.shards[channel])
            if block is not None:
                self.take(channel, block)


class ClosesStream(FeedStream):
    """The newest closes of a symbol, oldest first."""

    def __init__(self, feed: Feed, epoch: int, clock: Clock) -> None:
        super().__init__(feed, epoch, clock)
        self._held: list[float] = []
        self._new: list[float] = []

    def offer(self, close: float, block: RowBlock) -> None:
        """One more close."""
        self._new.append(close)
        self._times = (block.received_ns, block.market_time_ms)

    def emit(self) -> FeedEmission | None:
        """The new ones, or all where something may have been missed."""
        new, self._new = self._new, []
        if not new:
            return None
        is_first = not self._held
        self._held = [*self._held, *new][-CLOSES_HELD:]
        if self._snapshot_due or is_first:
            return self._advance_to_snapshot()
        return FeedAppend(self._advance(), self._rows_of(new))

    def _all_rows(self) -> EmittedRows:
        return self._rows_of(self._held)

    def _limit(self) -> int:
        return CLOSES_HELD

    def _rows_of(self, closes: Sequence[float]) -> EmittedRows:
        values = np.array(closes, dtype=np.float64).reshape(len(closes), 1)
        return EmittedRows([self.feed.symbol] * len(closes), self.feed.columns, (4,), values)
