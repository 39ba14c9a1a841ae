"""The range of the day and of its sessions, and an alert for every bar that breaks the day's range.

A bar is compared with the range as it was before it, in the order of arrival, however the bars were
batched. Nearly every bar lies within the range; only for the others that order is looked at.
An alert is never raised twice, since the bar that raised it is part of the range from then on.

A snapshot of the provider, taken within the day, counts as a range that was known before: it keeps the first
bars after a start at noon from being taken for new extremes.
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.events import Aggregate
from marketdata.payloads import Column
from marketdata.trading_calendar import TradingDay
from scanners.analyzers.bars import END, HIGH, LOW, START
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import Lines
from scanners.table import MarketTable, Rows

PRE_MARKET, REGULAR, AFTER_HOURS, NIGHT = range(4)
"""Codes of the session in which a bar starts; at night, no session is on."""

RESTRICTION_SHARE: Final = 0.9
"""A price this part of the previous close, or less, restricts short sales (SEC rule 201)."""

_Bounds = NDArray[np.bool_]


class _Side(msgspec.Struct, frozen=True, kw_only=True):
    """The names and the direction of one side of the range. `sign` makes the wider extreme the greater."""

    stream: str
    line: int
    sign: float
    within: Callable[[Any, Any], _Bounds]
    widen: np.ufunc
    extreme: str
    snapshot: str
    count: str
    sessions: tuple[str, str, str]


_HIGH: Final = _Side(
    stream="daily_range_high",
    line=HIGH,
    sign=1.0,
    within=np.less_equal,
    widen=np.fmax,
    extreme="day_high",
    snapshot="snapshot_high",
    count="new_high_count",
    sessions=("pre_market_high", "regular_high", "after_hours_high"),
)
_LOW: Final = _Side(
    stream="daily_range_low",
    line=LOW,
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


class DailyRangeAnalyzer(Analyzer[Aggregate]):
    """Aggregates to ranges, and to alerts. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "daily_range"
    columns: Final = (
        *(side.extreme for side in _SIDES),
        *(column for side in _SIDES for column in side.sessions),
        *(side.count for side in _SIDES),
        _RESTRICTED,
    )
    sheets = MappingProxyType({})
    streams: Final = tuple(side.stream for side in _SIDES)

    def update(
        self, table: MarketTable, group: EventGroup[Aggregate], phase: MarketPhase
    ) -> Sequence[Emission]:
        """Apply bars; emits one line for each bar that broke the range, in the order of arrival."""
        emissions: list[Emission] = []
        for side in _SIDES:
            _take_snapshot(table, side, slice(None))
            _widen_sessions(table, side, group, phase.day)
            emissions += _widen_day(table, side, group, phase.day)
        return emissions

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """What does not come from bars: the snapshot's part, counts of nothing yet, the restriction."""
        has_bar = ~np.isnan(table["start_timestamp"][rows])
        for side in _SIDES:
            _take_snapshot(table, side, rows)
            count = table[side.count]
            count[rows[has_bar & np.isnan(count[rows])]] = 0
        table[_RESTRICTED][rows] = _restricted(table, rows)


def session_codes(starts_ms: Column, day: TradingDay) -> NDArray[np.intp]:
    """The session in which bars start."""
    bounds = (day.day_start_ms, day.regular_open_ms, day.regular_close_ms, day.after_hours_end_ms)
    codes = np.searchsorted(bounds, starts_ms, side="right") - 1
    codes[codes < PRE_MARKET] = NIGHT
    return codes


def _take_snapshot(table: MarketTable, side: _Side, rows: Rows | slice) -> None:
    """Rows that this changes are marked already, as the reference data was written to them."""
    table[side.extreme][rows] = side.widen(table[side.extreme][rows], table[side.snapshot][rows])


def _widen_sessions(table: MarketTable, side: _Side, group: EventGroup[Aggregate], day: TradingDay) -> None:
    """High or low of each session over every bar, late ones included, so that their order does not matter."""
    starts = group.lines[START]
    first, last = session_codes(np.array([starts.min(), starts.max()]), day).tolist()
    if first == last:
        _widen_session(table, side, first, group.rows, group.lines)
        return
    codes = session_codes(starts, day)
    for session in np.unique(codes).tolist():
        chosen = np.flatnonzero(codes == session)
        _widen_session(table, side, session, group.rows[chosen], group.lines[:, chosen])


def _widen_session(table: MarketTable, side: _Side, session: int, rows: Rows, bars: Lines) -> None:
    if session == NIGHT:
        return
    held, values = table[side.sessions[session]], bars[side.line]
    outside = np.flatnonzero(~side.within(values, held[rows]))
    if len(outside):
        side.widen.at(held, rows[outside], values[outside])
        table.mark(rows[outside])


def _widen_day(
    table: MarketTable, side: _Side, group: EventGroup[Aggregate], day: TradingDay
) -> Sequence[Emission]:
    held, values = table[side.extreme], group.lines[side.line]
    outside = np.flatnonzero(~side.within(values, held[group.rows]))
    if not len(outside):
        return ()
    rows, values = group.rows[outside], values[outside]
    levels = side.sign * _greatest_before(rows, side.sign * values, side.sign * held[rows])
    held[rows] = side.widen(values, levels)  # of several bars of a row the last one's is the widest
    table.mark(rows)
    broke = np.flatnonzero(side.sign * values > side.sign * levels)
    if not len(broke):
        return ()
    _count(table[side.count], rows[broke])
    starts = group.lines[START, outside[broke]]
    columns = {
        "price": values[broke],
        "level": levels[broke],
        "session": session_codes(starts, day).astype(np.float64),
        "start_timestamp": starts,
        "end_timestamp": group.lines[END, outside[broke]],
    }
    return (Emission(side.stream, rows[broke], columns),)


def _greatest_before(rows: Rows, values: Column, held: Column) -> Column:
    """For each value the greatest before it in its row, or what the row held; NaN where there is nothing.

    Values become whole numbers that grow from one row to the next, so that one running maximum over all of
    them, sorted by row, is one for each row.
    """
    order = np.argsort(rows, kind="stable")
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = rows[order][1:] != rows[order][:-1]
    if is_first.all():
        return held
    distinct, places = np.unique(values[order], return_inverse=True)
    offsets = np.cumsum(is_first) * len(distinct)
    greatest = distinct[np.maximum.accumulate(offsets + places) - offsets]
    before = np.empty(len(rows))
    before[order[1:]] = greatest[:-1]
    before[order[is_first]] = np.nan
    return np.fmax(before, held)


def _count(counts: Column, rows: Rows) -> None:
    counts[rows] = np.fmax(counts[rows], 0)
    np.add.at(counts, rows, 1)


def _restricted(table: MarketTable, rows: Rows) -> Column:
    previous_close = table["prev_day_close"][rows]
    today = table["regular_low"][rows] <= RESTRICTION_SHARE * previous_close
    since_yesterday = table["prev_day_short_sale_restricted"][rows] == 1
    return np.where(np.isnan(previous_close), np.nan, today | since_yesterday)
