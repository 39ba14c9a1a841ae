"""What `daily_range` declares: the range of the day and of its sessions, and the alerts."""

from typing import Final

from marketdata.schema import YES_OR_NO, ColumnInfo, RowView, Stream, Unit, shown_names
from marketdata.schema.boards import PRICE_BOARDS, TOP_GAINERS, TOP_LOSERS, TOP_TRADES, at
from scanners.analysis.bars import END_TIMESTAMP, PRICE, START_TIMESTAMP

PRE_MARKET, REGULAR, AFTER_HOURS, NIGHT = range(4)
SESSIONS: Final = {
    PRE_MARKET: "pre-market",
    REGULAR: "regular",
    AFTER_HOURS: "after-hours",
    NIGHT: "night",
}
"""Codes of the session in which a bar starts; at night, no session is on."""

_STAYS: Final = (
    "without the snapshot; it stays until the day ends. A bar of the night, when no session is on, widens "
    "the day's range only"
)


def _of_session(session: str, label: str, short: str) -> tuple[ColumnInfo, ColumnInfo]:
    return (
        ColumnInfo(
            f"{session}_high",
            f"{label} high",
            Unit.DOLLARS,
            f"Highest price of the {label.lower()} session",
            short=f"{short} high",
            definition=f"highest high of the bars of the {label.lower()} session, {_STAYS}",
        ),
        ColumnInfo(
            f"{session}_low",
            f"{label} low",
            Unit.DOLLARS,
            f"Lowest price of the {label.lower()} session",
            short=f"{short} low",
            definition=f"lowest low of the bars of the {label.lower()} session, {_STAYS}",
        ),
    )


COLUMNS: Final = (
    ColumnInfo(
        "day_high",
        "Day high",
        Unit.DOLLARS,
        "Highest price of the trading day",
        short="High",
        definition="highest high of every bar of the day, late and replaced ones included, and of the "
        "snapshot",
        boards=at(130, *PRICE_BOARDS),
    ),
    ColumnInfo(
        "day_low",
        "Day low",
        Unit.DOLLARS,
        "Lowest price of the trading day",
        short="Low",
        definition="lowest low of every bar of the day, late and replaced ones included, and of the snapshot",
        boards=at(140, *PRICE_BOARDS),
    ),
    *_of_session("pre_market", "Pre-market", "Pre-mkt"),
    *_of_session("regular", "Regular", "Regular"),
    *_of_session("after_hours", "After-hours", "After-hrs"),
    ColumnInfo(
        "new_high_count",
        "New highs",
        Unit.COUNT,
        "How often the day's high was broken today",
        definition="alerts of the day in `daily_range_high`; 0 from the first bar on",
        boards=at(240, TOP_GAINERS),
    ),
    ColumnInfo(
        "new_low_count",
        "New lows",
        Unit.COUNT,
        "How often the day's low was broken today",
        definition="alerts of the day in `daily_range_low`; 0 from the first bar on",
        boards=at(240, TOP_LOSERS),
    ),
    ColumnInfo(
        "short_sale_restricted",
        "Short sales restricted",
        Unit.CODE,
        "Whether SEC rule 201 restricts short sales, computed from prices",
        short="SSR",
        definition="1 when the previous session triggered the circuit breaker, or when `regular_low <= "
        "0.9 x prev_day_close` today; else 0; absent without `prev_day_close`. Computed from "
        "prices by SEC rule 201, not announced by the exchange",
        codes=YES_OR_NO,
        boards=at(220, *PRICE_BOARDS, TOP_TRADES),
    ),
)

_ALERT: Final = (
    ColumnInfo(
        "price",
        "New extreme",
        Unit.DOLLARS,
        "The new high or low",
        short="Price",
        definition="the new extreme: high or low of the bar that broke the range",
    ),
    ColumnInfo(
        "level",
        "Broken level",
        Unit.DOLLARS,
        "The high or low that was broken",
        short="Broken",
        definition="the extreme of the day just before that bar",
    ),
    ColumnInfo(
        "session",
        "Session",
        Unit.CODE,
        "The session in which it happened",
        definition="the session in which the bar starts",
        codes=SESSIONS,
    ),
    START_TIMESTAMP,
    END_TIMESTAMP,
)
HIGH_ALERTS: Final = Stream(
    name="daily_range_high",
    label="New highs",
    description="A symbol rose above its high of the day",
    columns=_ALERT,
    feed="daily_range_hod_alert",
)
LOW_ALERTS: Final = Stream(
    name="daily_range_low",
    label="New lows",
    description="A symbol fell below its low of the day",
    columns=_ALERT,
    feed="daily_range_lod_alert",
)

RANGE: Final = RowView(
    feed="daily_range:{symbol}",
    label="Range of the day",
    description="Ranges of the day and of its sessions, and how often they were broken",
    columns=(PRICE.name, *shown_names(COLUMNS), END_TIMESTAMP.name),
)
