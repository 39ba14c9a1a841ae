"""Bars as numbers: what every analyzer of aggregates reads."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from marketdata.events import Aggregate
from scanners.analyzers.columns import Instants, Lines, whole_numbers, write_float_lines

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

LINES: Final = (*BAR_COLUMNS, "official_open_price")
"""What `bar_lines` gives: one line for each name."""

VOLUME, ACCUMULATED_VOLUME, OPEN, CLOSE, HIGH, LOW, START, END, OFFICIAL_OPEN = map(
    LINES.index,
    (
        "volume",
        "accumulated_volume",
        "open",
        "close",
        "high",
        "low",
        "start_timestamp",
        "end_timestamp",
        "official_open_price",
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
    floats = np.empty((len(LINES) - 2, min(len(events), _EVENTS_AT_ONCE)))
    for first in range(0, len(events), _EVENTS_AT_ONCE):
        part = slice(first, min(first + _EVENTS_AT_ONCE, len(events)))
        lines = floats[:, : part.stop - first]
        rows = [
            (
                event.volume,
                event.accumulated_volume,
                event.vwap,
                event.open,
                event.close,
                event.high,
                event.low,
                event.aggregate_vwap,
                event.average_size,
                event.official_open_price or 0.0,
            )
            for event in events[part]
        ]
        write_float_lines(lines, rows)
        bars[:START, part], bars[OFFICIAL_OPEN, part] = lines[:START], lines[START]
    bars[START] = whole_numbers([event.start_timestamp for event in events])
    bars[END] = times_ms + 1
    return bars
