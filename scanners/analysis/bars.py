"""Bars as numbers, for every analyzer of aggregates."""

from typing import Final

from marketdata import events
from marketdata.schema import ColumnInfo, Unit
from marketdata.schema.boards import ALL_BOARDS, PRICE_BOARDS, at
from scanners.analysis.contract import EventTime

START_TIMESTAMP: Final = ColumnInfo(
    "start_timestamp",
    "Second start",
    Unit.EPOCH_MS,
    "Start of the newest second of trading",
    short="1 s start",
    definition="start of the newest bar",
)
END_TIMESTAMP: Final = ColumnInfo(
    "end_timestamp",
    "Updated",
    Unit.EPOCH_MS,
    "End of the newest second of trading",
    definition="end of the newest bar",
)
PRICE: Final = ColumnInfo(
    "close",
    "Price",
    Unit.DOLLARS,
    "Price of the newest second of trading",
    definition="close of the newest bar",
    boards=at(10, *ALL_BOARDS),
)
DAY_VOLUME: Final = ColumnInfo(
    "accumulated_volume",
    "Volume",
    Unit.SHARES,
    "Shares traded today, pre-market included",
    definition="the day's volume as of the newest bar, pre-market included",
    boards=at(20, *ALL_BOARDS),
)
DAY_VWAP: Final = ColumnInfo(
    "aggregate_vwap",
    "VWAP",
    Unit.DOLLARS,
    "Volume-weighted average price of the day",
    definition="the day's volume-weighted average price as of the newest bar",
    boards=at(120, *PRICE_BOARDS),
)
NEWEST_SECOND: Final = (
    ColumnInfo(
        "open",
        "Second open",
        Unit.DOLLARS,
        "First price of the newest second of trading",
        short="1 s open",
        definition="open of the newest bar",
    ),
    ColumnInfo(
        "high",
        "Second high",
        Unit.DOLLARS,
        "Highest price of the newest second",
        short="1 s high",
        definition="high of the newest bar",
    ),
    ColumnInfo(
        "low",
        "Second low",
        Unit.DOLLARS,
        "Lowest price of the newest second",
        short="1 s low",
        definition="low of the newest bar",
    ),
    ColumnInfo(
        "volume",
        "Second volume",
        Unit.SHARES,
        "Shares traded in the newest second",
        short="1 s volume",
        definition="volume of the newest bar",
    ),
    ColumnInfo(
        "vwap",
        "Second VWAP",
        Unit.DOLLARS,
        "Volume-weighted average price of the second",
        short="1 s VWAP",
        definition="volume-weighted average price of the newest bar",
    ),
    ColumnInfo(
        "average_size",
        "Second trade size",
        Unit.SHARES,
        "Average shares of a trade in the second",
        short="1 s trade size",
        definition="average size of the trades in the newest bar",
    ),
    START_TIMESTAMP,
    END_TIMESTAMP,
)
"""The columns of the newest bar's own second. The leaderboard owns these and the three columns above."""

EVENT_COLUMNS: Final = events.AGGREGATE_COLUMNS
"""The columns of an aggregate that `EventGroup.values` has, in order."""

BAR_COLUMNS: Final = EVENT_COLUMNS[1:]
"""The columns of the newest bar, in the order in which they are written together."""

BAR_POSITIONS: Final = slice(1, None)
"""The positions of `BAR_COLUMNS` in `EVENT_COLUMNS`."""

OFFICIAL_OPEN, VOLUME, ACCUMULATED_VOLUME, OPEN, CLOSE, HIGH, LOW, START, END = map(
    EVENT_COLUMNS.index,
    (
        "official_open_price",
        "volume",
        "accumulated_volume",
        "open",
        "close",
        "high",
        "low",
        "start_timestamp",
        "end_timestamp",
    ),
)

EVENT_TIME: Final = EventTime("end_timestamp", offset_ms=-1)
"""The time of a bar: its last millisecond, so that no bar is in the next session."""
