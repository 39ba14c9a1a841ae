"""The columns that the leaderboards rank and show: the newest bar of each symbol, and changes.

Aggregates have cumulative fields, so the newest bar is enough: the bar that ends last, and of those the one
that starts last. A late bar changes nothing. A bar that is sent again (same start and end) replaces the one
before.

"Since open" compares with the *session open*: the open of the earliest bar since the last reset, which is at
04:00 or 09:30 New York. After 09:30 it compares with the *official open* once that is known: a field of the
bars from some time after 09:30 on. The newest bar that has it counts. docs/metrics.md defines every column.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.codec import EventMatrix
from marketdata.payloads import Column
from marketdata.schema import names
from scanners.analysis.bars import BAR_COLUMNS, BAR_POSITIONS, END, OFFICIAL_OPEN, OPEN, START
from scanners.analysis.contract import SINCE_OPEN, Analyzer, Emission, EventGroup, MarketPhase
from scanners.analysis.vectors import newest_per_row, percent_change, quotient
from scanners.analyzers.leaderboard import windows
from scanners.analyzers.leaderboard.columns import COLUMNS, OPENS
from scanners.rows import Rows
from scanners.table import MarketTable

_OFFICIAL_GROUP: Final = "official_open"
_END_POSITION: Final = 0
_TIMES_OF_OFFICIAL: Final = ("end_timestamp", "start_timestamp")
"""Times of the bar that has the official open, if it is not the newest bar. Nearly always it is."""

_SINCE_OPEN: Final = (
    "session_open_price",
    "session_open_timestamp",
    "change_since_open",
    "pct_change_since_open",
    "gap_pct",
)
"""Columns that depend on the first bar since the last reset."""


class LeaderboardAnalyzer(Analyzer):
    """Second and minute aggregates to bars and changes. See `scanners.analysis.contract.Analyzer`."""

    name: Final = "leaderboard"
    columns: Final = COLUMNS
    written_together: Final = BAR_COLUMNS
    private_columns: Final = MappingProxyType(
        {_OFFICIAL_GROUP: _TIMES_OF_OFFICIAL, **windows.PRIVATE_COLUMNS}
    )
    history: Final = MappingProxyType(
        {
            **dict.fromkeys(_SINCE_OPEN, SINCE_OPEN),
            **windows.HISTORY,
        }
    )

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply bars.

        Only the last step writes the newest bars of the group. The steps before it compare the group with the
        newest bars before the group, and do not depend on each other.
        """
        rows, values = group.rows, group.values
        held = (table["end_timestamp"], table["start_timestamp"])
        newest = newest_per_row(rows, (values[END], values[START]), held)
        windows.remember(table, rows, values)
        _note_session_open(table, rows, values, phase)
        _note_official_open(table, rows, values, newest, phase)
        table.write(table.columns(BAR_COLUMNS), rows[newest], values[BAR_POSITIONS, newest])
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Compute changes from the previous close and since the open, ratios of volume, and the windows."""
        _derive_changes(table, rows, phase)
        _derive_ratios(table, rows, phase)
        windows.derive(table, rows, phase)

    def start_regular_session(self, table: MarketTable) -> None:
        """Begin changes since the open again. Volume, high and low of the pre-market are kept."""
        table.clear(names(OPENS))


def _note_session_open(table: MarketTable, rows: Rows, bars: EventMatrix, phase: MarketPhase) -> None:
    """Keep the open of the earliest bar since the last reset. The same bar, sent again, replaces it."""
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
    table: MarketTable, rows: Rows, bars: EventMatrix, newest: Rows, phase: MarketPhase
) -> None:
    """Keep the official open of the newest bar that has one. A bar before the regular open has none.

    `newest`: the indices of the bars that will be the newest of their symbols.
    """
    has_official = (bars[OFFICIAL_OPEN] > 0) & (bars[START] >= phase.day.regular_open_ms)
    official = table["official_open_price"]
    is_known = ~np.isnan(official[rows])
    if not (has_official.any() or is_known.any()):
        return
    is_of_newest = np.isnan(table.private_columns[_OFFICIAL_GROUP].values[_END_POSITION, rows])
    is_plain = has_official & is_known & is_of_newest
    if not is_plain.all():
        unclear = np.zeros(len(table), dtype=np.bool_)
        unclear[rows[~is_plain]] = True
        chosen = unclear[rows]
        _compare(table, rows[chosen], bars[:, chosen], has_official[chosen])
        newest = newest[~chosen[newest]]
    official[rows[newest]] = bars[OFFICIAL_OPEN, newest]


def _compare(table: MarketTable, rows: Rows, bars: EventMatrix, has_official: NDArray[np.bool_]) -> None:
    """Compare all bars of symbols whose newest bar may not be the one with the official open."""
    official, of_bar = table["official_open_price"], table.private_columns[_OFFICIAL_GROUP].values
    distinct = np.unique(rows)
    before = of_bar[:, distinct]
    newest_bar = np.array([table["end_timestamp"], table["start_timestamp"]])
    implied = distinct[np.isnan(before[_END_POSITION]) & ~np.isnan(official[distinct])]
    of_bar[:, implied] = newest_bar[:, implied]
    _keep_newest(of_bar, rows[has_official], bars[:, has_official], official)
    _keep_newest(newest_bar, rows, bars)
    is_of_newest = (of_bar[:, distinct] == newest_bar[:, distinct]).all(axis=0)
    of_bar[:, distinct[is_of_newest]] = np.nan
    table.mark(rows[has_official])
    if not np.array_equal(before, of_bar[:, distinct], equal_nan=True):
        table.private_columns[_OFFICIAL_GROUP].mark()


def _keep_newest(held: EventMatrix, rows: Rows, bars: EventMatrix, official: Column | None = None) -> None:
    """Put end and start of each row's newest bar into `held`, and its official open into `official`."""
    keys = bars[[END, START]]
    newest = newest_per_row(rows, (keys[0], keys[1]), (held[0], held[1]))
    held[:, rows[newest]] = keys[:, newest]
    if official is not None:
        official[rows[newest]] = bars[OFFICIAL_OPEN, newest]


