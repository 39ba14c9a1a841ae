"""What can be asked for: feeds, their columns, and where each of them is stored.

A client names feeds, never keys. This package is the one place that knows which names are feeds (`feeds`,
`boards`), what their rows hold, how a column is called, in which unit and precision its numbers go out
(`columns`), and where the store has them (`stored`).
"""

from widgets.catalog.boards import BOARD_INFOS, BoardInfo
from widgets.catalog.columns import (
    COLUMNS,
    MOST_DECIMALS,
    SIGNIFICANT_DIGITS,
    TABLE_COLUMNS,
    TAPE_COLUMNS,
    ColumnInfo,
    Unit,
)
from widgets.catalog.feeds import (
    ALERT_COLUMNS,
    ALERT_INFOS,
    EVENTS_HELD,
    LONGEST_FEED_NAME,
    QUOTE_PATTERN,
    ROW_COLUMNS,
    STATUS_FEED,
    TRADES_PATTERN,
    Feed,
    FeedKind,
    Permission,
    UnknownFeedError,
    feed_of,
)
from widgets.catalog.stored import StoredFeeds

__all__ = [
    "ALERT_COLUMNS",
    "ALERT_INFOS",
    "BOARD_INFOS",
    "COLUMNS",
    "EVENTS_HELD",
    "LONGEST_FEED_NAME",
    "MOST_DECIMALS",
    "QUOTE_PATTERN",
    "ROW_COLUMNS",
    "SIGNIFICANT_DIGITS",
    "STATUS_FEED",
    "TABLE_COLUMNS",
    "TAPE_COLUMNS",
    "TRADES_PATTERN",
    "BoardInfo",
    "ColumnInfo",
    "Feed",
    "FeedKind",
    "Permission",
    "StoredFeeds",
    "Unit",
    "UnknownFeedError",
    "feed_of",
]
