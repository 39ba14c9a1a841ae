"""What the leaderboards rank and show: the newest bar of each symbol, and changes.

Aggregates carry cumulative fields, so the newest bar says it all: the one that ends last, and of those
the one that starts last. A late bar changes nothing, and a bar that is sent again (same start and end)
replaces the one before.

"Since open" compares with the open of the day's first bar from 04:00 New York on. At 09:30 it starts anew:
from then on with the official open, and until that is known with the open of the first bar
that starts at 09:30 or later. docs/metrics.md defines every column.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from marketdata.payloads import Column
from scanners.analyzers import opens, windows
from scanners.analyzers.bars import BAR_COLUMNS, BAR_LINES, END, START
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import newest_per_row, percent_change, quotient
from scanners.rows import Rows
from scanners.table import MarketTable

DERIVED_COLUMNS: Final = (
    "change",
    "pct_change",
    "change_since_open",
    "pct_change_since_open",
    "gap_pct",
    "relative_volume",
    "relative_volume_at_time",
    "float_rotation",
    "vwap_distance_pct",
)


class LeaderboardAnalyzer(Analyzer):
    """Second and minute aggregates to bars and changes. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "leaderboard"
    columns: Final = BAR_COLUMNS + opens.COLUMNS + DERIVED_COLUMNS + windows.COLUMNS
    sheets: Final = MappingProxyType({**opens.SHEETS, **windows.SHEETS})

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply bars."""
        rows, bars = group.rows, group.lines
        opens.note_session_open(table, rows, bars, phase)
        windows.remember(table, rows, bars)
        held = (table["end_timestamp"], table["start_timestamp"])
        newest = newest_per_row(rows, (bars[END], bars[START]), held)
        opens.note_official_open(table, rows, bars, newest, phase)
        table.write(table.columns(BAR_COLUMNS), rows[newest], bars[BAR_LINES, newest])
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Changes against the previous close and since the open, ratios of volume, and the windows."""
        _derive_changes(table, rows, phase)
        _derive_ratios(table, rows, phase)
        windows.derive(table, rows, phase)

    def start_regular_session(self, table: MarketTable) -> None:
        """Changes since the open start anew; the pre-market's volume, high and low stay."""
        table.clear(opens.COLUMNS)


def _derive_changes(table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
    """Dollars and percent against the previous close, since the open, and from the average price."""
    close, previous_close = table["close"][rows], table["prev_day_close"][rows]
    opened_at, average_price = _open_price(table, rows, phase), table["aggregate_vwap"][rows]
    table["change"][rows] = close - previous_close
    table["pct_change"][rows] = percent_change(close, previous_close)
    table["change_since_open"][rows] = close - opened_at
    table["pct_change_since_open"][rows] = percent_change(close, opened_at)
    table["gap_pct"][rows] = percent_change(_opening(table, rows, phase), previous_close)
    table["vwap_distance_pct"][rows] = percent_change(close, average_price)


def _derive_ratios(table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
    """The day's volume against a usual day's, against what is usual by this time of day, and the float."""
    volume, average = table["accumulated_volume"][rows], table["avg_volume"][rows]
    usual = average * phase.usual_share(table["end_timestamp"][rows])
    table["relative_volume"][rows] = quotient(volume, average)
    table["relative_volume_at_time"][rows] = quotient(volume, usual)
    table["float_rotation"][rows] = quotient(volume, table["free_float"][rows])


def _opening(table: MarketTable, rows: Rows, phase: MarketPhase) -> Column:
    """What the gap is measured at: the open of the regular session, and before it the newest price."""
    official = table["official_open_price"][rows]
    until_known = table["session_open_price" if phase.regular_session_reached else "close"][rows]
    return np.where(np.isnan(official), until_known, official)


def _open_price(table: MarketTable, rows: Rows, phase: MarketPhase) -> Column:
    """What "since open" compares with; absent for a symbol that has not traded since the last reset."""
    official = table["official_open_price"][rows]
    price = np.where(np.isnan(official), table["session_open_price"][rows], official)
    price[~(table["start_timestamp"][rows] >= phase.open_reset_ms)] = np.nan
    return price
