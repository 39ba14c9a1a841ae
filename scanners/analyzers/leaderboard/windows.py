"""Change and volume over the last 1, 5 and 15 minutes, and the bars that must be kept to compute them.

A window needs its base: the newest bar that ends at or before the beginning of the window. It is in one of
three places:

- The table has the newest bar of each symbol.
- 16 groups of private columns, one for each of 16 minutes in turn (`minute % 16`), have the newest bar of
  each minute. A bar goes there when a bar of a later minute replaces it in the table.
- One more group has the newest of all bars that had to leave the 16 groups. Such a bar is at least 16 minutes
  older than the newest one. So it is older than every window, and only the newest of them can be a base.

The result depends only on the set of bars, and on the order of arrival where two bars have the same times. So
late, repeated and reordered bars give the same result. The private columns change once a minute, not with
every bar.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from marketdata.codec import EventMatrix
from marketdata.payloads import Column
from marketdata.units import MS_PER_MINUTE
from scanners.analysis import bars as bar
from scanners.analysis.contract import History, MarketPhase
from scanners.analysis.vectors import newest_per_row, percent_change, quotient
from scanners.analyzers.leaderboard.columns import CHANGE_COLUMNS, RELATIVE_VOLUME_COLUMNS, VOLUME_COLUMNS
from scanners.rows import Rows
from scanners.table import MarketTable

MINUTES: Final = 16
"""How many minutes have private columns of their own: the 15 of the longest window, and one before it."""

_KEPT: Final = ("end_timestamp", "start_timestamp", "close", "accumulated_volume")
_END, _START, _CLOSE, _ACCUMULATED_VOLUME = range(len(_KEPT))
_KEPT_POSITIONS: Final = np.array([bar.END, bar.START, bar.CLOSE, bar.ACCUMULATED_VOLUME])
_MINUTE_GROUPS: Final = tuple(f"minute_{number:02}" for number in range(MINUTES))
_OLDER_GROUP: Final = "older_minutes"
_EARLIEST_GROUP: Final = "earliest_bar"
_EARLIEST: Final = ("start_timestamp", "volume_before")

PRIVATE_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {**dict.fromkeys((*_MINUTE_GROUPS, _OLDER_GROUP), _KEPT), _EARLIEST_GROUP: _EARLIEST}
)

HISTORY: Final[Mapping[str, History]] = MappingProxyType(
    {
        name: History(window_ms=minutes * MS_PER_MINUTE)
        for columns in (CHANGE_COLUMNS, VOLUME_COLUMNS, RELATIVE_VOLUME_COLUMNS)
        for minutes, name in columns.items()
    }
)
"""The past that the columns of the windows need."""


def remember(table: MarketTable, rows: Rows, bars: EventMatrix) -> None:
    """Keep the bars that the windows may need later. Call it before `bars` are written to the table."""
    _note_earliest(table, rows, bars)
    ends, held_ends = bars[bar.END], table["end_timestamp"][rows]
    minute_start = _minute_start(ends.max())
    minute_end = minute_start + MS_PER_MINUTE
    is_usual = (held_ends > minute_start) & (held_ends <= minute_end) & (ends > minute_start)
    if is_usual.all():  # each bar is in the same minute as the newest bar of its symbol: nothing to keep
        return
    displaced = np.unique(rows[held_ends <= minute_start])
    held = np.array([table[name][displaced] for name in _KEPT])
    _keep_by_minute(table, displaced, held)
    late = np.flatnonzero((ends <= minute_start) | (held_ends > minute_end))
    _keep_by_minute(table, rows[late], bars[np.ix_(_KEPT_POSITIONS, late)])


def derive(table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
    """Compute the columns of all windows for these rows. Each window ends with the row's newest bar."""
    end, close = table["end_timestamp"][rows], table["close"][rows]
    volume, average = table["accumulated_volume"][rows], table["avg_volume"][rows]
    seen_from, share = table.private_columns[_EARLIEST_GROUP].values[1, rows], usual_share(phase, end)
    begins = np.array([_minute_start(end) - (minutes - 1) * MS_PER_MINUTE for minutes in CHANGE_COLUMNS])
    base_closes, base_volumes = _bases(table, rows, begins)
    for index, (minutes, change_column) in enumerate(CHANGE_COLUMNS.items()):
        table[change_column][rows] = percent_change(close, base_closes[index])
        if minutes in VOLUME_COLUMNS:
            base_volume = base_volumes[index]
            traded = np.maximum(volume - np.where(np.isnan(base_volume), seen_from, base_volume), 0)
            usual = average * (share - usual_share(phase, begins[index]))
            table[VOLUME_COLUMNS[minutes]][rows] = traded
            table[RELATIVE_VOLUME_COLUMNS[minutes]][rows] = quotient(traded, usual)


