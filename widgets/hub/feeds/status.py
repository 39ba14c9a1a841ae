"""The state of the data as a feed: every connection gets it anyway, so to subscribe asks for it at once."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import ClassVar

from marketdata.payloads import RowBlock
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.source import FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream
from widgets.outbox import Outbox


class StatusSource(FeedSource):
    """Has no stream and reads nothing: `widgets.hub.status_report` knows the status and sends it."""

    kind: ClassVar[str] = "status"
    permission: ClassVar[str] = "status"
    feeds = MappingProxyType({"status": ()})

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """None."""
        del stored
        return ()

    def open(self, feed: Feed) -> FeedStream | None:
        """None: nothing follows by this subscription."""
        del feed
        return None

    def close(self, stream: FeedStream) -> None:
        """There is no stream."""

    def take(self, channel: str, block: RowBlock) -> None:
        """Nothing is announced to it."""

    def missed(self) -> None:
        """Whoever judges the data takes notice by itself."""

    async def restore(self, wanted: Sequence[str]) -> None:
        """Nothing is wanted."""

    def greet(self, outbox: Outbox, feed: Feed) -> None:
        """The status of this moment, once it is known."""
        del feed
        if (status := self.context.status()) is not None:
            outbox.status(outbox.version.encode_answer(status))
