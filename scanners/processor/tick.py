"""The numbered ticks of a shard. Each contains everything that no earlier tick has published.

`Ticks` makes them. `Emissions` keeps what analyzers emit until a tick publishes it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from marketdata.payloads import RowBlock, TickHeader
from marketdata.store.shard_state import ShardTick
from scanners.analysis.contract import Emission
from scanners.processor.checkpoint import CheckpointParts
from scanners.processor.set_aside import SetAside
from scanners.rows import Rows
from scanners.table import MarketTable


class Emissions:
    """Holds emissions by stream until a tick makes blocks of them, and the blocks until they are published.

    `circumstances` has the columns of the row that an entry gets, for each stream. Emissions of test issues
    are left out unless `show_test_issues`.
    """

    def __init__(self, circumstances: Mapping[str, Sequence[str]], *, show_test_issues: bool) -> None:
        self._circumstances = circumstances
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
            circumstances = table.copy_columns(rows[shown], self._circumstances[stream])
            block = header.block(table.symbols_of(rows[shown]), {**columns, **circumstances})
            self._unpublished.setdefault(stream, []).append(block)
        self._emitted.clear()

    def unpublished(self) -> Mapping[str, Sequence[RowBlock]]:
        """The blocks of each stream, oldest first, including those of ticks that could not be published."""
        return {stream: tuple(blocks) for stream, blocks in self._unpublished.items()}

    def confirm(self) -> None:
        """All blocks were published."""
        self._unpublished.clear()


class Ticks:
    """Makes the ticks of one owner of a shard: `start`, then `finish`, then `confirm` once it is published.

    `circumstances` is as in `Emissions`. `emissions` and `set_aside` collect between the ticks. Their
    content, and the due parts of the checkpoint, are in every tick until one is confirmed.
    """

    def __init__(
        self,
        table: MarketTable,
        checkpoint: CheckpointParts,
        circumstances: Mapping[str, Sequence[str]],
        *,
        producer: str,
        epoch: int,
        show_test_issues: bool,
    ) -> None:
        self.emissions: Final = Emissions(circumstances, show_test_issues=show_test_issues)
        self.set_aside: Final = SetAside()
        self._table = table
        self._checkpoint = checkpoint
        self._producer = producer
        self._epoch = epoch
        self._show_test_issues = show_test_issues
        self._number = 0

    def start(
        self, *, published_ns: int, received_ns: int, market_time_ms: int, removes_rows: bool
    ) -> TickHeader:
        """Number a tick, and make blocks of the emissions while all their rows are still in the table.

        If rows will be removed, one number is skipped. Readers that follow the changes see a gap, read all
        rows, and so learn which rows were removed.
        """
        self._number += 2 if removes_rows else 1
        header = TickHeader(
            producer=self._producer,
            epoch=self._epoch,
            tick=self._number,
            published_ns=published_ns,
            received_ns=received_ns,
            market_time_ms=market_time_ms,
            shows_test_issues=self._show_test_issues,
        )
        self.emissions.make_blocks(self._table, header)
        return header

    def finish(self, header: TickHeader, changed: Rows) -> ShardTick:
        """The tick: all rows, the changed rows, due parts of the checkpoint, and unpublished entries."""
        table, checkpoint = self._table, self._checkpoint
        whole = header.block(table.symbols, table.copy_columns())
        if len(changed) == len(table):
            changed_block = whole
        else:
            changed_block = header.block(table.symbols_of(changed), table.copy_columns(changed))
        return ShardTick(
            whole=whole,
            changed=changed_block,
            private_columns=checkpoint.due_private_columns(header),
            private_groups=checkpoint.private_groups,
            streams=self.emissions.unpublished(),
            tapes=checkpoint.due_tapes(),
            unknown=self.set_aside.newest(),
            refused=checkpoint.due_refused(header),
        )

    def confirm(self, tick: ShardTick) -> None:
        """Note that the tick was published: nothing of it has to be published again."""
        self.emissions.confirm()
        self.set_aside.clear()
        self._checkpoint.confirm(tick)
