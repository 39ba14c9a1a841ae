"""The feeds of version 1: those of the catalog, with columns and rates that its clients cannot choose."""

from typing import Final

import msgspec

from marketdata.schema.boards import LEADERBOARD_COLUMNS
from widgets.hub.feeds import UNBOUNDED, Feed, FeedCatalog, chosen
from widgets.protocol.v1 import LEADERBOARDS

LEADERBOARD_HZ: Final = 1
"""A leaderboard is sent whole each time, so it is sent less often than in version 2."""

ALL_ROWS_COLUMNS: Final = (
    "close",
    "change",
    "pct_change",
    "accumulated_volume",
    "relative_volume",
    "volume",
    "last_price",
    "bid_price",
    "ask_price",
    "end_timestamp",
)
"""The columns of the rows of all symbols, of which a client of version 2 must choose some."""


def feed_of_version_1(catalog: FeedCatalog, name: str) -> Feed:
    """The feed with a name that a client sent.

    Raises:
        UnknownFeedError: there is no such feed; the message lists all feeds.
    """
    feed = catalog.feed(name)
    if name.startswith(LEADERBOARDS):
        # The first column ranks the board. It may be none of the fields that existing clients know.
        columns = tuple(dict.fromkeys((feed.columns[0], *LEADERBOARD_COLUMNS)))
        feed = chosen(msgspec.structs.replace(feed, columns=columns), UNBOUNDED, columns, LEADERBOARD_HZ)
    elif catalog.needs_choice(feed):
        feed = catalog.chosen(name, [each for each in feed.columns if each in ALL_ROWS_COLUMNS])
    return msgspec.structs.replace(feed, is_counted=False)
