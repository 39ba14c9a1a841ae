"""What the leaderboards rank and show: the newest bar of each symbol, and changes.

Aggregates carry cumulative fields, so the newest bar says it all: the one that ends last, and of those
the one that starts last. A late bar changes nothing, and a bar that is sent again (same start and end)
replaces the one before.

"Since open" compares with the open of the day's first bar from 04:00 New York on. At 09:30 it starts anew:
from then on with the official open, and until that is known with the open of the first bar
that starts at 09:30 or later.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from marketdata.events import Aggregate
from marketdata.payloads import Column
from scanners.analyzers.bars import BAR_COLUMNS, END, OFFICIAL_OPEN, OPEN, START
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import Lines, newest_per_row, quotient
from scanners.table import MarketTable, Rows

OPEN_COLUMNS: Final = ("official_open_price", "session_open_price", "session_open_timestamp")
DERIVED_COLUMNS: Final = (
    "change",
    "pct_change",
    "change_since_open",
    "pct_change_since_open",
    "relative_volume",
)


class LeaderboardAnalyzer(Analyzer[Aggregate]):
    """Second and minute aggregates to bars and changes. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "leaderboard"
    columns: Final = BAR_COLUMNS + OPEN_COLUMNS + DERIVED_COLUMNS

    def update(
        self, table: MarketTable, group: EventGroup[Aggregate], phase: MarketPhase
    ) -> Sequence[Emission]:
        """Apply bars."""
        rows, bars = group.rows, group.lines
        _note_session_open(table, rows, bars, phase)
        held = (table["end_timestamp"], table["start_timestamp"])
        newest = newest_per_row(rows, (bars[END], bars[START]), held)
        table.write(table.columns(BAR_COLUMNS), rows[newest], bars[:OFFICIAL_OPEN, newest])
        _note_official_open(table, rows, bars, newest, phase)
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Changes against the previous close and since the open (in percent too), and relative volume."""
        close = table["close"][rows]
        previous_close = table["prev_day_close"][rows]
        opened_at = _open_price(table, rows, phase)
        table["change"][rows] = close - previous_close
        table["pct_change"][rows] = 100 * quotient(close - previous_close, previous_close)
        table["change_since_open"][rows] = close - opened_at
        table["pct_change_since_open"][rows] = 100 * quotient(close - opened_at, opened_at)
        table["relative_volume"][rows] = quotient(
            table["accumulated_volume"][rows], table["avg_volume"][rows]
        )

    def start_regular_session(self, table: MarketTable) -> None:
        """Changes since the open start anew; the pre-market's volume, high and low stay."""
        table.clear(OPEN_COLUMNS)


def _note_session_open(table: MarketTable, rows: Rows, bars: Lines, phase: MarketPhase) -> None:
    """Keep the open of the earliest bar since the last reset; the same bar sent again replaces it."""
    start = bars[START]
    earlier = (start >= phase.open_reset_ms) & ~(start > table["session_open_timestamp"][rows])
    if not earlier.any():
        return
    candidates = np.flatnonzero(earlier)
    candidates = candidates[np.argsort(-start[candidates], kind="stable")]
    table["session_open_price"][rows[candidates]] = bars[OPEN, candidates]
    table["session_open_timestamp"][rows[candidates]] = start[candidates]
    table.mark(rows[candidates])


def _note_official_open(
    table: MarketTable, rows: Rows, bars: Lines, newest: Rows, phase: MarketPhase
) -> None:
    """Keep the official open of the newest bars that carry one; before 09:30 it would be another day's."""
    known = newest[(bars[OFFICIAL_OPEN, newest] > 0) & (bars[START, newest] >= phase.day.regular_open_ms)]
    table["official_open_price"][rows[known]] = bars[OFFICIAL_OPEN, known]


def _open_price(table: MarketTable, rows: Rows, phase: MarketPhase) -> Column:
    """What "since open" compares with; absent for a symbol that has not traded since the last reset."""
    official = table["official_open_price"][rows]
    price = np.where(np.isnan(official), table["session_open_price"][rows], official)
    price[~(table["start_timestamp"][rows] >= phase.open_reset_ms)] = np.nan
    return price
