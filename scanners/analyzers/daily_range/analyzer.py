"""The range of the day and of its sessions, and an alert for every bar that breaks the day's range.

A bar is compared with the range just before it, in the order of arrival; batches make no difference. Nearly
every bar is within the range, and only for the others the order is computed. An alert is never raised twice,
because the bar that raised it is a part of the range from then on.

A snapshot of the provider, taken within the day, counts as an earlier range. Without it the first bars after
a start at noon would be new extremes.
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.codec import EventMatrix
from marketdata.payloads import Column
from marketdata.schema import names
from marketdata.trading_calendar import TradingDay
from scanners.analysis.bars import END, HIGH, LOW, START
from scanners.analysis.contract import WHOLE_DAY, Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.daily_range.columns import COLUMNS, HIGH_ALERTS, LOW_ALERTS, NIGHT, PRE_MARKET, RANGE
from scanners.rows import Rows, is_first_of_row, order_by_row
from scanners.table import MarketTable

RESTRICTION_SHARE: Final = 0.9
"""At this part of the previous close, or less, a price restricts short sales (SEC rule 201)."""

_Bounds = NDArray[np.bool_]


class _Side(msgspec.Struct, frozen=True, kw_only=True):
    """The names and the direction of one side of the range. `sign` makes the wider extreme the greater."""

    stream: str
    position: int
    sign: float
    within: Callable[[Any, Any], _Bounds]
    widen: np.ufunc
    extreme: str
    snapshot: str
    count: str
    sessions: tuple[str, str, str]


_HIGH: Final = _Side(
    stream=HIGH_ALERTS.name,
    position=HIGH,
    sign=1.0,
    within=np.less_equal,
    widen=np.fmax,
    extreme="day_high",
    snapshot="snapshot_high",
    count="new_high_count",
    sessions=("pre_market_high", "regular_high", "after_hours_high"),
)
_LOW: Final = _Side(
    stream=LOW_ALERTS.name,
    position=LOW,
    sign=-1.0,
    within=np.greater_equal,
    widen=np.fmin,
    extreme="day_low",
    snapshot="snapshot_low",
    count="new_low_count",
    sessions=("pre_market_low", "regular_low", "after_hours_low"),
)
_SIDES: Final = (_HIGH, _LOW)
_RESTRICTED: Final = "short_sale_restricted"


class DailyRangeAnalyzer(Analyzer):
    """Aggregates to ranges, and to alerts. See `scanners.analysis.contract.Analyzer`."""

    name: Final = "daily_range"
    columns: Final = COLUMNS
    private_columns = MappingProxyType({})
    streams: Final = (HIGH_ALERTS, LOW_ALERTS)
    views: Final = (RANGE,)
    history: Final = MappingProxyType(dict.fromkeys((*names(COLUMNS), "level"), WHOLE_DAY))

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply bars. Emits one entry for each bar that broke the range, in the order of arrival."""
        emissions: list[Emission] = []
        for side in _SIDES:
            _take_snapshot(table, side, slice(None))
            _widen_sessions(table, side, group, phase.day)
            emissions += _widen_day(table, side, group, phase.day)
        return emissions

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Apply the snapshot, set missing counts to 0, and compute the restriction."""
        has_bar = ~np.isnan(table["start_timestamp"][rows])
        for side in _SIDES:
            _take_snapshot(table, side, rows)
            count = table[side.count]
            count[rows[has_bar & np.isnan(count[rows])]] = 0
        table[_RESTRICTED][rows] = _restricted(table, rows)


def session_codes(starts_ms: Column, day: TradingDay) -> NDArray[np.intp]:
    """The session in which bars start."""
    bounds = (day.pre_market_start_ms, day.regular_open_ms, day.regular_close_ms, day.after_hours_end_ms)
    codes = np.searchsorted(bounds, starts_ms, side="right") - 1
    codes[codes < PRE_MARKET] = NIGHT
    return codes


def _take_snapshot(table: MarketTable, side: _Side, rows: Rows | slice) -> None:
    """Widen the range by the snapshot. The rows are marked already, by the write of the reference data."""
    table[side.extreme][rows] = side.widen(table[side.extreme][rows], table[side.snapshot][rows])


def _widen_sessions(table: MarketTable, side: _Side, group: EventGroup, day: TradingDay) -> None:
    """Widen the range of each session by every bar, late ones included. Their order makes no difference."""
    starts = group.values[START]
    first, last = session_codes(np.array([starts.min(), starts.max()]), day).tolist()
    if first == last != NIGHT:  # there is a night before the day and one after it
        _widen_session(table, side, first, group.rows, group.values)
        return
    codes = session_codes(starts, day)
    for session in np.unique(codes).tolist():
        chosen = np.flatnonzero(codes == session)
        _widen_session(table, side, session, group.rows[chosen], group.values[:, chosen])


def _widen_session(table: MarketTable, side: _Side, session: int, rows: Rows, bars: EventMatrix) -> None:
    if session != NIGHT:
        _widen(table, side, side.sessions[session], rows, bars[side.position])


def _widen_day(table: MarketTable, side: _Side, group: EventGroup, day: TradingDay) -> Sequence[Emission]:
    values = group.values[side.position]
    outside, levels = _widen(table, side, side.extreme, group.rows, values)
    is_alert = ~np.isnan(levels) & ~side.within(values[outside], levels)
    alerts = outside[is_alert]
    if not len(alerts):
        return ()
    rows, starts = group.rows[alerts], group.values[START, alerts]
    _count(table[side.count], rows)
    columns = {
        "price": values[alerts],
        "level": levels[is_alert],
        "session": session_codes(starts, day).astype(np.float64),
        "start_timestamp": starts,
        "end_timestamp": group.values[END, alerts],
    }
    return (Emission(side.stream, rows, columns),)


def _widen(
    table: MarketTable, side: _Side, column: str, rows: Rows, values: Column
) -> tuple[NDArray[np.intp], Column]:
    """Widen a range, and mark the changed rows.

    Returns the indices of the values outside the range that the row had before this group, and for each of
    them the extreme just before it; NaN if it is the first.
    """
    held = table[column]
    outside = np.flatnonzero(~side.within(values, held[rows]))
    if not len(outside):
        return outside, np.empty(0)
    rows, values = rows[outside], values[outside]
    levels = side.sign * _greatest_before(rows, side.sign * values, side.sign * held[rows])
    held[rows] = side.widen(values, levels)  # of several values of a row the last one's is the widest
    table.mark(rows)
    return outside, levels


def _greatest_before(rows: Rows, values: Column, held: Column) -> Column:
    """For each value the greatest before it in its row, that of the row included; NaN if there is none.

    Values are replaced by their ranks, plus an offset that grows from row to row. So one running maximum over
    all values, sorted by row, is a running maximum within each row.
    """
    if _differ(rows):
        return held
    order = order_by_row(rows)
    is_first = is_first_of_row(rows[order])
    ascending = np.argsort(values)
    rank_of = np.empty(len(rows), dtype=np.intp)
    rank_of[ascending] = np.arange(len(rows))
    offsets = np.cumsum(is_first) * len(rows)
    greatest = values[ascending[np.maximum.accumulate(offsets + rank_of[order]) - offsets]]
    before = np.empty(len(rows))
    before[order[1:]] = greatest[:-1]
    before[order[is_first]] = np.nan
    return np.fmax(before, held)


def _differ(rows: Rows) -> bool:
    """Whether each row occurs once. Cheaper than sorting them."""
    arrival = np.arange(len(rows))
    latest = np.empty(rows.max() + 1, dtype=np.intp)
    latest[rows] = arrival
    return bool((latest[rows] == arrival).all())


def _count(counts: Column, rows: Rows) -> None:
    counts[rows] = np.fmax(counts[rows], 0)
    counts += np.bincount(rows, minlength=len(counts))


def _restricted(table: MarketTable, rows: Rows) -> Column:
    previous_close = table["prev_day_close"][rows]
    today = table["regular_low"][rows] <= RESTRICTION_SHARE * previous_close
    since_yesterday = table["prev_day_short_sale_restricted"][rows] == 1
    return np.where(np.isnan(previous_close), np.nan, today | since_yesterday)
