"""The keys and channels of the store from which feeds are made."""

from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.schema import BOARDS
from marketdata.schema.stored import SCHEMA
from marketdata.store.keys import Keys
from marketdata.transport.queues import shard_of


class StoredFeeds:
    """Boards and shards by channel, for one key prefix and number of shards.

    A channel has the same name as the key that it announces. `boards` and `shards` map each channel to the
    board or shard that it announces; `keys` makes the other names.
    """

    def __init__(self, keys: Keys, shard_count: int) -> None:
        self.keys: Final = keys
        self.boards: Final[Mapping[str, str]] = {keys.board(board.name): board.name for board in BOARDS}
        self.shards: Final[Mapping[str, int]] = {keys.rows(shard): shard for shard in range(shard_count)}

    def rows_channel(self, symbol: str) -> str:
        """The channel that announces the row of a symbol, and the key that stores it."""
        return self.keys.rows(shard_of(symbol, len(self.shards)))


STREAMS_OF_FEEDS: Final = {stream.feed: stream for stream in SCHEMA.streams if stream.feed}
"""The streams that clients can see, by feed."""


class StreamPart(msgspec.Struct, frozen=True):
    """One shard's part of a feed: the feed, the shard, and the name of the stream in the store."""

    feed: str
    shard: int
    stream: str


def stream_parts(stored: StoredFeeds) -> Mapping[str, StreamPart]:
    """The parts of all feeds of alerts, by channel."""
    return {
        stored.keys.stream(shard, stream.name): StreamPart(feed, shard, stream.name)
        for feed, stream in STREAMS_OF_FEEDS.items()
        for shard in stored.shards.values()
    }
