"""What can be asked for: feeds, their columns, and where each of them is stored.

A client names feeds, never keys. This is the one place that knows which names are feeds, what
their rows hold, how a column is called, and in which unit and precision its numbers go out.
"""

import enum
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.store.keys import BOARDS, TOP_GAINERS, TOP_GAPPERS, TOP_VOLUME, Keys
from marketdata.transport.queues import shard_of

QUOTE_PREFIX: Final = "quote:"
QUOTE_PATTERN: Final = "quote:{symbol}"
STATUS_FEED: Final = "status"
LONGEST_SYMBOL: Final = 32
LONGEST_FEED_NAME: Final = len(QUOTE_PREFIX) + LONGEST_SYMBOL

# Case matters, and dots and lower case occur: `BRK.B`, `KIMpL`.
_SYMBOL = re.compile(rf"[A-Za-z0-9][A-Za-z0-9./-]{{0,{LONGEST_SYMBOL - 1}}}", re.ASCII)


class UnknownFeedError(ValueError):
    """A name that is not a feed. The message says what is accepted."""


class FeedKind(enum.StrEnum):
    """What sort of thing a feed is."""

    BOARD = "board"
    QUOTE = "quote"
    STATUS = "status"


class Permission(enum.StrEnum):
    """What a user must be allowed to see to have a feed."""

    BOARDS = "boards"
    QUOTES = "quotes"
    STATUS = "status"


class Unit(enum.StrEnum):
    """What the numbers of a column are; a client formats by it."""

    DOLLARS = "dollars"
    PERCENT = "percent"
    RATIO = "ratio"
    SHARES = "shares"
    EPOCH_MS = "epoch_ms"


_DECIMALS: Final[Mapping[Unit, int]] = {
    Unit.DOLLARS: 4,
    Unit.PERCENT: 2,
    Unit.RATIO: 2,
    Unit.SHARES: 0,
    Unit.EPOCH_MS: 0,
}


class ColumnInfo(msgspec.Struct, frozen=True):
    """A column of the market table as people see it."""

    name: str
    label: str
    unit: Unit
    description: str

    @property
    def decimals(self) -> int:
        """How many decimals go over the wire; with 0 the numbers are integers in JSON."""
        return _DECIMALS[self.unit]


_SHOWN: Final = (
    ColumnInfo("close", "Price", Unit.DOLLARS, "Price of the newest second of trading"),
    ColumnInfo("change", "Change", Unit.DOLLARS, "Price less the previous day's close"),
    ColumnInfo("pct_change", "Change %", Unit.PERCENT, "Change in percent of the previous day's close"),
    ColumnInfo("change_since_open", "Change (open)", Unit.DOLLARS, "Price less the day's official open"),
    ColumnInfo("pct_change_since_open", "Change % (open)", Unit.PERCENT, "Change in percent of the open"),
    ColumnInfo("accumulated_volume", "Volume", Unit.SHARES, "Shares traded today, pre-market included"),
    ColumnInfo("relative_volume", "Rel. volume", Unit.RATIO, "Today's volume as a multiple of the average"),
    ColumnInfo("avg_volume", "Avg. volume", Unit.SHARES, "Average daily volume of the past weeks"),
    ColumnInfo("free_float", "Float", Unit.SHARES, "Shares that can be traded freely"),
    ColumnInfo("aggregate_vwap", "VWAP", Unit.DOLLARS, "Volume-weighted average price of the day"),
    ColumnInfo("official_open_price", "Open", Unit.DOLLARS, "Official opening price of the day"),
    ColumnInfo("day_high", "Day high", Unit.DOLLARS, "Highest price of the trading day"),
    ColumnInfo("day_low", "Day low", Unit.DOLLARS, "Lowest price of the trading day"),
    ColumnInfo("prev_day_close", "Prev. close", Unit.DOLLARS, "Closing price of the previous day"),
    ColumnInfo("prev_day_volume", "Prev. volume", Unit.SHARES, "Shares traded on the previous day"),
    ColumnInfo("prev_day_vwap", "Prev. VWAP", Unit.DOLLARS, "Volume-weighted average of the previous day"),
    ColumnInfo("prev_day_open", "Prev. open", Unit.DOLLARS, "Opening price of the previous day"),
    ColumnInfo("prev_day_high", "Prev. high", Unit.DOLLARS, "Highest price of the previous day"),
    ColumnInfo("prev_day_low", "Prev. low", Unit.DOLLARS, "Lowest price of the previous day"),
    ColumnInfo("last_price", "Last", Unit.DOLLARS, "Price of the last trade that counts"),
    ColumnInfo("last_size", "Last size", Unit.SHARES, "Shares of the last trade"),
    ColumnInfo("last_timestamp", "Last trade", Unit.EPOCH_MS, "When the last trade took place"),
    ColumnInfo("bid_price", "Bid", Unit.DOLLARS, "Best bid of all exchanges"),
    ColumnInfo("bid_size", "Bid size", Unit.SHARES, "Shares wanted at the best bid"),
    ColumnInfo("ask_price", "Ask", Unit.DOLLARS, "Best offer of all exchanges"),
    ColumnInfo("ask_size", "Ask size", Unit.SHARES, "Shares offered at the best offer"),
    ColumnInfo("quote_timestamp", "Quoted", Unit.EPOCH_MS, "When the best bid and offer were quoted"),
    ColumnInfo("open", "Second open", Unit.DOLLARS, "First price of the newest second of trading"),
    ColumnInfo("high", "Second high", Unit.DOLLARS, "Highest price of the newest second"),
    ColumnInfo("low", "Second low", Unit.DOLLARS, "Lowest price of the newest second"),
    ColumnInfo("volume", "Second volume", Unit.SHARES, "Shares traded in the newest second"),
    ColumnInfo("vwap", "Second VWAP", Unit.DOLLARS, "Volume-weighted average price of the second"),
    ColumnInfo("average_size", "Trade size", Unit.SHARES, "Average shares of a trade in the second"),
    ColumnInfo("start_timestamp", "Second start", Unit.EPOCH_MS, "Start of the newest second of trading"),
    ColumnInfo("end_timestamp", "Updated", Unit.EPOCH_MS, "End of the newest second of trading"),
    ColumnInfo(
        "received_timestamp", "Received", Unit.EPOCH_MS, "When the newest data came from the provider"
    ),
)
COLUMNS: Final[Mapping[str, ColumnInfo]] = {column.name: column for column in _SHOWN}

