"""Reference data beside the market table: whole columns are joined by symbol."""

from collections.abc import KeysView, Sequence
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
        # One more row, all absent, is what the index -1 of an unknown symbol points at.
        self._matrix = np.full((len(REFERENCE_COLUMNS), len(block) + 1), np.nan)
        self._matrix[:, :-1] = columns

    @property
    def symbols(self) -> KeysView[str]:
        """The symbols that it knows."""
        return self._index.keys()

    def is_early(self, day: TradingDay) -> bool:
        """Whether it was made for a trading day after this one: before 04:00 the next day's is loaded."""
        return self._market_time_ms >= day.next_day_start_ms

    def fill(self, table: MarketTable, rows: Rows, day: TradingDay | None) -> None:
        """Write the reference columns of the rows and mark these; a symbol that is unknown here has none.

        The snapshot counts on the trading day of the block alone; on another `day` it is absent. On a later
        one so is what the block tells of the session before it, which is another session by then. A block
        whose market time is 0 does not say for which day it was made, and serves any.
        """
        found = self._find([table.symbols[row] for row in rows.tolist()])
        table.write(table.columns(REFERENCE_COLUMNS), rows, self._matrix[:, found])
        if day is None or not day.contains(self._market_time_ms):
            table.clear(SNAPSHOT_COLUMNS, rows)
        if day is not None and 0 < self._market_time_ms < day.day_start_ms:
            table.clear(COLUMNS_OF_ITS_DAY, rows)

    def _find(self, symbols: Sequence[str]) -> Rows:
        return np.array([self._index.get(symbol, -1) for symbol in symbols], dtype=np.intp)
