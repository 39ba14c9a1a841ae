"""Bars as numbers: what every analyzer of aggregates reads."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from marketdata.events import Aggregate
from scanners.analyzers.columns import Instants, Lines, whole_numbers, write_lines

BAR_COLUMNS: Final = (
    "volume",
    "accumulated_volume",
    "vwap",
    "open",
    "close",
    "high",
    "low",
    "aggregate_vwap",
    "average_size",
    "start_timestamp",
    "end_timestamp",
)

LINES: Final = ("official_open_price", *BAR_COLUMNS)
"""What `bar_lines` gives: one line for each name."""

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

_EVENTS_AT_ONCE: Final = 1_000
"""How many bars become numbers together: few enough to stay in the processor's cache from step to step."""


def event_times_ms(events: Sequence[Aggregate]) -> Instants:
    """When each bar happened: its last millisecond, so that none reaches into the next session."""
    return whole_numbers([event.end_timestamp for event in events]) - 1


def bar_lines(events: Sequence[Aggregate], times_ms: Instants) -> Lines:
    """All fields of all events; an official open that is not yet known is 0."""
    bars = np.empty((len(LINES), len(events)))
    for first in range(0, len(events), _EVENTS_AT_ONCE):
        part = slice(first, first + _EVENTS_AT_ONCE)
        rows = [
            (
                event.official_open_price or 0.0,
                event.volume,
                event.accumulated_volume,
                event.vwap,
                event.open,
                event.close,
                event.high,
                event.low,
                event.aggregate_vwap,
                event.average_size,
                event.start_timestamp,
                event.end_timestamp,
            )
            for event in events[part]
        ]
        write_lines(bars[:, part], rows)
    return bars