def usual_share(phase: MarketPhase, times_ms: Column) -> Column:
    """The share of the day's volume that is usually traded by these times, 0 to 1.

    Absent without a curve, and on a day that closes early, because the curve is of full days.
    """
    if phase.volume_curve is None or phase.day.is_early_close:
        return np.full(len(times_ms), np.nan)
    return phase.volume_curve.share_at((times_ms - phase.day.day_start_ms) / MS_PER_MINUTE)


def _bases(table: MarketTable, rows: Rows, begins: EventMatrix) -> tuple[EventMatrix, EventMatrix]:
    """Close and accumulated volume of the base of each window; NaN where there is none.

    `begins` has the beginnings of the windows (epoch milliseconds), in the shape (windows, rows). Both
    results have the same shape.
    """
    newest = np.full(begins.shape, -np.inf)
    closes, volumes = np.full((2, *begins.shape), np.nan)
    for name in (*_MINUTE_GROUPS, _OLDER_GROUP):
        kept = table.private_columns[name].values
        ends = kept[_END, rows]
        is_newer = (ends <= begins) & (ends > newest)
        if is_newer.any():
            np.copyto(newest, ends, where=is_newer)
            np.copyto(closes, kept[_CLOSE, rows], where=is_newer)
            np.copyto(volumes, kept[_ACCUMULATED_VOLUME, rows], where=is_newer)
    return closes, volumes


def _note_earliest(table: MarketTable, rows: Rows, bars: EventMatrix) -> None:
    """Keep the start of each symbol's earliest bar, and the volume of the day before it.

    It stands for the base of a window that has none: what the symbol traded before we saw it is left out. The
    same bar sent again replaces the kept one.
    """
    start = bars[bar.START]
    candidates = np.flatnonzero(~(start > table.private_columns[_EARLIEST_GROUP].values[0, rows]))
    if not len(candidates):
        return
    candidates = candidates[np.argsort(-start[candidates], kind="stable")]
    rows, bars = rows[candidates], bars[:, candidates]
    last = np.unique(rows[::-1], return_index=True)[1]
    chosen = len(rows) - 1 - last
    values = np.array([bars[bar.START], bars[bar.ACCUMULATED_VOLUME] - bars[bar.VOLUME]])
    _write(table, _EARLIEST_GROUP, rows[chosen], values[:, chosen])


def _keep_by_minute(table: MarketTable, rows: Rows, kept: EventMatrix) -> None:
    """Put bars (their fields `_KEPT`) into the private columns of their minutes."""
    starts = _minute_start(kept[_END])
    for minute_start in np.unique(starts):
        chosen = starts == minute_start
        _keep(table, float(minute_start), rows[chosen], kept[:, chosen])


def _keep(table: MarketTable, minute_start: float, rows: Rows, kept: EventMatrix) -> None:
    """Put bars of one minute into its group. Bars that the group cannot keep go to that of older minutes."""
    name = _MINUTE_GROUPS[int(minute_start // MS_PER_MINUTE) % MINUTES]
    held = table.private_columns[name].values[:, rows]
    is_displaced = held[_END] <= minute_start
    _keep_newest(table, _OLDER_GROUP, rows[is_displaced], held[:, is_displaced])
    is_too_old = held[_END] > minute_start + MS_PER_MINUTE
    _keep_newest(table, _OLDER_GROUP, rows[is_too_old], kept[:, is_too_old])
    _keep_newest(table, name, rows[~is_too_old], kept[:, ~is_too_old])


def _keep_newest(table: MarketTable, name: str, rows: Rows, kept: EventMatrix) -> None:
    if not len(rows):
        return
    held = table.private_columns[name].values
    newest = newest_per_row(rows, (kept[_END], kept[_START]), (held[_END], held[_START]))
    _write(table, name, rows[newest], kept[:, newest])


def _write(table: MarketTable, name: str, rows: Rows, values: EventMatrix) -> None:
    """Set the columns of a group in some rows, which must differ, and mark the rows that changed."""
    private = table.private_columns[name]
    differs = (private.values[:, rows] != values).any(axis=0)
    if differs.any():
        private.values[:, rows] = values
        private.mark()
        table.mark(rows[differs])


def _minute_start(end: Column) -> Column:
    """Start of the clock minute of bars with these ends. The last millisecond of a bar decides its minute."""
    start: Column = (end - 1) // MS_PER_MINUTE * MS_PER_MINUTE
    return start
