"""What can be asked for: feeds, their columns, and where each of them is stored.

A client names feeds, never keys. This package is the one place that knows which names are feeds and what
their rows hold (`feeds`), and where the store has them (`stored`). Columns, boards and alerts are those of
`marketdata.schema`.
"""

from widgets.catalog.feeds import (
    ALERTS,
    COLUMNS,
    EVENTS_HELD,
    LONGEST_FEED_NAME,
    QUOTE_PATTERN,
    ROW_COLUMNS,
    STATUS_FEED,
    TAPE_COLUMNS,
    TRADES_PATTERN,
    Feed,
    FeedKind,
    Permission,
    UnknownFeedError,
    feed_of,
)
from widgets.catalog.stored import StoredFeeds

__all__ = [
    "ALERTS",
    "COLUMNS",
    "EVENTS_HELD",
    "LONGEST_FEED_NAME",
    "QUOTE_PATTERN",
    "ROW_COLUMNS",
    "STATUS_FEED",
    "TAPE_COLUMNS",
    "TRADES_PATTERN",
    "Feed",
    "FeedKind",
    "Permission",
    "StoredFeeds",
    "UnknownFeedError",
    "feed_of",
]
