"""Share splits that execute today, and what has to be adjusted for them."""

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
"""By what share two ratios may differ and be the same split: 1:33 stands in listings as 0.0303, too."""

UNDONE: Final = 0.02
"""How near to 1 two ratios multiply that undo each other: listings have 1:3 as 0.33, too."""

NEARNESS: Final = 0.3
"""How far, in parts of a split, a close may lie from the unadjusted or from the adjusted one to be taken as
it."""


class DaySplits(msgspec.Struct, frozen=True):
    """The splits of a day: new shares for each old one, 4 for 4:1, 0.1 for 1:10.

    `doubtful` are the ratios of symbols whose listed splits contradict each other. Where the splits of the
    day could not be had, `is_known` is False.
    """

    ratios: Mapping[str, float] = {}
    doubtful: Mapping[str, Sequence[float]] = {}
    is_known: bool = True

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol that splits."""
        return (*self.ratios, *self.doubtful)


class AdjustedPanel(msgspec.Struct, frozen=True):
    """The panel in today's shares; of `unknown` symbols that cannot be told, so they have no bar."""

    panel: SessionPanel
    ratios: Mapping[str, float]
    unknown: frozenset[str] = frozenset()


def splits_of(splits: Iterable[Split], date: dt.date) -> DaySplits:
    """What the splits that execute on a date come to.

    The same ratio listed again is the same split. A forward and a reverse split of one day are two steps of
    one measure, and multiply: so companies part with their smallest shareholders. Two ratios in the same
    direction contradict each other. So do two that undo each other: that looks the same as one split that is
    listed the right way round and the wrong one.
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
    """The panel in today's shares: prices are divided and volumes multiplied where that is not done yet.

    The provider adjusts daily bars as of its answer, but does not say since what time of an execution date.
    So the closes of the newest session in the panel are held against `unadjusted`, the same session's: where
    both are the same, the adjustment is still missing. Where a close fits neither, or there is none to hold
    against, nothing tells what shares the bars are in, and the symbol's are left out. Of ratios that
    contradict each other, the one that the provider's own adjustment shows is right.
    """
    closes = dict(zip(panel.symbols, _newest(panel).tolist(), strict=True))
    raw_closes = {bar.symbol: bar.close for bar in unadjusted or ()}
    ratios = dict(splits.ratios)
    missing: dict[str, float] = {}
    unknown: set[str] = set()
    for symbol in splits.symbols:
        close, raw_close = closes.get(symbol, math.nan), raw_closes.get(symbol, math.nan)
        if symbol in splits.doubtful:
            fitting = [ratio for ratio in splits.doubtful[symbol] if _done(close, raw_close, ratio) is True]
            if len(fitting) != 1:
                unknown.add(symbol)
                continue
            ratios[symbol] = fitting[0]
        done = _done(close, raw_close, ratios[symbol])
        if done is None and symbol in closes:
            unknown.add(symbol)
        elif done is False:
            missing[symbol] = ratios[symbol]
    return AdjustedPanel(_in_new_shares(panel, missing, unknown), ratios, frozenset(unknown))


def adjusted_float(row: Float, ratio: float | None, date: dt.date) -> float:
    """The free float in the shares of a date: the provider's row is in those of its effective date."""
    if ratio is None or is_in_shares_of(row, date):
        return row.free_float
    return row.free_float * ratio


def is_in_shares_of(row: Float, date: dt.date) -> bool:
    """Whether a float is told in the shares of a date, whatever splits on it."""
    return row.effective_date is not None and row.effective_date >= date


def newest_session(panel: SessionPanel) -> int | None:
    """The row of the panel's newest session that could be had."""
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


def _done(close: float, raw_close: float, ratio: float) -> bool | None:
    """Whether a close is adjusted for a split; None where it is neither adjusted nor unadjusted."""
    if not (close > 0 and raw_close > 0):
        return None
    if _is_same(ratio, 1.0):
        return True  # so small a split cannot be told from rounding, and leaves nothing to adjust
    # In parts of the split: 0 for the unadjusted close, 1 for the adjusted one.
    place = -math.log(close / raw_close) / math.log(ratio)
    if abs(place) < NEARNESS:
        return False
    return True if abs(place - 1) < NEARNESS else None


def _is_same(ratio: float, other: float) -> bool:
    return math.isclose(ratio, other, rel_tol=SAME_RATIO)
