"""Joins reference data to the market table by symbol, whole columns at a time."""

from collections.abc import KeysView, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

from marketdata.payloads import RowBlock
from marketdata.reference.columns import COLUMNS as REFERENCE_COLUMNS
from marketdata.reference.columns import COLUMNS_OF_ITS_DAY, SNAPSHOT_COLUMNS
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.trading_calendar import TradingDay
from scanners.rows import Rows
from scanners.table import MarketTable


class ReferenceData:
    """A reference block, indexed by symbol, and the volume curve that came with it."""

    def __init__(self, block: RowBlock, volume_curve: VolumeCurve | None) -> None:
        self.volume_curve: Final = volume_curve
        self._market_time_ms = block.market_time_ms
        self._index = {symbol: index for index, symbol in enumerate(block.symbols)}
        absent = np.full(len(block), np.nan)
        columns = [block.columns.get(name, absent) for name in REFERENCE_COLUMNS]
        # An unknown symbol has the index -1: the last row, in which all values are absent.
        self._matrix = np.full((len(REFERENCE_COLUMNS), len(block) + 1), np.nan)
        self._matrix[:, :-1] = columns

    @property
    def symbols(self) -> KeysView[str]:
        """The symbols that it covers."""
        return self._index.keys()

    def is_early(self, day: TradingDay) -> bool:
        """Whether it is for a later trading day than `day`: the next day's is loaded before 04:00."""
        return self._market_time_ms >= day.next_day_start_ms

    def fill(self, table: MarketTable, rows: Rows, day: TradingDay | None) -> None:
        """Write the reference columns of the rows and mark the rows. Values of unknown symbols are absent.

        The snapshot is used only on the trading day of the block; on another `day` it is absent. On a later
        day the columns of the previous session are absent too, because another session is the previous one by
        then. A block whose market time is 0 does not name its day, and is used on any day.
        """
        found = self._find(table.symbols_of(rows))
        table.write(table.columns(REFERENCE_COLUMNS), rows, self._matrix[:, found])
        if day is None or not day.contains(self._market_time_ms):
            table.clear(SNAPSHOT_COLUMNS, rows)
        if day is not None and 0 < self._market_time_ms < day.day_start_ms:
            table.clear(COLUMNS_OF_ITS_DAY, rows)

    def _find(self, symbols: Sequence[str]) -> Rows:
        return np.array([self._index.get(symbol, -1) for symbol in symbols], dtype=np.intp)


class ReferenceInUse:
    """The reference data in use, the data that waits for its trading day, and which rows are filled.

    Each row is filled once; rows from `_filled` on are not filled yet. Some methods return whether the known
    symbols changed, because the limit for unknown symbols depends on them.
    """

    def __init__(self) -> None:
        self._current: ReferenceData | None = None
        self._waiting: ReferenceData | None = None
        self._filled = 0

    @property
    def symbols(self) -> AbstractSet[str]:
        """The symbols that are known."""
        return frozenset() if self._current is None else self._current.symbols

    @property
    def volume_curve(self) -> VolumeCurve | None:
        """The volume curve of the data in use."""
        return None if self._current is None else self._current.volume_curve

    def offer(self, reference: ReferenceData, day: TradingDay | None) -> bool:
        """Use new data, now or from its later day on. Returns whether the known symbols changed."""
        if day is not None and reference.is_early(day):
            self._waiting = reference
            return False
        self._use(reference)
        return True

    def start_day(self, day: TradingDay) -> bool:
        """A trading day begins: all rows get the data again. Returns whether the known symbols changed.

        Data that waited for the day is used now. Data in use waits if it is for a later day: that happens if
        it arrived before all events.
        """
        self.refill()
        if self._waiting is not None and not self._waiting.is_early(day):
            self._use(self._waiting)
            return True
        if self._current is not None and self._current.is_early(day):
            self._waiting, self._current = self._current, None
            return True
        return False

    def refill(self) -> None:
        """Fill all rows again."""
        self._filled = 0

    def keep(self, row_count: int) -> None:
        """Note that rows were removed from the table; the kept rows are filled."""
        self._filled = min(self._filled, row_count)

    def is_missing_in(self, table: MarketTable) -> bool:
        """Whether there are rows without the data."""
        return self._current is not None and self._filled < len(table)

    def fill(self, table: MarketTable, day: TradingDay | None) -> None:
        """Write the data into the rows that do not have it."""
        if self._current is not None and self.is_missing_in(table):
            self._current.fill(table, np.arange(self._filled, len(table)), day)
            self._filled = len(table)

    def _use(self, reference: ReferenceData) -> None:
        self._current, self._waiting = reference, None
        self.refill()
