"""Where feeds are stored: from their names to keys and channels."""

from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.schema import BOARDS
from marketdata.store.keys import Keys
from marketdata.transport.queues import shard_of
from widgets.catalog.feeds import ALERTS, Feed


class StoredStream(msgspec.Struct, frozen=True):
    """One shard's part of a feed of events: the feed, the shard, and what the store calls the stream."""

    feed: str
    shard: int
    stream: str


class StoredFeeds:
    """Where feeds are stored, under one key prefix and number of shards.

    A channel bears the name of the key that it announces, so one name serves for both. `boards`, `shards` and
    `streams` say of each channel what it announces.
    """

    def __init__(self, keys: Keys, shard_count: int) -> None:
        self._keys = keys
        self._shard_count = shard_count
        shards = range(shard_count)
        self.boards: Final[Mapping[str, str]] = {keys.board(board.name): board.name for board in BOARDS}
        self.shards: Final[Mapping[str, int]] = {keys.rows(shard): shard for shard in shards}
        self.streams: Final[Mapping[str, StoredStream]] = {
            keys.stream(shard, stream.name): StoredStream(feed, shard, stream.name)
            for feed, stream in ALERTS.items()
            for shard in shards
        }

    def rows_channel(self, feed: Feed) -> str:
        """The channel on which the row of a feed's symbol is announced, and the key that holds it."""
        return self._keys.rows(self.shard(feed.symbol))

    def shard(self, symbol: str) -> int:
        """The shard in whose rows a symbol is found."""
        return shard_of(symbol, self._shard_count)

    def streams_of(self, shard: int) -> tuple[str, ...]:
        """The channels of the streams of a shard."""
        return tuple(channel for channel, part in self.streams.items() if part.shard == shard)
