"""Bars as numbers: what every analyzer of aggregates reads."""

from typing import Final

from marketdata import events
from marketdata.codec import Lines
from scanners.analyzers.columns import Instants, whole_numbers

LINES: Final = events.AGGREGATE_COLUMNS
"""Of which columns of an aggregate there are lines."""

BAR_COLUMNS: Final = LINES[1:]
"""All but the official open, which is not the bar's own."""

BAR_LINES: Final = slice(1, None)
"""Those of `BAR_COLUMNS`."""

OFFICIAL_OPEN, VOLUME, ACCUMULATED_VOLUME, OPEN, CLOSE, HIGH, LOW, START, END = map(
    LINES.index,
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


def event_times_ms(bars: Lines) -> Instants:
    """When each bar happened: its last millisecond, so that none reaches into the next session."""
    return whole_numbers(bars[END]) - 1