# A row goes out again whenever one of its values moved: a board therefore leaves out the bid and offer and
# the detail of the newest second, which nobody ranks by and which move with every tick. `quote:` has them.
# Nor has it the rank, which is the place of the row: one symbol that rises moves the ranks of all it passes.
BOARD_COLUMNS: Final = (
    "close",
    "change",
    "pct_change",
    "change_since_open",
    "pct_change_since_open",
    "accumulated_volume",
    "relative_volume",
    "avg_volume",
    "free_float",
    "aggregate_vwap",
    "official_open_price",
    "day_high",
    "day_low",
    "prev_day_close",
    "prev_day_volume",
    "prev_day_vwap",
)
QUOTE_COLUMNS: Final = tuple(COLUMNS)


class BoardInfo(msgspec.Struct, frozen=True):
    """A leaderboard as people see it."""

    name: str
    label: str
    description: str


_BOARD_INFOS: Final = (
    BoardInfo(TOP_GAINERS, "Top gainers", "Largest rise since the open, in percent"),
    BoardInfo(TOP_GAPPERS, "Top gappers", "Largest rise against the previous day's close, in percent"),
    BoardInfo(TOP_VOLUME, "Top volume", "Most shares traded today"),
)
BOARD_INFOS: Final[Mapping[str, BoardInfo]] = {board.name: board for board in _BOARD_INFOS}


class Feed(msgspec.Struct, frozen=True):
    """A feed that exists: what it is, what it shows, and what its viewer must be allowed to see.

    `columns` are the names of its rows' values in order; a name that the stored block lacks is left out
    of the frames. `symbol` is set for a quote.
    """

    name: str
    kind: FeedKind
    columns: tuple[str, ...]
    permission: Permission
    symbol: str = ""


_FIXED: Final[Mapping[str, Feed]] = {
    **{name: Feed(name, FeedKind.BOARD, BOARD_COLUMNS, Permission.BOARDS) for name in BOARDS},
    STATUS_FEED: Feed(STATUS_FEED, FeedKind.STATUS, (), Permission.STATUS),
}
ACCEPTED: Final = ", ".join((*BOARDS, QUOTE_PATTERN, STATUS_FEED))


def feed_of(name: str) -> Feed:
    """The feed of a name as a client wrote it.

    Raises:
        UnknownFeedError: there is no such feed; the message says which there are.
    """
    if (fixed := _FIXED.get(name)) is not None:
        return fixed
    if not name.startswith(QUOTE_PREFIX):
        raise UnknownFeedError(f"no such feed; there are {ACCEPTED}")
    symbol = name.removeprefix(QUOTE_PREFIX)
    if _SYMBOL.fullmatch(symbol) is None:
        raise UnknownFeedError(
            f"not a symbol; {QUOTE_PATTERN} takes 1 to {LONGEST_SYMBOL} letters, digits or any of ./-"
        )
    return Feed(name, FeedKind.QUOTE, QUOTE_COLUMNS, Permission.QUOTES, symbol)


class StoredFeeds:
    """Where feeds are stored, under one key prefix and number of shards.

    A channel bears the name of the key that it announces, so one name serves for both.
    """

    def __init__(self, keys: Keys, shard_count: int) -> None:
        self._keys = keys
        self._shard_count = shard_count
        self.boards: Mapping[str, str] = {keys.board(name): name for name in BOARDS}
        self.shards: Mapping[str, int] = {keys.rows(shard): shard for shard in range(shard_count)}

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel on which feeds are announced: boards, then the rows of each shard."""
        return (*self.boards, *self.shards)

    @property
    def labels(self) -> Mapping[str, str]:
        """Channel -> what people may read about it: keys are our own business."""
        return {**self.boards, **{key: f"shard {shard}" for key, shard in self.shards.items()}}

    def shard(self, symbol: str) -> int:
        """The shard in whose rows a symbol is found."""
        return shard_of(symbol, self._shard_count)

    def key(self, feed: Feed) -> str:
        """The key (and channel) that holds a feed's rows; empty for `status`, which is not stored."""
        match feed.kind:
            case FeedKind.BOARD:
                return self._keys.board(feed.name)
            case FeedKind.QUOTE:
                return self._keys.rows(self.shard(feed.symbol))
            case FeedKind.STATUS:
                return ""
