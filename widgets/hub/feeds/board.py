"""Feeds of boards. A board is stored as a block in rank order, and announced whole."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from marketdata.payloads import RowBlock
from marketdata.schema import SYMBOL_PLACEHOLDER
from marketdata.schema.stored import SCHEMA
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.rows import TableStream, select_rows
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream

_PREFIX: Final = "scanners:"
_BOARDS: Final = {board.name: SCHEMA.board_columns(board) for board in SCHEMA.boards}
_ALL_SYMBOLS: Final = {
    f"{short}:*": board
    for board in _BOARDS
    if f"{(short := board.removeprefix(_PREFIX))}:{SYMBOL_PLACEHOLDER}"
    in {view.feed for view in SCHEMA.views}
}
"""A board beside a feed of one symbol with the same short name is also that feed of all symbols."""


class BoardSource(FeedSource):
    """All boards. They are kept also without subscribers."""

    kind: ClassVar[str] = "board"
    permission: ClassVar[str] = "boards"
    feeds = MappingProxyType(_BOARDS | {name: _BOARDS[board] for name, board in _ALL_SYMBOLS.items()})

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        self._names = context.stored.boards
        self._usual = {name: TableStream(self.named(name), context.clock) for name in self._names.values()}
        # Of each board: the newest block; the usual stream, and those of other names and choices that are
        # subscribed to.
        self._newest: dict[str, RowBlock] = {}
        self._streams = {name: [stream] for name, stream in self._usual.items()}

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """The channel of each board."""
        return stored.boards.keys()

    def open(self, feed: Feed) -> FeedStream:
        """The stream of the board. One of another name or choice begins with the board's newest state."""
        board = _board_of(feed)
        usual = self._usual[board]
        if feed == usual.feed:
            return usual
        stream = TableStream(feed, self.context.clock)
        if (block := self._newest.get(board)) is not None:
            stream.offer(select_rows(block, feed.columns))
        self._streams[board].append(stream)
        return stream

    def close(self, stream: FeedStream) -> None:
        """Forget the stream of a choice. The usual one is kept without subscribers."""
        board = _board_of(stream.feed)
        self._streams[board] = [
            each for each in self._streams[board] if each is not stream or each is self._usual[board]
        ]

    def take(self, channel: str, block: RowBlock) -> None:
        """Offer the announced board to its streams."""
        board = self._names[channel]
        usual = self._usual[board]
        rows = select_rows(block, usual.feed.columns)
        if not usual.offer(rows):
            return
        self._newest[board] = block
        shown = frozenset(usual.feed.columns)
        for each in self._streams[board]:
            if each is not usual:
                columns = each.feed.columns
                # A stream of version 1 has columns that the board carries and does not show.
                each.offer(rows.picked(columns) if shown.issuperset(columns) else select_rows(block, columns))
        self.context.mark(self._streams[board])

    def missed(self) -> None:
        """Want every board."""
        for streams in self._streams.values():
            for stream in streams:
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
                self.context.mark(self._streams[name])


def _board_of(feed: Feed) -> str:
    return _ALL_SYMBOLS.get(feed.name, feed.name)
