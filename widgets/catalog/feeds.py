"""Feeds by name: which names are feeds, what each is made of, and what its viewer must be allowed to see."""

import enum
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from marketdata.events import LONGEST_SYMBOL, SYMBOL_RULE, is_symbol
from marketdata.schema import BOARDS, CIRCUMSTANCES, ColumnInfo, Stream, Unit, names
from marketdata.schema.stored import SCHEMA

STATUS_FEED: Final = "status"
EVENTS_HELD: Final = 200
"""How many of the newest events a feed of events holds; older ones are forgotten."""


class UnknownFeedError(ValueError):
    """A name that is not a feed. The message says what is accepted."""


class FeedKind(enum.StrEnum):
    """What sort of thing a feed is: a board, the row or the trades of one symbol, events, or the status."""

    BOARD = "board"
    ROW = "row"
    TRADES = "trades"
    EVENTS = "events"
    STATUS = "status"


class Permission(enum.StrEnum):
    """What a user must be allowed to see to have a feed."""

    BOARDS = "boards"
    QUOTES = "quotes"
    TRADES = "trades"
    ALERTS = "alerts"
    STATUS = "status"


class Feed(msgspec.Struct, frozen=True):
    """A feed that exists: what it is, what it shows, and what its viewer must be allowed to see.

    `columns` are the names of its rows' values in order; a name that the stored block lacks is left out
    of the frames. `symbol` is set for the row and the trades of a symbol. `kind` is the name under which the
    hub finds what serves it (`widgets.hub.feeds`).
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    permission: Permission
    symbol: str = ""


ALERTS: Final[Mapping[str, Stream]] = {stream.feed: stream for stream in SCHEMA.streams if stream.feed}
"""The streams that clients see, by their feeds."""

_TAPE: Final = (
    ColumnInfo("trade_price", "Price", Unit.DOLLARS, "Price of the trade"),
    ColumnInfo("trade_size", "Size", Unit.FRACTIONAL_SHARES, "Shares of the trade"),
    ColumnInfo("trade_timestamp", "Time", Unit.EPOCH_MS, "When the trade took place"),
    ColumnInfo("trade_sequence_number", "Number", Unit.COUNT, "Its number, which orders trades of one time"),
)
TAPE_COLUMNS: Final = names(_TAPE)
"""What a trade of a symbol's tape shows."""

COLUMNS: Final[Mapping[str, ColumnInfo]] = {
    **{name: column for name, column in SCHEMA.columns.items() if column.shown},
    **{column.name: column for column in _TAPE},
}
"""Every column that goes out, by its name."""


def _shown(columns: Iterable[ColumnInfo]) -> tuple[str, ...]:
    return names(column for column in columns if column.shown)


def _alert_columns(stream: Stream) -> tuple[str, ...]:
    return (*names(stream.columns), *CIRCUMSTANCES)


QUOTE_PATTERN: Final = "quote:{symbol}"
ROW_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    QUOTE_PATTERN: _shown(SCHEMA.table),
    "daily_range:{symbol}": ("close", *_shown(SCHEMA.owner("daily_range").columns), "end_timestamp"),
    "halts:{symbol}": (*_shown(SCHEMA.owner("halts").columns), "close", "nasdaq_listed"),
}
"""Feeds of one symbol's row, by pattern: the columns of the row that each shows."""

TRADES_PATTERN: Final = "trades:{symbol}"

_OF_A_SYMBOL: Final[Mapping[str, Feed]] = {
    **{
        pattern.removesuffix("{symbol}"): Feed(pattern, FeedKind.ROW, columns, Permission.QUOTES)
        for pattern, columns in ROW_COLUMNS.items()
    },
    "trades:": Feed(TRADES_PATTERN, FeedKind.TRADES, TAPE_COLUMNS, Permission.TRADES),
}
LONGEST_FEED_NAME: Final = max(map(len, _OF_A_SYMBOL)) + LONGEST_SYMBOL

_FIXED: Final[Mapping[str, Feed]] = {
    **{
        board.name: Feed(board.name, FeedKind.BOARD, SCHEMA.board_columns(board), Permission.BOARDS)
        for board in BOARDS
    },
    **{
        name: Feed(name, FeedKind.EVENTS, _alert_columns(stream), Permission.ALERTS)
        for name, stream in ALERTS.items()
    },
    STATUS_FEED: Feed(STATUS_FEED, FeedKind.STATUS, (), Permission.STATUS),
}
ACCEPTED: Final = ", ".join(
    (*(board.name for board in BOARDS), *ROW_COLUMNS, TRADES_PATTERN, *ALERTS, STATUS_FEED)
)


def feed_of(name: str) -> Feed:
    """The feed of a name as a client wrote it.

    Raises:
        UnknownFeedError: there is no such feed; the message says which there are.
    """
    if (fixed := _FIXED.get(name)) is not None:
        return fixed
    kind, colon, symbol = name.partition(":")
    family = _OF_A_SYMBOL.get(kind + colon)
    if family is None:
        raise UnknownFeedError(f"no such feed; there are {ACCEPTED}")
    if not is_symbol(symbol):
        raise UnknownFeedError(f"not a symbol; {kind}:{{symbol}} takes {SYMBOL_RULE}")
    return msgspec.structs.replace(family, name=name, symbol=symbol)
