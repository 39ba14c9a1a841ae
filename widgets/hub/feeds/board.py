"""Feeds of boards. A board is stored as a block in rank order, and announced whole."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import ClassVar

from marketdata.payloads import RowBlock
from marketdata.schema.stored import SCHEMA
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.rows import TableStream, select_rows
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream


class BoardSource(FeedSource):
    """All boards. They are kept also without subscribers."""

    kind: ClassVar[str] = "board"
    permission: ClassVar[str] = "boards"
    feeds = MappingProxyType({board.name: SCHEMA.board_columns(board) for board in SCHEMA.boards})

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        self._names = context.stored.boards
        self._streams = {
            name: TableStream(self.named(name), context.epoch, context.clock) for name in self._names.values()
        }

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The channel of each board."""
        return stored.boards.keys()

    def open(self, feed: Feed) -> FeedStream:
        """The stream of the board."""
        return self._streams[feed.name]

    def close(self, stream: FeedStream) -> None:
        """Keep the stream: boards are kept without subscribers."""

    def take(self, channel: str, block: RowBlock) -> None:
        """Offer the announced board to its stream."""
        stream = self._streams[self._names[channel]]
        if stream.offer(select_rows(block, stream.feed.columns)):
            self.context.mark((stream,))

    def missed(self) -> None:
        """Want every board."""
        for stream in self._streams.values():
            stream.refresh()
        self.want(self._names)

    async def restore(self, wanted: Sequence[str]) -> None:
        """Read the stored boards."""
        for channel in wanted:
            name = self._names[channel]
            block = await self.context.snapshots.board(name)
            if block is not None:
                self.take(channel, block)
                # Something may have been missed: a board that did not change is sent whole, too.
                self.context.mark((self._streams[name],))
