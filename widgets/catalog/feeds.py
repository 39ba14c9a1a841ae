"""Feeds by name: which names are feeds, what each is made of, and what its viewer must be allowed to see."""

import enum
from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.events import LONGEST_SYMBOL, SYMBOL_RULE, is_symbol
from widgets.catalog.boards import BOARD_INFOS
from widgets.catalog.columns import TABLE_COLUMNS, TAPE_COLUMNS

STATUS_FEED: Final = "status"
HIGH_ALERTS: Final = "daily_range_hod_alert"
LOW_ALERTS: Final = "daily_range_lod_alert"
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


class AlertInfo(msgspec.Struct, frozen=True):
    """A feed of alerts as people see it. `stream` is what the store calls it."""

    name: str
    label: str
    description: str
    stream: str


ALERT_COLUMNS: Final = (
    "price",
    "level",
    "session",
    "start_timestamp",
    "end_timestamp",
    "close",
    "pct_change",
    "pct_change_since_open",
    "accumulated_volume",
    "relative_volume",
    "aggregate_vwap",
    "avg_volume",
    "free_float",
    "prev_day_close",
)
_ALERTS: Final = (
    AlertInfo(HIGH_ALERTS, "New highs", "A symbol rose above its high of the day", "daily_range_high"),
    AlertInfo(LOW_ALERTS, "New lows", "A symbol fell below its low of the day", "daily_range_low"),
)
ALERT_INFOS: Final[Mapping[str, AlertInfo]] = {alert.name: alert for alert in _ALERTS}

DAILY_RANGE_COLUMNS: Final = (
    "close",
    "day_high",
    "day_low",
    "pre_market_high",
    "pre_market_low",
    "regular_high",
    "regular_low",
    "after_hours_high",
    "after_hours_low",
    "new_high_count",
    "new_low_count",
    "short_sale_restricted",
    "end_timestamp",
)
HALT_COLUMNS: Final = (
    "is_halted",
    "halt_timestamp",
    "resume_timestamp",
    "halt_may_be_limit_pause",
    "earliest_reopening_timestamp",
    "band_high",
    "band_low",
    "band_timestamp",
    "band_distance_pct",
    "limit_state",
    "limit_state_timestamp",
    "limit_pause_timestamp",
    "close",
    "nasdaq_listed",
)
QUOTE_PATTERN: Final = "quote:{symbol}"
ROW_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    QUOTE_PATTERN: TABLE_COLUMNS,
    "daily_range:{symbol}": DAILY_RANGE_COLUMNS,
    "halts:{symbol}": HALT_COLUMNS,
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
        board.name: Feed(board.name, FeedKind.BOARD, board.columns, Permission.BOARDS)
        for board in BOARD_INFOS.values()
    },
    **{name: Feed(name, FeedKind.EVENTS, ALERT_COLUMNS, Permission.ALERTS) for name in ALERT_INFOS},
    STATUS_FEED: Feed(STATUS_FEED, FeedKind.STATUS, (), Permission.STATUS),
}
ACCEPTED: Final = ", ".join((*BOARD_INFOS, *ROW_COLUMNS, TRADES_PATTERN, *ALERT_INFOS, STATUS_FEED))


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
