"""Columns as people see them: what each is called, its unit and precision, and what it says.

`docs/metrics.md` has the definitions; a description here is that definition in a few words.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from marketdata.reference.tickers import TickerType


class Unit(enum.StrEnum):
    """What the numbers of a column are; a client formats by it."""

    DOLLARS = "dollars"
    PERCENT = "percent"
    RATIO = "ratio"
    SHARES = "shares"
    FRACTIONAL_SHARES = "fractional_shares"
    COUNT = "count"
    EPOCH_MS = "epoch_ms"
    DURATION_MS = "duration_ms"
    CODE = "code"


_DECIMALS: Final[Mapping[Unit, int]] = {
    Unit.DOLLARS: 4,
    Unit.PERCENT: 2,
    Unit.RATIO: 2,
    Unit.SHARES: 0,
    Unit.FRACTIONAL_SHARES: 6,
    Unit.COUNT: 0,
    Unit.EPOCH_MS: 0,
    Unit.DURATION_MS: 0,
    Unit.CODE: 0,
}


SIGNIFICANT_DIGITS: Final = 4
MOST_DECIMALS: Final = 10
"""Dollars keep so many significant digits where the decimals of their unit leave fewer, with so many decimals
at most. So a price of a fraction of a cent is not 0."""


class ColumnInfo(msgspec.Struct, frozen=True):
    """A column as people see it. `names` say what the numbers of a `Unit.CODE` mean."""

    name: str
    label: str
    unit: Unit
    description: str
    names: Mapping[int, str] = MappingProxyType({})

    @property
    def decimals(self) -> int:
        """How many decimals go over the wire; with 0 the numbers are integers in JSON.

        Dollars have more where that is needed: see `SIGNIFICANT_DIGITS`.
        """
        return _DECIMALS[self.unit]


_YES_OR_NO: Final = {0: "no", 1: "yes"}
_TICKER_TYPES: Final[Mapping[int, str]] = {
    TickerType.CS: "common stock",
    TickerType.ETF: "exchange-traded fund",
    TickerType.ADRC: "American depositary receipt",
    TickerType.WARRANT: "warrant",
    TickerType.RIGHT: "right",
    TickerType.UNIT: "unit",
    TickerType.PFD: "preferred stock",
    TickerType.FUND: "fund",
    TickerType.ETN: "exchange-traded note",
    TickerType.SP: "structured product",
    TickerType.ADRP: "preferred American depositary receipt",
    TickerType.ADRR: "American depositary receipt of rights",
    TickerType.ADRW: "American depositary receipt of warrants",
    TickerType.OS: "ordinary shares",
    TickerType.GDR: "global depositary receipt",
    TickerType.NYRS: "New York registry shares",
    TickerType.BOND: "bond",
    TickerType.BASKET: "basket",
    TickerType.LT: "liquidating trust",
    TickerType.EQLK: "equity-linked note",
    TickerType.AGEN: "agency bond",
    TickerType.INDEX: "index",
    TickerType.OTHER: "other",
}
_LIMIT_STATES: Final = {
    -2: "bid below the bands",
    -1: "limit down",
    0: "none",
    1: "limit up",
    2: "offer above the bands",
    3: "bid and offer outside the bands",
}
_SESSIONS: Final = {0: "pre-market", 1: "regular", 2: "after-hours"}

_BARS: Final = (
    ColumnInfo("close", "Price", Unit.DOLLARS, "Price of the newest second of trading"),
    ColumnInfo("change", "Change", Unit.DOLLARS, "Price less the previous day's close"),
    ColumnInfo("pct_change", "Change %", Unit.PERCENT, "Change in percent of the previous day's close"),
    ColumnInfo("change_since_open", "Change (open)", Unit.DOLLARS, "Price less the day's official open"),
    ColumnInfo("pct_change_since_open", "Change % (open)", Unit.PERCENT, "Change in percent of the open"),
    ColumnInfo("gap_pct", "Gap %", Unit.PERCENT, "Opening in percent above or below the previous close"),
    ColumnInfo("accumulated_volume", "Volume", Unit.SHARES, "Shares traded today, pre-market included"),
    ColumnInfo("relative_volume", "Rel. volume", Unit.RATIO, "Today's volume as a multiple of the average"),
    ColumnInfo(
        "relative_volume_at_time",
        "Rel. volume now",
        Unit.RATIO,
        "Today's volume as a multiple of what is usual by this time of day",
    ),
    ColumnInfo("float_rotation", "Rotation", Unit.RATIO, "How often the float was traded today"),
    ColumnInfo("aggregate_vwap", "VWAP", Unit.DOLLARS, "Volume-weighted average price of the day"),
    ColumnInfo("vwap_distance_pct", "From VWAP %", Unit.PERCENT, "Price in percent above or below the VWAP"),
    ColumnInfo("pct_change_1m", "1 min %", Unit.PERCENT, "Change over the last minute"),
    ColumnInfo("pct_change_5m", "5 min %", Unit.PERCENT, "Change over the last 5 minutes"),
    ColumnInfo("pct_change_15m", "15 min %", Unit.PERCENT, "Change over the last 15 minutes"),
    ColumnInfo("volume_1m", "1 min volume", Unit.SHARES, "Shares traded in the last minute"),
    ColumnInfo("volume_5m", "5 min volume", Unit.SHARES, "Shares traded in the last 5 minutes"),
    ColumnInfo(
        "relative_volume_1m",
        "1 min rel. volume",
        Unit.RATIO,
        "Volume of the last minute as a multiple of what is usual in it",
    ),
    ColumnInfo(
        "relative_volume_5m",
        "5 min rel. volume",
        Unit.RATIO,
        "Volume of the last 5 minutes as a multiple of what is usual in them",
    ),
    ColumnInfo("official_open_price", "Open", Unit.DOLLARS, "Official opening price of the day"),
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

_RANGE: Final = (
    ColumnInfo("day_high", "Day high", Unit.DOLLARS, "Highest price of the trading day"),
    ColumnInfo("day_low", "Day low", Unit.DOLLARS, "Lowest price of the trading day"),
    ColumnInfo("pre_market_high", "Pre-market high", Unit.DOLLARS, "Highest price of the pre-market"),
    ColumnInfo("pre_market_low", "Pre-market low", Unit.DOLLARS, "Lowest price of the pre-market"),
    ColumnInfo("regular_high", "Regular high", Unit.DOLLARS, "Highest price of the regular session"),
    ColumnInfo("regular_low", "Regular low", Unit.DOLLARS, "Lowest price of the regular session"),
    ColumnInfo("after_hours_high", "After-hours high", Unit.DOLLARS, "Highest price after the close"),
    ColumnInfo("after_hours_low", "After-hours low", Unit.DOLLARS, "Lowest price after the close"),
    ColumnInfo("new_high_count", "New highs", Unit.COUNT, "How often the day's high was broken today"),
    ColumnInfo("new_low_count", "New lows", Unit.COUNT, "How often the day's low was broken today"),
    ColumnInfo(
        "short_sale_restricted",
        "Short sales restricted",
        Unit.CODE,
        "Whether SEC rule 201 restricts short sales, as prices tell",
        _YES_OR_NO,
    ),
)

_TRADES: Final = (
    ColumnInfo("last_price", "Last", Unit.DOLLARS, "Price of the last trade that counts"),
    ColumnInfo("last_size", "Last size", Unit.SHARES, "Shares of the last trade"),
    ColumnInfo("last_timestamp", "Last trade", Unit.EPOCH_MS, "When the last trade took place"),
    ColumnInfo("trades_per_minute", "Trades/min", Unit.COUNT, "Trades in the minute up to the newest"),
    ColumnInfo("trade_count", "Trades", Unit.COUNT, "How many of the newest 1,000 trades are known"),
    ColumnInfo("trade_volume", "Trades' volume", Unit.SHARES, "Shares of the newest 1,000 trades"),
    ColumnInfo("trade_average_size", "Avg. trade", Unit.SHARES, "Average shares of the newest 1,000 trades"),
    ColumnInfo("trade_largest_size", "Largest trade", Unit.SHARES, "Largest of the newest 1,000 trades"),
    ColumnInfo("trade_span_ms", "Trades' span", Unit.DURATION_MS, "Time that the newest 1,000 trades took"),
)

_QUOTES: Final = (
    ColumnInfo("bid_price", "Bid", Unit.DOLLARS, "Best bid of all exchanges"),
    ColumnInfo("bid_size", "Bid size", Unit.SHARES, "Shares wanted at the best bid"),
    ColumnInfo("ask_price", "Ask", Unit.DOLLARS, "Best offer of all exchanges"),
    ColumnInfo("ask_size", "Ask size", Unit.SHARES, "Shares offered at the best offer"),
    ColumnInfo("quote_timestamp", "Quoted", Unit.EPOCH_MS, "When the best bid and offer were quoted"),
    ColumnInfo("spread", "Spread", Unit.DOLLARS, "Best offer less best bid"),
    ColumnInfo("mid_price", "Mid", Unit.DOLLARS, "Middle of best bid and offer"),
    ColumnInfo("spread_pct", "Spread %", Unit.PERCENT, "Spread in percent of the middle"),
)

_REFERENCE: Final = (
    ColumnInfo("avg_volume", "Avg. volume", Unit.SHARES, "Average daily volume of the past weeks"),
    ColumnInfo("free_float", "Float", Unit.SHARES, "Shares that can be traded freely"),
    ColumnInfo("average_true_range", "ATR", Unit.DOLLARS, "Average true range of the last 14 sessions"),
    ColumnInfo("ticker_type", "Type", Unit.CODE, "What kind of security it is", _TICKER_TYPES),
    ColumnInfo(
        "nasdaq_listed",
        "Nasdaq-listed",
        Unit.CODE,
        "Whether it is listed on Nasdaq: for other listings the feed tells no reason of a halt",
        _YES_OR_NO,
    ),
    ColumnInfo("split_ratio", "Split", Unit.RATIO, "New shares for each old one, where it was split today"),
    ColumnInfo("prev_day_close", "Prev. close", Unit.DOLLARS, "Closing price of the previous day"),
    ColumnInfo("prev_day_volume", "Prev. volume", Unit.SHARES, "Shares traded on the previous day"),
    ColumnInfo("prev_day_vwap", "Prev. VWAP", Unit.DOLLARS, "Volume-weighted average of the previous day"),
    ColumnInfo("prev_day_open", "Prev. open", Unit.DOLLARS, "Opening price of the previous day"),
    ColumnInfo("prev_day_high", "Prev. high", Unit.DOLLARS, "Highest price of the previous day"),
    ColumnInfo("prev_day_low", "Prev. low", Unit.DOLLARS, "Lowest price of the previous day"),
)

_HALTS: Final = (
    ColumnInfo("is_halted", "Halted", Unit.CODE, "Whether it is halted now", _YES_OR_NO),
    ColumnInfo("halt_timestamp", "Halted at", Unit.EPOCH_MS, "When the newest halt of the day began"),
    ColumnInfo("resume_timestamp", "Resumed at", Unit.EPOCH_MS, "When trading was last resumed today"),
    ColumnInfo(
        "halt_may_be_limit_pause",
        "Limit pause",
        Unit.CODE,
        "Whether the halt may be a five-minute limit-up/limit-down pause: the feed tells no reason",
        {0: "no", 1: "possible"},
    ),
    ColumnInfo(
        "earliest_reopening_timestamp",
        "Reopens from",
        Unit.EPOCH_MS,
        "When it may reopen at the earliest, if the halt is a limit pause",
    ),
    ColumnInfo("band_high", "Upper band", Unit.DOLLARS, "Upper price band of the limit-up/limit-down plan"),
    ColumnInfo("band_low", "Lower band", Unit.DOLLARS, "Lower price band of the limit-up/limit-down plan"),
    ColumnInfo("band_timestamp", "Bands at", Unit.EPOCH_MS, "When the price bands were last told"),
    ColumnInfo(
        "band_distance_pct", "To band %", Unit.PERCENT, "Distance to the nearer price band, in percent"
    ),
    ColumnInfo(
        "limit_state",
        "Limit state",
        Unit.CODE,
        "Whether bid or offer stand at or beyond a price band",
        _LIMIT_STATES,
    ),
    ColumnInfo("limit_state_timestamp", "Limit since", Unit.EPOCH_MS, "Since when it is in its limit state"),
    ColumnInfo(
        "limit_pause_timestamp", "Pause from", Unit.EPOCH_MS, "When the limit state becomes a trading pause"
    ),
)

_ALERTS: Final = (
    ColumnInfo("price", "New extreme", Unit.DOLLARS, "The new high or low"),
    ColumnInfo("level", "Broken", Unit.DOLLARS, "The high or low that was broken"),
    ColumnInfo("session", "Session", Unit.CODE, "The session in which it happened", _SESSIONS),
)

_TAPE: Final = (
    ColumnInfo("trade_price", "Price", Unit.DOLLARS, "Price of the trade"),
    ColumnInfo("trade_size", "Size", Unit.FRACTIONAL_SHARES, "Shares of the trade"),
    ColumnInfo("trade_timestamp", "Time", Unit.EPOCH_MS, "When the trade took place"),
    ColumnInfo("trade_sequence_number", "Number", Unit.COUNT, "Its number, which orders trades of one time"),
)

TAPE_COLUMNS: Final = tuple(column.name for column in _TAPE)
"""What a trade of a symbol's tape shows."""

TABLE_COLUMNS: Final = tuple(
    column.name for columns in (_BARS, _RANGE, _TRADES, _QUOTES, _HALTS, _REFERENCE) for column in columns
)
"""What the row of a symbol shows."""

COLUMNS: Final[Mapping[str, ColumnInfo]] = {
    column.name: column
    for columns in (_BARS, _RANGE, _TRADES, _QUOTES, _HALTS, _REFERENCE, _ALERTS, _TAPE)
    for column in columns
}
"""Every column that goes out, by its name."""
