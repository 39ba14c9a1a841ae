"""Boards: each is a stored block in rank order, announced whole."""

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
    """All boards; they are kept whether or not somebody subscribed."""

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
        """One for each board."""
        return stored.boards.keys()

    def open(self, feed: Feed) -> FeedStream:
        """The board's stream."""
        return self._streams[feed.name]

    def close(self, stream: FeedStream) -> None:
        """Boards stay."""

    def take(self, channel: str, block: RowBlock) -> None:
        """The newest board."""
        stream = self._streams[self._names[channel]]
        if stream.offer(select_rows(block, stream.feed.columns)):
            self.context.mark((stream,))

    def missed(self) -> None:
        """Every board is read."""
        for stream in self._streams.values():
            stream.refresh()
        self.want(self._names)

    async def restore(self, wanted: Sequence[str]) -> None:
        """The stored board."""
        for channel in wanted:
            name = self._names[channel]
            block = await self.context.snapshots.board(name)
            if block is not None:
                self.take(channel, block)
                # Also what is known already is to go out whole after something may have been missed.
                self.context.mark((self._streams[name],))
