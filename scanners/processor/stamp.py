"""What the blocks of one tick have in common."""

from collections.abc import Mapping, Sequence

import msgspec

from marketdata.payloads import Column, RowBlock
from scanners.rows import Rows
from scanners.table import MarketTable


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Who made the blocks of a tick, and as of when. `RowBlock` says what each field means."""

    producer: str
    epoch: int
    tick: int
    published_ns: int
    received_ns: int
    market_time_ms: int
    shows_test_issues: bool

    def block(self, symbols: Sequence[str], columns: Mapping[str, Column]) -> RowBlock:
        """A block of this tick."""
        return RowBlock(
            producer=self.producer,
            epoch=self.epoch,
            tick=self.tick,
            published_ns=self.published_ns,
            received_ns=self.received_ns,
            market_time_ms=self.market_time_ms,
            symbols=tuple(symbols),
            columns=columns,
            shows_test_issues=self.shows_test_issues,
        )

    def rows(self, table: MarketTable, rows: Rows, columns: Mapping[str, Column]) -> RowBlock:
        """A block with a line for each of some rows of a table. A row may occur several times."""
        symbols = table.symbols
        return self.block([symbols[row] for row in rows.tolist()], columns)
