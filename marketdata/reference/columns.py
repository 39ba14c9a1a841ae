"""Declares the columns of the reference data in the market table."""

from collections.abc import Mapping
from typing import Final

from marketdata.reference.tickers import TickerType
from marketdata.schema import YES_OR_NO, ColumnInfo, Owner, Unit, names
from marketdata.schema.boards import ALL_BOARDS, HALTS, PRICE_BOARDS, at

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

_PREVIOUS_BAR: Final = (
    "of the previous session's bar, adjusted for splits, one of today included. From the snapshot where "
    "no bar is known, but not on the day of a split of the symbol"
)
_PREVIOUS_SESSION: Final = (
    ColumnInfo(
        "prev_day_close",
        "Previous close",
        Unit.DOLLARS,
        "Closing price of the previous day",
        short="Prev close",
        definition=f"close {_PREVIOUS_BAR}",
        boards=at(150, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "prev_day_volume",
        "Previous volume",
        Unit.SHARES,
        "Shares traded on the previous day",
        short="Prev vol",
        definition=f"volume {_PREVIOUS_BAR}",
        boards=at(180, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "prev_day_vwap",
        "Previous VWAP",
        Unit.DOLLARS,
        "Volume-weighted average of the previous day",
        short="Prev VWAP",
        definition=f"VWAP {_PREVIOUS_BAR}",
        boards=at(190, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "prev_day_open",
        "Previous open",
        Unit.DOLLARS,
        "Opening price of the previous day",
        short="Prev open",
        definition=f"open {_PREVIOUS_BAR}",
    ),
    ColumnInfo(
        "prev_day_high",
        "Previous high",
        Unit.DOLLARS,
        "Highest price of the previous day",
        short="Prev high",
        definition=f"high {_PREVIOUS_BAR}",
    ),
    ColumnInfo(
        "prev_day_low",
        "Previous low",
        Unit.DOLLARS,
        "Lowest price of the previous day",
        short="Prev low",
        definition=f"low {_PREVIOUS_BAR}",
    ),
)
_SNAPSHOT: Final = (
    ColumnInfo(
        "snapshot_high",
        "Snapshot high",
        Unit.DOLLARS,
        "The regular session's high when the reference data was made",
        definition="the regular session's high when the reference data was made; absent unless that was "
        "within the trading day",
        shown=False,
    ),
    ColumnInfo(
        "snapshot_low",
        "Snapshot low",
        Unit.DOLLARS,
        "The regular session's low when the reference data was made",
        definition="the regular session's low when the reference data was made; absent unless that was "
        "within the trading day",
        shown=False,
    ),
)

REFERENCE: Final = Owner(
    "reference",
    (
        ColumnInfo(
            "avg_volume",
            "Average volume",
            Unit.SHARES,
            "Average daily volume of the past weeks",
            short="Avg vol",
            definition="mean daily volume of the last 30 sessions, from the symbol's first bar among them "
            "on; a session without a bar counts as 0",
            boards=at(110, *PRICE_BOARDS),
        ),
        ColumnInfo(
            "free_float",
            "Float",
            Unit.SHARES,
            "Shares that can be traded freely",
            definition="shares that can be traded freely",
            boards=at(60, *ALL_BOARDS),
        ),
        ColumnInfo(
            "average_true_range",
            "Average true range",
            Unit.DOLLARS,
            "Average true range of the last 14 sessions",
            short="ATR",
            definition="ATR(14) of Wilder over the symbol's daily bars of the last 30 sessions, in "
            "dollars a share, as of its newest. True range: the greatest of high - low, |high "
            "- c| and |low - c|, c being the close of its bar before. Seed: the mean of the "
            "first 14; then `(13 x ATR + true range) / 14`. Absent with fewer than 15 bars",
        ),
        ColumnInfo(
            "prev_day_short_sale_restricted",
            "Restricted yesterday",
            Unit.CODE,
            "Whether the previous session triggered the short-sale circuit breaker",
            definition="1 when the previous session's low was at or below 0.9 x the last close before it "
            "(SEC rule 201), else 0; computed, not announced by the exchange. Absent when either "
            "bar is unknown",
            codes=YES_OR_NO,
            shown=False,
        ),
        ColumnInfo(
            "ticker_type",
            "Type",
            Unit.CODE,
            "What kind of security it is",
            definition="code of the security's type (`TickerType` in `marketdata/reference/tickers.py`)",
            codes=_TICKER_TYPES,
        ),
        ColumnInfo(
            "nasdaq_listed",
            "Nasdaq-listed",
            Unit.CODE,
            "Whether it is listed on Nasdaq: for other listings the feed says nothing of halts",
            short="Nasdaq",
            definition="1 for a listing on Nasdaq, 0 for one elsewhere",
            codes=YES_OR_NO,
            boards=at(61, HALTS),
        ),
        ColumnInfo(
            "split_ratio",
            "Split",
            Unit.RATIO,
            "New shares for each old one, where it was split today",
            definition="new shares for an old one in a split of the day (4 for 4:1, 0.1 for 1:10); absent "
            "without one",
        ),
        *_PREVIOUS_SESSION,
        *_SNAPSHOT,
    ),
    module=__name__,
)

COLUMNS: Final = names(REFERENCE.columns)
"""Columns of the reference block, in their order in the market table."""

PREVIOUS_SESSION_COLUMNS: Final = (
    "prev_day_open",
    "prev_day_high",
    "prev_day_low",
    "prev_day_close",
    "prev_day_volume",
    "prev_day_vwap",
)
"""Columns of the previous session's bar, in the order of a bar's fields."""

COLUMNS_OF_ITS_DAY: Final = (*PREVIOUS_SESSION_COLUMNS, "prev_day_short_sale_restricted", "split_ratio")
"""Columns that are valid only on the trading day for which the reference data was made."""

SNAPSHOT_COLUMNS: Final = names(_SNAPSHOT)
"""Columns about the trading day within which the reference data was made."""
