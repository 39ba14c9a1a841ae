"""Daily bars and floats to one row block of reference data. Pure functions over NumPy columns."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np

from marketdata.payloads import Column, RowBlock
from marketdata.reference.wire import DailyBar, Float

PRODUCER: Final = "reference"
PREVIOUS_SESSION_COLUMNS: Final = (
    "prev_day_open",
    "prev_day_high",
    "prev_day_low",
    "prev_day_close",
    "prev_day_volume",
    "prev_day_vwap",
)
SessionBars: TypeAlias = Sequence[DailyBar] | None
"""The bars of one session date: empty when there was no session, None when they could not be had."""

COLUMNS: Final = (*PREVIOUS_SESSION_COLUMNS, "avg_volume", "free_float")


def average_volumes(sessions: Sequence[Sequence[DailyBar]]) -> Mapping[str, float]:
    """The mean daily volume of each symbol over the given sessions, oldest first, in shares.

    A session without a bar counts as zero volume, except before the symbol's first bar: a stock listed last
    week is averaged over a week, an illiquid one over all sessions.
    """
    totals: dict[str, float] = {}
    first_session: dict[str, int] = {}
    for index, bars in enumerate(sessions):
        for bar in bars:
            first_session.setdefault(bar.symbol, index)
            totals[bar.symbol] = totals.get(bar.symbol, 0.0) + bar.volume
    return {symbol: total / (len(sessions) - first_session[symbol]) for symbol, total in totals.items()}


def previous_session(sessions: Sequence[SessionBars]) -> Sequence[DailyBar]:
    """The bars of the newest session; none when they could not be had: an older one is not the previous."""
    for bars in reversed(sessions):
        if bars is None:
            return ()
        if bars:
            return bars
    return ()


def assemble(
    sessions: Sequence[SessionBars],
    floats: Sequence[Float],
    *,
    epoch: int,
    published_ns: int,
    market_time_ms: int,
) -> RowBlock:
    """One row for each symbol that any source knows, by symbol; NaN where a source does not know it.

    `sessions` holds the bars of the last session dates, oldest first; the newest is the previous session.
    """
    # An unscheduled closure is in no calendar made before it: a day without bars was no session.
    averages = average_volumes([bars for bars in sessions if bars])
    previous = previous_session(sessions)
    symbols = tuple(sorted({*averages, *(row.symbol for row in floats)}))
    row_of = {symbol: index for index, symbol in enumerate(symbols)}
    columns = {name: np.full(len(symbols), np.nan) for name in COLUMNS}
    _fill_previous_session(columns, row_of, previous)
    _fill(columns["avg_volume"], row_of, averages)
    _fill(columns["free_float"], row_of, {row.symbol: row.free_float for row in floats})
    return RowBlock(
        producer=PRODUCER,
        epoch=epoch,
        tick=1,
        published_ns=published_ns,
        received_ns=0,
        market_time_ms=market_time_ms,
        symbols=symbols,
        columns=columns,
    )


def _fill_previous_session(
    columns: Mapping[str, Column], row_of: Mapping[str, int], bars: Sequence[DailyBar]
) -> None:
    if not bars:
        return
    rows = np.fromiter((row_of[bar.symbol] for bar in bars), dtype=np.intp, count=len(bars))
    values = np.array(
        [
            (bar.open, bar.high, bar.low, bar.close, bar.volume, np.nan if bar.vwap is None else bar.vwap)
            for bar in bars
        ]
    )
    for index, name in enumerate(PREVIOUS_SESSION_COLUMNS):
        columns[name][rows] = values[:, index]


def _fill(column: Column, row_of: Mapping[str, int], values: Mapping[str, float]) -> None:
    rows = np.fromiter((row_of[symbol] for symbol in values), dtype=np.intp, count=len(values))
    column[rows] = np.fromiter(values.values(), dtype=np.float64, count=len(values))
