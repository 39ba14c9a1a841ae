"""Keeps stored reference data where a new load lacks a part. No I/O.

A load that lacks a part must not remove the data of an earlier load. Stored data of the same trading day can
replace every part. Stored data of the trading day before can replace only parts that change slowly: floats,
types, the volume curve. Its bars end one session earlier, so they are not those of the previous session.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from marketdata.payloads import Column, RowBlock
from marketdata.reference.columns import PREVIOUS_SESSION_COLUMNS, SNAPSHOT_COLUMNS
from marketdata.reference.flaws import (
    FLOATS,
    SNAPSHOT,
    SPLITS,
    TICKERS,
    UNADJUSTED_BARS,
    VOLUME_CURVE,
    Flaw,
    StoredParts,
)
from marketdata.reference.loader import Loaded
from marketdata.reference.sessions import DAILY_BARS
from marketdata.reference.tickers import Ticker
from marketdata.reference.volume_curve import VolumeCurve

BAR_COLUMNS: Final = (
    *PREVIOUS_SESSION_COLUMNS,
    "avg_volume",
    "average_true_range",
    "prev_day_short_sale_restricted",
)
SLOW_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    FLOATS: ("free_float",),
    TICKERS: ("ticker_type", "nasdaq_listed"),
}
"""The columns of each part that data of the trading day before can replace."""

SAME_DAY_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    **SLOW_COLUMNS,
    SPLITS: ("split_ratio",),
    SNAPSHOT: SNAPSHOT_COLUMNS,
}


class Stored(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The reference data in the cache. A part is None if it is not stored or cannot be decoded."""

    block: RowBlock | None = None
    parts: StoredParts | None = None
    tickers: Mapping[str, Ticker] | None = None
    volume_curve: VolumeCurve | None = None


def keep_better(loaded: Loaded, stored: Stored) -> Loaded:
    """The loaded data, with stored data for its missing parts. Its flaws give the date of each kept part."""
    block, parts = stored.block, stored.parts
    if block is None or parts is None or not loaded.flaws:
        return loaded
    same_day = loaded.day.contains(block.market_time_ms)
    if not same_day and parts.date != loaded.previous_date:
        return loaded
    merge = _Merge(loaded.block, block)
    lacking = {flaw.part for flaw in loaded.flaws}
    kept = set(lacking & (SAME_DAY_COLUMNS.keys() if same_day else SLOW_COLUMNS.keys()))
    if same_day:
        merge.keep_floats_in_known_shares()
    else:
        merge.adjust_floats(loaded.doubtful_splits)
        if SPLITS in lacking:
            kept.discard(FLOATS)  # without splits, it is unknown which of yesterday's are in today's shares
    for part in kept:
        merge.fill(SAME_DAY_COLUMNS[part])
    if same_day and _lack(loaded.flaws, loaded.previous_date) > _lack(parts.flaws, loaded.previous_date):
        merge.replace(BAR_COLUMNS)
        kept |= {DAILY_BARS, UNADJUSTED_BARS}
    tickers = loaded.tickers
    if TICKERS in kept:
        tickers = {**(stored.tickers or {}), **(tickers or {})} or None
    curve = loaded.volume_curve or stored.volume_curve
    if loaded.volume_curve is None and curve is not None:
        kept.add(VOLUME_CURVE)
    return msgspec.structs.replace(
        loaded,
        block=merge.block(),
        tickers=tickers,
        volume_curve=curve,
        flaws=_marked(loaded.flaws, kept, parts.date),
    )


def parts_of(loaded: Loaded, before: StoredParts | None, now_ms: int) -> StoredParts:
    """The record of a load that ends at `now_ms` (epoch ms); `before` is the record that is stored so far."""
    loads = before.loads + 1 if before is not None and before.date == loaded.date else 1
    return StoredParts(
        date=loaded.date,
        loaded_ms=now_ms,
        loads=loads,
        flaws=tuple(loaded.flaws),
        closures=tuple(loaded.closures),
    )


def _lack(flaws: Sequence[Flaw], previous_date: dt.date) -> tuple[bool, bool, int]:
    """How incomplete daily bars are, worst first: no previous session, unknown shares, missing sessions."""
    missing = [flaw for flaw in flaws if flaw.part == DAILY_BARS]
    shares = any(flaw.part in {SPLITS, UNADJUSTED_BARS} for flaw in flaws)
    return any(flaw.date == previous_date for flaw in missing), shares, len(missing)


def _marked(flaws: Sequence[Flaw], kept: Collection[str], date: dt.date) -> Sequence[Flaw]:
    return tuple(msgspec.structs.replace(flaw, kept=date) if flaw.part in kept else flaw for flaw in flaws)


class _Merge:
    """Merges two blocks, with a row for every symbol of either."""

    def __init__(self, new: RowBlock, old: RowBlock) -> None:
        self._new = new
        self._symbols = tuple(sorted({*new.symbols, *old.symbols}))
        row_of = {symbol: row for row, symbol in enumerate(self._symbols)}
        self._own = _spread(new, row_of)
        self._other = _spread(old, row_of)
        self._is_new = np.zeros(len(self._symbols), dtype=np.bool_)
        self._is_new[[row_of[symbol] for symbol in new.symbols]] = True
        self._is_old = np.zeros(len(self._symbols), dtype=np.bool_)
        self._is_old[[row_of[symbol] for symbol in old.symbols]] = True

    def adjust_floats(self, doubtful: Collection[str]) -> None:
        """Convert the old block's floats to the new block's shares; drop those with an unknown split."""
        ratios = np.nan_to_num(self._own["split_ratio"], nan=1.0)
        ratios[[symbol in doubtful for symbol in self._symbols]] = np.nan
        self._other["free_float"] *= ratios

    def keep_floats_in_known_shares(self) -> None:
        """Drop old floats of symbols whose split of the day was not yet known when they were loaded."""
        has_ratio, had_ratio = (~np.isnan(side["split_ratio"]) for side in (self._own, self._other))
        self._other["free_float"][has_ratio & ~had_ratio] = np.nan

    def fill(self, columns: Sequence[str]) -> None:
        """Fill the absent values of the new block from the old one."""
        for name in columns:
            self._own[name] = np.where(np.isnan(self._own[name]), self._other[name], self._own[name])

    def replace(self, columns: Sequence[str]) -> None:
        """Use the old block's values for all symbols that it has."""
        for name in columns:
            self._own[name] = np.where(self._is_old, self._other[name], self._own[name])

    def block(self) -> RowBlock:
        """The merged block: the new block's symbols, and the old symbols with a value."""
        taken = ~np.isnan(np.vstack(list(self._own.values()))).all(axis=0)
        rows = np.flatnonzero(self._is_new | taken)
        return msgspec.structs.replace(
            self._new,
            symbols=tuple(self._symbols[row] for row in rows.tolist()),
            columns={name: column[rows] for name, column in self._own.items()},
        )


def _spread(block: RowBlock, row_of: Mapping[str, int]) -> dict[str, Column]:
    rows = np.fromiter((row_of[symbol] for symbol in block.symbols), np.intp, len(block.symbols))
    spread: dict[str, Column] = {}
    for name, column in block.columns.items():
        spread[name] = np.full(len(row_of), np.nan)
        spread[name][rows] = column
    return spread
