"""What a shard publishes: numbered ticks, and in each of them all that no tick has published yet."""

from typing import Final

from marketdata.payloads import TickHeader
from marketdata.store.shard_state import ShardTick
from scanners.processor.checkpoint import CheckpointParts
from scanners.processor.emissions import Emissions
from scanners.processor.set_aside import SetAside
from scanners.rows import Rows
from scanners.table import MarketTable


class Ticks:
    """Makes the ticks of one owner of a shard: `start`, then `finish`, then `confirm` once it is published.

    `emissions` and `set_aside` collect between the ticks. They are in every tick until one is confirmed, and
    so are the parts of the checkpoint that are due.
    """

    def __init__(
        self,
        table: MarketTable,
        checkpoint: CheckpointParts,
        *,
        producer: str,
        epoch: int,
        show_test_issues: bool,
    ) -> None:
        self.emissions: Final = Emissions(show_test_issues=show_test_issues)
        self.set_aside: Final = SetAside()
        self._table = table
        self._checkpoint = checkpoint
        self._producer = producer
        self._epoch = epoch
        self._show_test_issues = show_test_issues
        self._number = 0

    def start(
        self, *, published_ns: int, received_ns: int, market_time_ms: int, rows_will_leave: bool
    ) -> TickHeader:
        """Number a tick, and make blocks of what happened while all rows are still in the table.

        Where rows leave, one number is left out: so readers that follow the changes read the whole, and learn
        which rows are gone.
        """
        self._number += 2 if rows_will_leave else 1
        header = TickHeader(
            producer=self._producer,
            epoch=self._epoch,
            tick=self._number,
            published_ns=published_ns,
            received_ns=received_ns,
            market_time_ms=market_time_ms,
            shows_test_issues=self._show_test_issues,
        )
        self.emissions.settle(self._table, header)
        return header

    def finish(self, header: TickHeader, changed: Rows) -> ShardTick:
        """The tick: all rows, those that changed, and what is due or was not published yet."""
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
        """The tick was published: nothing of it has to be published again."""
        self.emissions.confirm()
        self.set_aside.clear()
        self._checkpoint.confirm(tick)
