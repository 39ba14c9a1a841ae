"""Which analyzers of a shard are off, which streams, and what their columns are worth after they were off.

An analyzer that is off is not called, and knows nothing: its state is cleared when it is switched off. When
it is switched on, it begins as at the start of a day. Then those of its columns that need a longer past
(`Analyzer.history`) are *partial* until the analyzer has seen it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from marketdata.payloads import RowBlock
from marketdata.schema import names
from scanners.analysis.contract import Analyzer, MarketPhase
from scanners.table import MarketTable


class AnalyzerSwitches:
    """The switches of one shard. `off_streams` are the streams to which nothing is emitted now."""

    def __init__(self, analyzers: Sequence[Analyzer]) -> None:
        self._analyzers: Final = tuple(analyzers)
        self._off: frozenset[str] = frozenset()
        self._streams_off: frozenset[str] = frozenset()
        # Analyzers that were off today: the market time (epoch ms) when they were switched on again.
        self._on_since_ms: dict[str, int] = {}
        self._partial: Mapping[str, int] = {}

    @property
    def on(self) -> Sequence[Analyzer]:
        """The analyzers that are on."""
        return [analyzer for analyzer in self._analyzers if self.is_on(analyzer)]

    def is_on(self, analyzer: Analyzer) -> bool:
        """Whether the analyzer is called."""
        return analyzer.name not in self._off

    @property
    def off_columns(self) -> tuple[str, ...]:
        """The columns of the table that are off."""
        return tuple(name for each in self._analyzers if not self.is_on(each) for name in names(each.columns))

    @property
    def off_streams(self) -> tuple[str, ...]:
        """The streams of analyzers that are off, and those that are off themselves."""
        return tuple(
            stream.name
            for each in self._analyzers
            for stream in each.streams
            if not self.is_on(each) or stream.name in self._streams_off
        )

    @property
    def partial(self) -> Mapping[str, int]:
        """Columns that have not seen all they need, with the market time (epoch ms) since when."""
        return self._partial

    def switch(
        self, off: Collection[str], streams_off: Collection[str], table: MarketTable, market_time_ms: int
    ) -> None:
        """Have these analyzers and streams off, and all others on. Names of others are ignored.

        All rows are marked if anything changed, so that the next tick publishes it for each of them.
        """
        wanted_off, wanted_streams = frozenset(off), frozenset(streams_off)
        if (wanted_off, wanted_streams) == (self._off, self._streams_off):
            return
        for analyzer in self._analyzers:
            if (analyzer.name in wanted_off) != (analyzer.name in self._off):
                analyzer.start_day(table)
                self._on_since_ms[analyzer.name] = market_time_ms
        self._off, self._streams_off = wanted_off, wanted_streams
        table.mark(slice(None))

    def judge(self, table: MarketTable, phase: MarketPhase) -> None:
        """Find the columns that are partial by now. All rows are marked if those are others than before."""
        if not self._on_since_ms:
            return
        partial = {
            name: self._on_since_ms[analyzer.name]
            for analyzer in self.on
            if analyzer.name in self._on_since_ms
            for name, history in analyzer.history.items()
            if history.begins_ms(phase) <= self._on_since_ms[analyzer.name]
        }
        if partial != self._partial:
            self._partial = partial
            table.mark(slice(None))

    def resume(self, stored: RowBlock) -> None:
        """Continue from the switches of a stored block of all rows."""
        off_columns = frozenset(stored.off)
        self._off = frozenset(
            each.name for each in self._analyzers if not off_columns.isdisjoint(names(each.columns))
        )
        self._partial = stored.partial
        for analyzer in self._analyzers:
            if since := [stored.partial[name] for name in analyzer.history if name in stored.partial]:
                self._on_since_ms[analyzer.name] = max(since)
