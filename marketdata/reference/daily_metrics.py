"""Metrics computed from the daily bars of the last sessions, for the whole market together. No I/O."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.payloads import Column
from marketdata.reference.facts import DailyBar

TRUE_RANGE_PERIOD: Final = 14
RESTRICTING_DECLINE: Final = 0.10
_ROUNDING: Final = 1e-9

Matrix: TypeAlias = NDArray[np.float64]
SessionBars: TypeAlias = Sequence[DailyBar] | None
"""The bars of one session, one for each symbol that traded; None if they could not be loaded."""


class SessionPanel(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The daily bars of several sessions side by side, oldest first; the last is the previous session.

    Each matrix is [session, symbol] with NaN where a symbol has no bar. `available[session]` is False if
    the bars of the whole session could not be loaded; such a session is a row of NaN.
    """

    symbols: tuple[str, ...]
    available: NDArray[np.bool_]
    open: Matrix
    high: Matrix
    low: Matrix
    close: Matrix
    volume: Matrix
    vwap: Matrix


def build_panel(sessions: Sequence[SessionBars]) -> SessionPanel:
    """Sessions, oldest first, as a panel. A price of 0 becomes absent: the source uses it for unknown."""
    symbols = tuple(sorted({bar.symbol for bars in sessions for bar in bars or ()}))
    column_of = {symbol: column for column, symbol in enumerate(symbols)}
    values = np.full((6, len(sessions), len(symbols)), np.nan)
    for row, bars in enumerate(sessions):
        if bars:
            columns = np.fromiter((column_of[bar.symbol] for bar in bars), dtype=np.intp, count=len(bars))
            values[:, row, columns] = np.array([_numbers(bar) for bar in bars]).T
    opening, high, low, close, volume, vwap = values
    return SessionPanel(
        symbols=symbols,
        available=np.array([bars is not None for bars in sessions], dtype=np.bool_),
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=volume,
        vwap=vwap,
    )


def without_sessions(panel: SessionPanel, rows: Iterable[int]) -> SessionPanel:
    """The panel without some of its sessions."""
    kept = np.ones(len(panel.available), dtype=np.bool_)
    kept[list(rows)] = False
    fields = ("available", "open", "high", "low", "close", "volume", "vwap")
    return msgspec.structs.replace(panel, **{name: getattr(panel, name)[kept] for name in fields})


def average_volumes(panel: SessionPanel) -> Column:
    """The mean daily volume of each symbol over the sessions of the panel, in shares.

    A session without a bar counts as zero volume, except before the symbol's first bar: a stock listed last
    week is averaged over a week, an illiquid one over all sessions.
    """
    traded = np.isfinite(panel.volume)
    listed = np.logical_or.accumulate(traded, axis=0) & panel.available[:, None]
    with np.errstate(invalid="ignore"):
        mean: Column = np.nansum(panel.volume, axis=0) / listed.sum(axis=0)
    return mean


def average_true_range(panel: SessionPanel, period: int = TRUE_RANGE_PERIOD) -> Column:
    """The average true range of each symbol after its newest bar, dollars a share (Wilder, 1978).

    True range of a bar: the greatest of high - low, |high - c| and |low - c|, where c is the close of the
    symbol's bar before; the first bar has none. Seed: the mean of the first `period` true ranges. From then
    on ATR = (ATR * (period - 1) + true range) / period. Sessions in which a symbol did not trade are left out
    of its row of bars. Absent (NaN) with fewer than `period` + 1 bars.
    """
    symbols = len(panel.symbols)
    count, total = np.zeros(symbols), np.zeros(symbols)
    average, before = np.full(symbols, np.nan), np.full(symbols, np.nan)
    for high, low, close in zip(panel.high, panel.low, panel.close, strict=True):
        true_range = np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))
        known = np.isfinite(true_range)
        count += known
        total += np.where(known & (count <= period), true_range, 0.0)
        average = np.where(known & (count > period), (average * (period - 1) + true_range) / period, average)
        average = np.where(known & (count == period), total / period, average)
        before = np.where(np.isfinite(close), close, before)
    return average


def previous_session_restricted(panel: SessionPanel) -> Column:
    """Whether the previous session triggered the short-sale circuit breaker: 1, 0, or NaN for unknown.

    SEC Regulation SHO, rule 201: a decline of 10 % or more from the close of the day before triggers it, for
    the rest of that day and the whole next day. So 1 means that the restriction is in force today. This is
    computed from daily bars (low <= 0.9 * last close before), and not published by the listing exchange. The
    exchange may differ, and it decides: it uses its own closing price, and revokes erroneous triggers.
    """
    restricted = np.full(len(panel.symbols), np.nan)
    if len(panel.available) < 2:
        return restricted
    before = np.full(len(panel.symbols), np.nan)
    for close, available in zip(panel.close[:-1], panel.available[:-1], strict=True):
        # After a session without bars, an older close is not the one to compare with.
        before = np.where(np.isfinite(close) | (not available), close, before)
    limit = (1 - RESTRICTING_DECLINE) * before * (1 + _ROUNDING)
    known = np.isfinite(panel.low[-1]) & np.isfinite(limit)
    restricted[known] = panel.low[-1][known] <= limit[known]
    return restricted


def most_traded(panel: SessionPanel, count: int) -> Sequence[str]:
    """The symbols with the greatest dollar volume over all sessions, the greatest first."""
    dollars = np.nansum(panel.close * panel.volume, axis=0)
    return [panel.symbols[column] for column in np.argsort(-dollars, kind="stable")[:count].tolist()]


def _numbers(bar: DailyBar) -> tuple[float, ...]:
    opening, high, low, close, vwap = (
        price or np.nan for price in (bar.open, bar.high, bar.low, bar.close, bar.vwap)
    )
    return opening, high, low, close, bar.volume, vwap
