"""What `leaderboard` declares: the newest bar, changes and ratios, open prices, and windows."""

from types import MappingProxyType
from typing import Final

from marketdata.schema import ColumnInfo, Unit
from marketdata.schema.boards import ALL_BOARDS, GAPS, MOVERS, PRICE_BOARDS, TOP_VOLUME, at
from scanners.analysis import bars

_CHANGES: Final = (
    ColumnInfo(
        "change",
        "Change",
        Unit.DOLLARS,
        "Price less the previous day's close",
        definition="`close - prev_day_close`",
        signed=True,
        boards=at(70, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "pct_change",
        "Change %",
        Unit.PERCENT,
        "Change in percent of the previous day's close",
        short="Chg %",
        definition="`100 x change / prev_day_close`",
        signed=True,
        boards=at(30, *ALL_BOARDS),
    ),
    ColumnInfo(
        "change_since_open",
        "Change since open",
        Unit.DOLLARS,
        "Price less the day's official open",
        short="Open chg",
        definition="`close -` the official open, or, until that is known, the session open; absent when "
        "the newest bar started before the last reset",
        signed=True,
        boards=at(170, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "pct_change_since_open",
        "Change since open %",
        Unit.PERCENT,
        "Change in percent of the open",
        short="Open %",
        definition="`100 x change_since_open /` the same open",
        signed=True,
        boards=at(80, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "gap_pct",
        "Gap %",
        Unit.PERCENT,
        "Opening in percent above or below the previous close",
        definition="`100 x (opening - prev_day_close) / prev_day_close`, where *opening* is, once the "
        "regular open is reached, the official open or, until that is known, the session open "
        "(so it is absent until the symbol trades); before, `close`",
        signed=True,
        boards=at(40, *GAPS),
    ),
)
_RATIOS: Final = (
    ColumnInfo(
        "relative_volume",
        "Relative volume",
        Unit.RATIO,
        "Today's volume as a multiple of the average",
        short="Rel vol",
        definition="`accumulated_volume / avg_volume`, the naive ratio that existing clients know: small "
        "in the morning by construction",
        boards=at(50, *ALL_BOARDS),
    ),
    ColumnInfo(
        "relative_volume_at_time",
        "Relative volume now",
        Unit.RATIO,
        "Today's volume as a multiple of what is usual by this time of day",
        short="RV now",
        definition="`accumulated_volume / (avg_volume x share)`, where *share* is the volume curve at the "
        "newest bar's end",
        boards=at(100, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "float_rotation",
        "Float rotation",
        Unit.RATIO,
        "How often the float was traded today",
        short="Rotation",
        definition="`accumulated_volume / free_float`",
        boards=at(200, *PRICE_BOARDS),
    ),
)
_VWAP_DISTANCE: Final = ColumnInfo(
    "vwap_distance_pct",
    "From VWAP %",
    Unit.PERCENT,
    "Price in percent above or below the VWAP",
    short="VWAP %",
    definition="`100 x (close - aggregate_vwap) / aggregate_vwap`",
    signed=True,
    boards=at(210, *MOVERS),
)
OPENS: Final = (
    ColumnInfo(
        "official_open_price",
        "Open",
        Unit.DOLLARS,
        "Official opening price of the day",
        definition="official open of the newest bar that starts at or after the regular open and has one "
        "above 0; absent before the regular open",
        boards=at(160, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "session_open_price",
        "Session open",
        Unit.DOLLARS,
        "What changes since the open are measured from until the official open is known",
        definition="open of the earliest bar since the last reset: the start of the day, and from the "
        "regular open on the regular open",
        shown=False,
    ),
    ColumnInfo(
        "session_open_timestamp",
        "Session open at",
        Unit.EPOCH_MS,
        "When the session open was traded",
        definition="start of the same bar as `session_open_price`",
        shown=False,
    ),
)

CHANGE_COLUMNS: Final = MappingProxyType({1: "pct_change_1m", 5: "pct_change_5m", 15: "pct_change_15m"})
VOLUME_COLUMNS: Final = MappingProxyType({1: "volume_1m", 5: "volume_5m"})
RELATIVE_VOLUME_COLUMNS: Final = MappingProxyType({1: "relative_volume_1m", 5: "relative_volume_5m"})
"""Minutes of the window -> name of the column."""

_BOARDS_OF: Final = {
    "pct_change_5m": at(90, *MOVERS),
    "volume_5m": at(90, TOP_VOLUME),
    "relative_volume_5m": at(95, TOP_VOLUME),
}


def _minutes(count: int) -> str:
    return "last minute" if count == 1 else f"last {count} minutes"


_WINDOWS: Final = (
    *(
        ColumnInfo(
            name,
            f"{count} min %",
            Unit.PERCENT,
            f"Change over the {_minutes(count)}",
            definition=f"`100 x (close - base close) / base close` over a {count}-minute window; absent "
            "without a base",
            signed=True,
            boards=_BOARDS_OF.get(name, {}),
        )
        for count, name in CHANGE_COLUMNS.items()
    ),
    *(
        ColumnInfo(
            name,
            f"{count} min volume",
            Unit.SHARES,
            f"Shares traded in the {_minutes(count)}",
            short=f"{count} min vol",
            definition=f"`accumulated_volume - base accumulated volume` over a {count}-minute window, at "
            "least 0; without a base, `accumulated_volume` less what it was before the earliest bar of "
            "the day: what has been seen of the window",
            boards=_BOARDS_OF.get(name, {}),
        )
        for count, name in VOLUME_COLUMNS.items()
    ),
    *(
        ColumnInfo(
            name,
            f"{count} min relative volume",
            Unit.RATIO,
            f"Volume of the {_minutes(count)} as a multiple of what is usual at this time",
            short=f"{count} min RV",
            definition=f"`volume_{count}m / (avg_volume x share of the window)`, where the share of the "
            "window is the volume curve at the newest bar's end less the curve at the window's "
            "beginning",
            boards=_BOARDS_OF.get(name, {}),
        )
        for count, name in RELATIVE_VOLUME_COLUMNS.items()
    ),
)

COLUMNS: Final = (
    bars.PRICE,
    *_CHANGES,
    bars.DAY_VOLUME,
    *_RATIOS,
    bars.DAY_VWAP,
    _VWAP_DISTANCE,
    *_WINDOWS,
    *OPENS,
    *bars.NEWEST_SECOND,
)
"""All its columns, in the order in which clients receive them."""
