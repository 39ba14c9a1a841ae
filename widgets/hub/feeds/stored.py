"""Where the store has what feeds are made of: from boards and symbols to keys and channels."""

from collections.abc import Mapping
from typing import Final

from marketdata.schema import BOARDS
from marketdata.store.keys import Keys
from marketdata.transport.queues import shard_of


class StoredFeeds:
    """Boards and shards by their channels, under one key prefix and number of shards.

    A channel bears the name of the key that it announces, so one name serves for both. `boards` and `shards`
    say of each channel what it announces; `keys` has the further ones.
    """

    def __init__(self, keys: Keys, shard_count: int) -> None:
        self.keys: Final = keys
        self.boards: Final[Mapping[str, str]] = {keys.board(board.name): board.name for board in BOARDS}
        self.shards: Final[Mapping[str, int]] = {keys.rows(shard): shard for shard in range(shard_count)}

    def rows_channel(self, symbol: str) -> str:
        """The channel on which the row of a symbol is announced, and the key that holds it."""
        return self.keys.rows(shard_of(symbol, len(self.shards)))
