"""The difference between two states of a table. Pure, and vectorised."""

from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float64]
Positions: TypeAlias = NDArray[np.intp]
Order: TypeAlias = list[str | tuple[int, int]]


class Changes(msgspec.Struct, frozen=True):
    """The changes that turn a state into the next one.

    Of the symbols in both states, `places` are the positions of changed rows in the former state, and
    `origins` their positions in the next one; `differ[i]` says which values of row `i` of them changed.
    `added` are the positions of new symbols in the next state. `order` is the next sequence of symbols, if it
    differs: new symbols by name, and `(start, count)` for neighbours of the former state.
    """

    places: Positions
    origins: Positions
    differ: NDArray[np.bool_]
    added: Positions
    order: Order | None

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(len(self.places)) or self.order is not None


_NONE: Positions = np.empty(0, dtype=np.intp)


def compare(
    before: tuple[str, ...], before_values: Matrix, after: tuple[str, ...], after_values: Matrix
) -> Changes:
    """The changes from one state to the next. `values[i]` are those of symbol `i`; NaN equals NaN.

    No state has a symbol twice.
    """
    if before == after:
        differ = _differ(before_values, after_values)
        changed = np.flatnonzero(differ.any(axis=1))
        return Changes(changed, changed, differ[changed], _NONE, None)
    known = {symbol: place for place, symbol in enumerate(before)}
    places = np.array([known.get(symbol, -1) for symbol in after], dtype=np.intp)
    kept = np.flatnonzero(places >= 0)
    differ = _differ(before_values[places[kept]], after_values[kept])
    changed = np.flatnonzero(differ.any(axis=1))
    origins = kept[changed]
    order = _order(after, places)
    return Changes(places[origins], origins, differ[changed], np.flatnonzero(places < 0), order)


def _differ(before: Matrix, after: Matrix) -> NDArray[np.bool_]:
    differing: NDArray[np.bool_] = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return differing


def _order(symbols: tuple[str, ...], places: Positions) -> Order:
    """The sequence of symbols, with a run for each stretch whose former places follow each other."""
    if not len(places):
        return []
    follows = (places[1:] == places[:-1] + 1) & (places[:-1] >= 0)
    starts = np.flatnonzero(np.concatenate(([True], ~follows)))
    counts = np.diff(starts, append=len(places))
    return [
        symbols[start] if place < 0 else (place, count)
        for start, place, count in zip(starts.tolist(), places[starts].tolist(), counts.tolist(), strict=True)
    ]
