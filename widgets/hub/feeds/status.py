"""The feed of the status. Every connection gets the status anyway; a subscription sends it at once."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import ClassVar

from marketdata.payloads import RowBlock
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.source import FeedSource
from widgets.hub.feeds.stored import StoredFeeds
from widgets.hub.feeds.stream import FeedStream
from widgets.hub.outbox import STATUS_FEED, Outbox, StatusFrames


class StatusSource(FeedSource):
    """Has no stream and reads nothing: `widgets.hub.liveness` sends the status."""

    kind: ClassVar[str] = "status"
    permission: ClassVar[str] = "status"
    feeds = MappingProxyType({STATUS_FEED: ()})

    @classmethod
    def channels(cls, stored: StoredFeeds) -> Collection[str]:
        """No channels."""
        del stored
        return ()

    def open(self, feed: Feed) -> FeedStream | None:
        """Return None: there is no stream."""
        del feed
        return None

    def close(self, stream: FeedStream) -> None:
        """Do nothing: there is no stream."""

    def take(self, channel: str, block: RowBlock) -> None:
        """Do nothing: it has no channels."""

    def missed(self) -> None:
        """Do nothing: the status is computed elsewhere."""

    async def restore(self, wanted: Sequence[str]) -> None:
        """Do nothing: it wants nothing."""

    def greet(self, outbox: Outbox, feed: Feed) -> None:
        """Send the present status, if it is known."""
        del feed
        if (status := self.context.status()) is not None:
            outbox.status(StatusFrames(status))
