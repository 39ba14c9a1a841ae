"""The feed of the operations page: what all processes do, and the verdict, as one document a second."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from marketdata.control.document import InstallationDocument
from marketdata.payloads import RowBlock
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.source import FeedContext, FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream
from widgets.protocol import EmittedRows, FeedSnapshot

OPERATIONS_FEED: Final = "operations"
_NO_ROWS: Final = EmittedRows((), (), (), np.empty((0, 0)))


class DocumentStream(FeedStream):
    """The newest document, each time as a whole: its parts change every second."""

    _document: InstallationDocument | None = None
    _offered: InstallationDocument | None = None

    def offer(self, document: InstallationDocument) -> None:
        """Take a document that was read."""
        self._offered = document

    def emit(self) -> FeedSnapshot | None:
        """The offered document; None if it is the one before."""
        if self._offered is self._document:
            return None
        self._document = self._offered
        self._advance()
        return self._as_snapshot()

    def snapshot(self) -> FeedSnapshot | None:
        """The document after the last emission; None before the first."""
        if self._document is None:
            return None
        return FeedSnapshot(self._position(None), _NO_ROWS, self.feed.hz, document=self._document)

    def _all_rows(self) -> EmittedRows:
        return _NO_ROWS


class OperationsSource(FeedSource):
    """Follows the watch of the installation while it has streams. It uses no announcements and no keys."""

    kind: ClassVar[str] = "operations"
    permission: ClassVar[str] = "operations"
    feeds = MappingProxyType({OPERATIONS_FEED: ()})
    tick_hz: ClassVar[float] = 1

    def __init__(self, context: FeedContext) -> None:
        super().__init__(context)
        self._streams: set[DocumentStream] = set()  # one for each choice of a rate

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """No channels."""
        del stored
        return ()

    def open(self, feed: Feed) -> FeedStream:
        """Return a stream. The first one begins the reading."""
        stream = DocumentStream(feed, self.context.new_epoch(), self.context.clock)
        self._streams.add(stream)
        self.context.installation.follow(self._offer)
        return stream

    def close(self, stream: FeedStream) -> None:
        """End the reading with the last stream."""
        self._streams = {each for each in self._streams if each is not stream}
        if not self._streams:
            self.context.installation.end()

    def take(self, channel: str, block: RowBlock) -> None:
        """Do nothing: it has no channels."""

    def missed(self) -> None:
        """Do nothing: the next document comes within a second."""

    async def restore(self, wanted: Sequence[str]) -> None:
        """Do nothing: it wants nothing."""

    def _offer(self, document: InstallationDocument) -> None:
        for stream in self._streams:
            stream.offer(document)
        self.context.mark(self._streams)
