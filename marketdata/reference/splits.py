"""Share splits that execute today, and the adjustment of bars and floats for them."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from marketdata.reference.daily_metrics import Matrix, SessionPanel
from marketdata.reference.facts import DailyBar, Float, Split

SAME_RATIO: Final = 1e-3
"""By what fraction two ratios of the same split may differ: some listings round 1:33 to 0.0303."""

UNDONE: Final = 0.02
"""How far from 1 the product of two ratios that undo each other may be: listings may round 1:3 to 0.33."""

NEARNESS: Final = 0.3
"""How near a close must be to the unadjusted or the adjusted close; 1 is the distance between these two."""


class DaySplits(msgspec.Struct, frozen=True):
    """The splits of a day: new shares for each old one, 4 for 4:1, 0.1 for 1:10.

    `doubtful` are the ratios of symbols whose listed splits contradict each other. `is_known` is False if the
    splits of the day could not be loaded.
    """

    ratios: Mapping[str, float] = {}
    doubtful: Mapping[str, Sequence[float]] = {}
    is_known: bool = True

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol that splits."""
        return (*self.ratios, *self.doubtful)


class AdjustedPanel(msgspec.Struct, frozen=True):
    """The panel in today's shares. `unknown`: symbols without bars, since the shares of these are unknown."""

    panel: SessionPanel
    ratios: Mapping[str, float]
    unknown: frozenset[str] = frozenset()


def splits_of(splits: Iterable[Split], date: dt.date) -> DaySplits:
    """The splits that execute on a date, combined for each symbol.

    The same ratio listed again is the same split. A forward and a reverse split on one day are two steps of
    one measure (companies use it to buy out their smallest shareholders), and their ratios are multiplied.
    Two ratios in the same direction contradict each other. So do two that undo each other: they are probably
    one split that is also listed upside down.
    """
    listed: defaultdict[str, list[float]] = defaultdict(list)
    for split in splits:
        ratio = split.split_to / split.split_from
        known = listed[split.symbol]
        if split.execution_date == date and not any(_is_same(ratio, other) for other in known):
            known.append(ratio)
    ratios: dict[str, float] = {}
    doubtful: dict[str, Sequence[float]] = {}
    for symbol, found in listed.items():
        forward = [ratio for ratio in found if ratio > 1]
        reverse = [ratio for ratio in found if ratio < 1]
        ratio = math.prod((*forward, *reverse))
        undone = bool(forward and reverse) and math.isclose(ratio, 1.0, rel_tol=UNDONE)
        if len(forward) > 1 or len(reverse) > 1 or undone:
            doubtful[symbol] = [*forward, *reverse]
        elif forward or reverse:
            ratios[symbol] = ratio
    return DaySplits(ratios, doubtful)


def adjust_panel(
    panel: SessionPanel, unadjusted: Sequence[DailyBar] | None, splits: DaySplits
) -> AdjustedPanel:
    """The panel in today's shares: divides prices and multiplies volumes of bars that are not adjusted yet.

    The provider adjusts daily bars when it answers, but does not document from what time of an execution
    date. So the closes of the panel's newest session are compared with `unadjusted`, the same session's
    unadjusted bars: if both closes are equal, the adjustment is missing. If a close fits neither, or there is
    none to compare with, the shares of the bars are unknown and the symbol's bars are left out. Of
    contradictory ratios, the one that the provider's own adjustment shows is used.
    """
    closes = dict(zip(panel.symbols, _newest(panel).tolist(), strict=True))
    raw_closes = {bar.symbol: bar.close for bar in unadjusted or ()}
    ratios = dict(splits.ratios)
    missing: dict[str, float] = {}
    unknown: set[str] = set()
    for symbol in splits.symbols:
        close, raw_close = closes.get(symbol, math.nan), raw_closes.get(symbol, math.nan)
        if symbol in splits.doubtful:
            candidates = splits.doubtful[symbol]
            fitting = [ratio for ratio in candidates if _is_adjusted(close, raw_close, ratio) is True]
            if len(fitting) != 1:
                unknown.add(symbol)
                continue
            ratios[symbol] = fitting[0]
        is_adjusted = _is_adjusted(close, raw_close, ratios[symbol])
        if is_adjusted is None and symbol in closes:
            unknown.add(symbol)
        elif is_adjusted is False:
            missing[symbol] = ratios[symbol]
    return AdjustedPanel(_in_new_shares(panel, missing, unknown), ratios, frozenset(unknown))


def adjusted_float(row: Float, ratio: float | None, date: dt.date) -> float:
    """The free float in the shares of a date. The provider's row is in the shares of its effective date."""
    if ratio is None or is_in_shares_of(row, date):
        return row.free_float
    return row.free_float * ratio


def is_in_shares_of(row: Float, date: dt.date) -> bool:
    """Whether a float is already in the shares of a date, so that a split on that date does not matter."""
    return row.effective_date is not None and row.effective_date >= date


def newest_session(panel: SessionPanel) -> int | None:
    """The row of the newest available session in the panel; None if there is none."""
    held = np.flatnonzero(panel.available)
    return int(held[-1]) if len(held) else None


def _newest(panel: SessionPanel) -> Matrix:
    row = newest_session(panel)
    return np.full(len(panel.symbols), np.nan) if row is None else panel.close[row]


def _in_new_shares(panel: SessionPanel, missing: Mapping[str, float], unknown: Iterable[str]) -> SessionPanel:
    factors = dict(missing) | dict.fromkeys(unknown, math.nan)
    if not factors:
        return panel
    factor = np.array([factors.get(symbol, 1.0) for symbol in panel.symbols])
    prices: dict[str, Matrix] = {
        name: getattr(panel, name) / factor for name in ("open", "high", "low", "close", "vwap")
    }
    return msgspec.structs.replace(panel, **prices, volume=panel.volume * factor)


def _is_adjusted(close: float, raw_close: float, ratio: float) -> bool | None:
    """Whether a close is adjusted for a split; None if it fits neither the adjusted nor the raw close."""
    if not (close > 0 and raw_close > 0):
        return None
    if _is_same(ratio, 1.0):
        return True  # a split this small is within rounding: there is nothing to adjust
    # 0 for the unadjusted close, 1 for the adjusted one.
    position = -math.log(close / raw_close) / math.log(ratio)
    if abs(position) < NEARNESS:
        return False
    return True if abs(position - 1) < NEARNESS else None


def _is_same(ratio: float, other: float) -> bool:
    return math.isclose(ratio, other, rel_tol=SAME_RATIO)