def _derive_changes(table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
    """Compute changes from the previous close, the open and the average price, in dollars and percent."""
    close, previous_close = table["close"][rows], table["prev_day_close"][rows]
    opened_at, average_price = _open_price(table, rows, phase), table["aggregate_vwap"][rows]
    table["change"][rows] = close - previous_close
    table["pct_change"][rows] = percent_change(close, previous_close)
    table["change_since_open"][rows] = close - opened_at
    table["pct_change_since_open"][rows] = percent_change(close, opened_at)
    table["gap_pct"][rows] = percent_change(_opening(table, rows, phase), previous_close)
    table["vwap_distance_pct"][rows] = percent_change(close, average_price)


def _derive_ratios(table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
    """Compute the day's volume relative to a usual day, to what is usual by this time, and to the float."""
    volume, average = table["accumulated_volume"][rows], table["avg_volume"][rows]
    usual = average * windows.usual_share(phase, table["end_timestamp"][rows])
    table["relative_volume"][rows] = quotient(volume, average)
    table["relative_volume_at_time"][rows] = quotient(volume, usual)
    table["float_rotation"][rows] = quotient(volume, table["free_float"][rows])


def _opening(table: MarketTable, rows: Rows, phase: MarketPhase) -> Column:
    """The price at which the gap is measured: the regular open, and before it the newest price."""
    official = table["official_open_price"][rows]
    until_known = table["session_open_price" if phase.regular_session_reached else "close"][rows]
    return np.where(np.isnan(official), until_known, official)


def _open_price(table: MarketTable, rows: Rows, phase: MarketPhase) -> Column:
    """The price that "since open" compares with; absent for a symbol without a trade since the last reset."""
    official = table["official_open_price"][rows]
    price = np.where(np.isnan(official), table["session_open_price"][rows], official)
    price[~(table["start_timestamp"][rows] >= phase.open_reset_ms)] = np.nan
    return price
