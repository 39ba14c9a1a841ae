"""What a shard publishes: numbered ticks, and in each of them all that no tick has published yet."""

from typing import Final

from marketdata.store.shard_state import ShardTick
from scanners.processor.checkpoint import CheckpointParts
from scanners.processor.emissions import Emissions
from scanners.processor.set_aside import SetAside
from scanners.processor.stamp import Stamp
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
    ) -> Stamp:
        """Number a tick, and make blocks of what happened while all rows are still in the table.

        Where rows leave, one number is left out: so readers that follow the changes read the whole, and learn
        which rows are gone.
        """
        self._number += 2 if rows_will_leave else 1
        stamp = Stamp(
            producer=self._producer,
            epoch=self._epoch,
            tick=self._number,
            published_ns=published_ns,
            received_ns=received_ns,
            market_time_ms=market_time_ms,
            shows_test_issues=self._show_test_issues,
        )
        self.emissions.settle(self._table, stamp)
        return stamp

    def finish(self, stamp: Stamp, changed: Rows) -> ShardTick:
        """The tick: all rows, those that changed, and what is due or was not published yet."""
        table, checkpoint = self._table, self._checkpoint
        whole = stamp.block(table.symbols, table.copy_columns())
        all_changed = len(changed) == len(table)
        return ShardTick(
            whole=whole,
            changed=whole if all_changed else stamp.rows(table, changed, table.copy_columns(changed)),
            sheets=checkpoint.due_sheets(stamp),
            sheet_names=checkpoint.sheet_names,
            streams=self.emissions.unpublished(),
            tapes=checkpoint.due_tapes(),
            unknown=self.set_aside.newest(),
            refused=checkpoint.due_refused(stamp),
        )

    def confirm(self, tick: ShardTick) -> None:
        """The tick was published: nothing of it has to be published again."""
        self.emissions.confirm()
        self.set_aside.clear()
        self._checkpoint.confirm(tick)
