"""The rows of a feed as they are sent, the difference of two states of them, and the stream of states."""

import functools
from collections.abc import Sequence
from typing import TypeAlias, TypeGuard

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.clock import Clock
from marketdata.payloads import RowBlock
from marketdata.schema import MOST_DECIMALS, SIGNIFICANT_DIGITS, Unit
from marketdata.schema.stored import COLUMNS
from marketdata.tapes import TradeTape
from widgets.hub.feeds.feed import Feed
from widgets.hub.feeds.stream import FeedStream, KeptLonger, epoch_text
from widgets.protocol import NO_MARKS, ColumnMarks, EmittedCells, EmittedRows, FeedDelta, FeedEmission

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


class FeedRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one feed at one tick of their producer, in their order.

    `values[i]` are the values of `symbols[i]`, one for each of `columns`. They are rounded to the precision
    in which they are sent, so a change below that precision is not sent. NaN means absent. `epoch`, `tick`,
    the times and the marks are those of the row block.
    """

    epoch: int
    tick: int
    received_ns: int
    market_time_ms: int
    symbols: tuple[str, ...]
    columns: tuple[str, ...]
    values: Matrix
    marks: ColumnMarks = NO_MARKS

    def only(self, position: int) -> "FeedRows":
        """The row at a position, as the only row."""
        return msgspec.structs.replace(
            self, symbols=(self.symbols[position],), values=self.values[position : position + 1]
        )

    def picked(self, columns: tuple[str, ...]) -> "FeedRows":
        """The same rows with those of `columns` that they have."""
        names = tuple(name for name in columns if name in self.columns)
        if names == self.columns:
            return self
        values = self.values[:, [self.columns.index(name) for name in names]]
        marks = self.marks.picked(names)
        return msgspec.structs.replace(self, columns=names, values=values, marks=marks)


@functools.lru_cache(maxsize=64)
def decimals_of(columns: tuple[str, ...]) -> tuple[int, ...]:
    """The number of decimals of each column in frames."""
    return tuple(COLUMNS[name].decimals for name in columns)


def select_rows(
    block: RowBlock, columns: Sequence[str], positions: Sequence[int] | None = None, *, fill: bool = False
) -> FeedRows:
    """The named columns of a block: all rows, or the rows at `positions`.

    Columns that the block does not have are omitted or, with `fill`, included with absent values.
    """
    names = tuple(name for name in columns if fill or name in block.columns)
    if positions is None:
        symbols = block.symbols
        picked = [block.columns.get(name, np.nan) for name in names]
    else:
        symbols = tuple(block.symbols[position] for position in positions)
        rows = np.array(positions, dtype=np.intp)
        picked = [block.columns[name][rows] if name in block.columns else np.nan for name in names]
    values = np.empty((len(symbols), len(names)))
    for index, column in enumerate(picked):
        values[:, index] = column
    return FeedRows(
        epoch=block.epoch,
        tick=block.tick,
        received_ns=block.received_ns,
        market_time_ms=block.market_time_ms,
        symbols=symbols,
        columns=names,
        values=_rounded(values, names),
        marks=ColumnMarks.of(block, names),
    )


def trade_values(trades: TradeTape, columns: Sequence[str]) -> Matrix:
    """The columns of trades, in this order."""
    values = {
        "trade_price": trades.prices,
        "trade_size": trades.sizes,
        "trade_timestamp": trades.timestamps,
        "trade_sequence_number": trades.sequence_numbers,
    }
    return np.column_stack([values[name] for name in columns])


@functools.lru_cache(maxsize=64)
def _small_below(columns: tuple[str, ...]) -> NDArray[np.float64]:
    """For each column the size below which its values need more decimals than its unit has."""
    bounds = [
        10.0 ** (SIGNIFICANT_DIGITS - 1 - column.decimals) if column.unit is Unit.DOLLARS else 0.0
        for column in map(COLUMNS.__getitem__, columns)
    ]
    return np.array(bounds)


def _rounded(values: Matrix, columns: tuple[str, ...]) -> Matrix:
    rounded = _to_decimals(values, np.array(decimals_of(columns)))
    size = np.abs(values)
    small = (size < _small_below(columns)) & (size > 0)
    if small.any():
        needed = SIGNIFICANT_DIGITS - 1 - np.floor(np.log10(size[small]))
        rounded[small] = _to_decimals(values[small], np.minimum(needed, MOST_DECIMALS))
    return rounded


def _to_decimals(values: NDArray[np.float64], decimals: NDArray[np.number]) -> NDArray[np.float64]:
    scale = np.power(10.0, decimals)
    rounded: NDArray[np.float64] = np.rint(values * scale) / scale + 0.0  # adding 0.0 turns -0.0 into 0.0
    return rounded


class TableStream(FeedStream):
    """Rows by symbol, in an order: a board, or the one row of a symbol.

    The rows are a state: of what was offered, only the newest counts. Its position is that of the rows: epoch
    and tick of their producer.
    """

    def __init__(self, feed: Feed, clock: Clock, kept_longer: KeptLonger | None = None) -> None:
        super().__init__(feed, 0, clock, kept_longer)
        self._held: FeedRows | None = None
        self._offered: FeedRows | None = None

    @property
    def newest(self) -> FeedRows | None:
        """The newest state that was offered."""
        return self._offered or self._held

    def offer(self, rows: FeedRows) -> bool:
        """Take a newer state. Returns False if it is not newer.

        Ticks order the states of one epoch. Another epoch is another process of the producer, and counts as
        newer: the clocks of two machines cannot be compared safely.
        """
        newest = self.newest
        if newest is not None and rows.epoch == newest.epoch and rows.tick <= newest.tick:
            return False
        self._offered = rows
        return True

    def emit(self) -> FeedEmission | None:
        """Move on to the newest state. Returns a delta, a snapshot if a delta is not possible, or None."""
        before, after = self._held, self.newest
        if after is None:
            return None
        self._held, self._offered = after, None
        self._times = (after.received_ns, after.market_time_ms)
        if not self._follows(before, after):
            self._move_to(epoch_text(after.epoch, after.columns), after.tick)
            return self._as_snapshot()
        changes = compare(before.symbols, before.values, after.symbols, after.values)
        if not changes:
            return None
        position = self._move_to(self._epoch, after.tick)
        decimals = decimals_of(after.columns)
        symbols = [after.symbols[index] for index in changes.added.tolist()]
        return FeedDelta(
            position,
            EmittedRows(symbols, after.columns, decimals, after.values[changes.added]),
            EmittedCells(changes.places, changes.differ, after.values[changes.origins], decimals),
            changes.order,
            before.symbols,
        )

    def _follows(self, before: FeedRows | None, after: FeedRows) -> TypeGuard[FeedRows]:
        """Whether clients who have the state before can be sent the changes alone."""
        return (
            before is not None
            and not self._snapshot_due
            and (before.epoch, before.columns, before.marks) == (after.epoch, after.columns, after.marks)
        )

    def _marks(self) -> ColumnMarks:
        return NO_MARKS if self._held is None else self._held.marks

    def _all_rows(self) -> EmittedRows:
        held = self._held
        if held is None:
            raise LookupError(f"{self.feed.name}: nothing was emitted yet")
        return EmittedRows(held.symbols, held.columns, decimals_of(held.columns), held.values)
