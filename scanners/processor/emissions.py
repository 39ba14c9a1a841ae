"""Emissions of the analyzers, until a tick publishes them."""

from collections.abc import Mapping, Sequence

import numpy as np

from marketdata.payloads import RowBlock, TickHeader
from marketdata.schema import CIRCUMSTANCES
from scanners.analysis.contract import Emission
from scanners.table import MarketTable


class Emissions:
    """Holds emissions by stream until a tick makes blocks of them, and the blocks until they are published.

    Emissions of test issues are left out unless `show_test_issues`.
    """

    def __init__(self, *, show_test_issues: bool) -> None:
        self._show_test_issues = show_test_issues
        self._emitted: dict[str, list[Emission]] = {}
        self._unpublished: dict[str, list[RowBlock]] = {}

    def add(self, emission: Emission) -> None:
        """Keep what an analyzer emitted."""
        self._emitted.setdefault(emission.stream, []).append(emission)

    def make_blocks(self, table: MarketTable, header: TickHeader) -> None:
        """Make one block for each stream from its emissions, with the present circumstances of their rows."""
        for stream, emissions in self._emitted.items():
            rows = np.concatenate([emission.rows for emission in emissions])
            shown = np.flatnonzero(self._show_test_issues | ~table.test_issues[rows])
            if not len(shown):
                continue
            columns = {
                name: np.concatenate([emission.columns[name] for emission in emissions])[shown]
                for name in emissions[0].columns
            }
            circumstances = table.copy_columns(rows[shown], CIRCUMSTANCES)
            block = header.block(table.symbols_of(rows[shown]), {**columns, **circumstances})
            self._unpublished.setdefault(stream, []).append(block)
        self._emitted.clear()

    def unpublished(self) -> Mapping[str, Sequence[RowBlock]]:
        """The blocks of each stream, oldest first, including those of ticks that could not be published."""
        return {stream: tuple(blocks) for stream, blocks in self._unpublished.items()}

    def confirm(self) -> None:
        """All blocks were published."""
        self._unpublished.clear()
