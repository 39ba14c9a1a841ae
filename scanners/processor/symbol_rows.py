"""The symbols that have rows in a shard's table: which ones get a row, and the reference data in their rows.

All symbols of the reference data get a row, and a limited number of others. A provider's feed that is wrong
or hostile can name any number of symbols. Without a limit their rows would use memory and time until the
shard misses its ticks. While reference data is missing or incomplete, a whole market must fit. Once it is
complete, only newcomers are unknown, and they are few.
"""

from collections import Counter
from collections.abc import KeysView, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
import numpy as np

from marketdata.codec import SymbolColumn
from marketdata.kernels.symbols import UNKNOWN
from marketdata.payloads import Column, RowBlock
from marketdata.reference.columns import COLUMNS as REFERENCE_COLUMNS
from marketdata.reference.columns import COLUMNS_OF_ITS_DAY, SNAPSHOT_COLUMNS
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.trading_calendar import TradingDay
from scanners.registry import RECEIVED_COLUMN
from scanners.rows import Rows
from scanners.table import MarketTable

MARKET_ROWS: Final = 16_000
"""The most symbols that a market can have. The US stock market has 11,000 to 13,000."""

NEWCOMER_ROWS: Final = 1_000
"""The least number of rows for symbols without reference data."""

UNKNOWN_SYMBOL: Final = "unknown_symbol"
"""The reason in metrics and logs why events of a symbol without a row are ignored."""

MAX_REFUSED_STORED: Final = 200
"""How many refused symbols are stored for the job that looks up newcomers: those with the most events."""

_MAX_REFUSED_COUNTED: Final = 2_000


def rows_for_unknown(known: AbstractSet[str]) -> int:
    """How many rows are allowed for unknown symbols, given the symbols that reference data knows."""
    return max(NEWCOMER_ROWS, MARKET_ROWS - len(known))


class ReferenceData:
    """A reference block, indexed by symbol, and the volume curve that came with it.

    It is joined to the market table by symbol, whole columns at a time.
    """

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


class Admission:
    """Gives rows to symbols, and counts the events of the symbols that it refused.

    The number of counts is limited: when there are too many, the symbols with the fewest events are removed.
    So a symbol with many events keeps its count, however many others appear.
    """

    def __init__(self) -> None:
        self._unknown_rows: int | None = None
        self._refused: Counter[str] = Counter()
        self._is_changed = False
        self._day_has_begun = False

    def rows(
        self, table: MarketTable, symbols: SymbolColumn, reference: ReferenceInUse, day: TradingDay | None
    ) -> tuple[Rows, bool]:
        """The row of each symbol, or `UNKNOWN` if it was refused, and whether all symbols have a row.

        All rows have their reference data for this day afterwards.
        """
        reference.fill(table, day)
        rows, all_found = table.find(symbols)
        if all_found:
            return rows, True
        known = reference.symbols
        new = Counter([symbols[index] for index in np.flatnonzero(rows == UNKNOWN).tolist()])
        if self._unknown_rows is None:
            self._unknown_rows = sum(symbol not in known for symbol in table.symbols)
        free_rows = max(0, rows_for_unknown(known) - self._unknown_rows)
        unknown = [symbol for symbol in new if symbol not in known]
        refused = set(unknown[free_rows:])
        self._unknown_rows += len(unknown) - len(refused)
        self._refuse({symbol: new[symbol] for symbol in unknown[free_rows:]})
        table.rows([symbol for symbol in new if symbol not in refused])
        reference.fill(table, day)
        return table.find(symbols)

    def recount(self) -> None:
        """Count the rows of unknown symbols again, because the rows or the known symbols have changed."""
        self._unknown_rows = None

    def start_day(self) -> None:
        """Forget the symbols refused on the day before. The next tick removes the rows of that day."""
        self._is_changed = bool(self._refused)
        self._refused.clear()
        self._day_has_begun = True

    def rows_to_keep(self, table: MarketTable, known: AbstractSet[str]) -> Rows:
        """The rows that the present tick keeps: all, except in the first tick of a day.

        That tick keeps the symbols that have reference data or an event of the new day. It removes the other
        rows. They were kept until then because their last changes of the day before were not published yet.
        """
        if not self._day_has_begun:
            return np.arange(len(table))
        self._day_has_begun = False
        is_known = np.array([symbol in known for symbol in table.symbols], dtype=np.bool_)
        return np.flatnonzero(is_known | ~np.isnan(table[RECEIVED_COLUMN]))

    def store_anew(self) -> None:
        """The cache may have lost which symbols were refused."""
        self._is_changed = bool(self._refused)

    def refused(self) -> dict[str, int] | None:
        """The refused symbols with the most events of the day, most first; None if nothing changed."""
        return dict(self._refused.most_common(MAX_REFUSED_STORED)) if self._is_changed else None

    def confirm(self) -> None:
        """The refused symbols are stored."""
        self._is_changed = False

    def _refuse(self, events: dict[str, int]) -> None:
        if not events:
            return
        self._refused.update(events)
        self._is_changed = True
        if len(self._refused) > 2 * _MAX_REFUSED_COUNTED:
            self._refused = Counter(dict(self._refused.most_common(_MAX_REFUSED_COUNTED)))


def within_bounds(whole: RowBlock, known: AbstractSet[str]) -> RowBlock:
    """The rows of a stored shard without the unknown symbols over the limit, those with the least volume."""
    unknown = np.array(
        [index for index, symbol in enumerate(whole.symbols) if symbol not in known], dtype=np.intp
    )
    excess = len(unknown) - rows_for_unknown(known)
    if excess <= 0:
        return whole
    volume = _volume(whole)[unknown]
    removed = unknown[np.argsort(volume, kind="stable")[:excess]]
    kept = np.setdiff1d(np.arange(len(whole)), removed)
    return msgspec.structs.replace(
        whole,
        symbols=tuple([whole.symbols[row] for row in kept.tolist()]),
        columns={name: column[kept] for name, column in whole.columns.items()},
    )


def _volume(whole: RowBlock) -> Column:
    """Shares traded today; -1 where the volume is absent, so that these rows are removed first."""
    absent = np.full(len(whole), np.nan)
    return np.nan_to_num(whole.columns.get("accumulated_volume", absent), nan=-1.0)
