"""Share splits that execute today, and what has to be adjusted for them."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from marketdata.reference.daily_metrics import Matrix, SessionPanel
from marketdata.reference.wire import DailyBar, Float, Split


def split_ratios(splits: Iterable[Split], date: dt.date) -> Mapping[str, float]:
    """New shares for each old one, of the splits that execute on a date: 4 for 4:1, 0.1 for 1:10."""
    ratios: dict[str, float] = {}
    for split in splits:
        if split.execution_date == date:
            ratios[split.symbol] = ratios.get(split.symbol, 1.0) * split.split_to / split.split_from
    return ratios


def adjust_panel(
    panel: SessionPanel, unadjusted: Sequence[DailyBar], ratios: Mapping[str, float]
) -> SessionPanel:
    """The panel in today's shares: prices are divided and volumes multiplied where that is not done yet.

    The provider adjusts daily bars as of its answer, but does not say since what time of an execution date.
    So the close of the previous session is held against the same in `unadjusted` bars: where both are the
    same, the adjustment is still missing. A symbol without an unadjusted bar is taken to be adjusted.
    """
    missing = _symbols_left_to_adjust(panel, unadjusted, ratios)
    if not missing:
        return panel
    factor = np.array([missing.get(symbol, 1.0) for symbol in panel.symbols])
    prices: dict[str, Matrix] = {
        name: getattr(panel, name) / factor for name in ("open", "high", "low", "close", "vwap")
    }
    return msgspec.structs.replace(panel, **prices, volume=panel.volume * factor)


def adjusted_float(row: Float, ratio: float | None, date: dt.date) -> float:
    """The free float in the shares of a date: the provider's row is in those of its effective date."""
    if ratio is None or (row.effective_date is not None and row.effective_date >= date):
        return row.free_float
    return row.free_float * ratio


def _symbols_left_to_adjust(
    panel: SessionPanel, unadjusted: Sequence[DailyBar], ratios: Mapping[str, float]
) -> Mapping[str, float]:
    if not ratios or not len(panel.available):
        return {}
    raw_closes = {bar.symbol: bar.close for bar in unadjusted if bar.symbol in ratios}
    closes = dict(zip(panel.symbols, panel.close[-1].tolist(), strict=True))
    return {
        symbol: ratios[symbol]
        for symbol, raw in raw_closes.items()
        if _is_unadjusted(closes.get(symbol, math.nan), raw, ratios[symbol])
    }


def _is_unadjusted(close: float, raw_close: float, ratio: float) -> bool:
    """Whether a close is nearer to the unadjusted one than to what the split makes of it."""
    if not (close > 0 and raw_close > 0):
        return False
    off = math.log(close / raw_close)
    return abs(off) < abs(off + math.log(ratio))
