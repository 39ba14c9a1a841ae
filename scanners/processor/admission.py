"""Which symbols get a row in a shard's table: all of the reference data, and a limited number of others.

A provider's feed that is wrong or hostile can name any number of symbols. Without a limit their rows would
use memory and time until the shard misses its ticks. While reference data is missing or incomplete, a whole
market must fit. Once reference data is complete, only newcomers are unknown, and they are few.
"""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
import numpy as np

from marketdata.kernels.symbols import UNKNOWN
from marketdata.payloads import Column, RowBlock
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

    def rows(self, table: MarketTable, symbols: Sequence[str], known: AbstractSet[str]) -> tuple[Rows, bool]:
        """The row of each symbol, or `UNKNOWN` if it was refused, and whether all symbols have a row."""
        rows, all_found = table.find(symbols)
        if all_found:
            return rows, True
        new = Counter([symbols[index] for index in np.flatnonzero(rows == UNKNOWN).tolist()])
        if self._unknown_rows is None:
            self._unknown_rows = sum(symbol not in known for symbol in table.symbols)
        free_rows = max(0, rows_for_unknown(known) - self._unknown_rows)
        unknown = [symbol for symbol in new if symbol not in known]
        refused = set(unknown[free_rows:])
        self._unknown_rows += len(unknown) - len(refused)
        self._refuse({symbol: new[symbol] for symbol in unknown[free_rows:]})
        table.rows([symbol for symbol in new if symbol not in refused])
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
