"""The day's range: its high and its low over every bar, late ones included."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from marketdata.events import Aggregate
from scanners.analyzers.bars import HIGH, LOW
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import Lines
from scanners.table import MarketTable, Rows

RANGE_COLUMNS: Final = ("day_high", "day_low")


class DailyRangeAnalyzer(Analyzer[Aggregate]):
    """Aggregates to the range of the day. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "daily_range"
    columns: Final = RANGE_COLUMNS

    def update(
        self, table: MarketTable, group: EventGroup[Aggregate], phase: MarketPhase
    ) -> Sequence[Emission]:
        """Apply bars."""
        _widen_day_range(table, group.rows, group.lines)
        return ()


def _widen_day_range(table: MarketTable, rows: Rows, bars: Lines) -> None:
    """High and low over every bar of the day, late ones included, so that their order does not matter."""
    day_high, day_low = table["day_high"], table["day_low"]
    wider = ~((bars[HIGH] <= day_high[rows]) & (bars[LOW] >= day_low[rows]))
    np.fmax.at(day_high, rows[wider], bars[HIGH, wider])
    np.fmin.at(day_low, rows[wider], bars[LOW, wider])
    table.mark(rows[wider])
