"""The numbered ticks of a shard. Each contains everything that no earlier tick has published.

`Ticks` makes them. `scanners.processor.pace` decides when.
`Emissions` keeps what analyzers emit until a tick publishes it. `CheckpointParts` knows which parts of the
stored state a tick must store, and restores them. `RowLog` decides which ticks store all rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

from marketdata.errors import ContentError
from marketdata.payloads import RowBlock, TickHeader
from marketdata.reference.waiting import EVENTS
from marketdata.store.row_log import MOST_LOGGED_BLOCKS, LogEnd
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.tapes import StoredTape, TapeTick, TapeWrites
from marketdata.trading_calendar import TradingDay
from scanners.analysis.contract import Emission
from scanners.processor.outcome import SetAside
from scanners.processor.switches import AnalyzerSwitches
from scanners.processor.symbol_rows import Admission, within_bounds
from scanners.rows import Rows
from scanners.table import MarketTable


class RowLog:
    """The row log of a shard as its owner knows it: see `marketdata.store.row_log`.

    All rows are due at the first tick of an owner and after `store_anew`, and when rows were removed: a log
    cannot say that. They are due before the log would have more than `MOST_LOGGED_BLOCKS` blocks, or
    more than half as many rows as the shard. So reading it stays cheap.
    """

    def __init__(self) -> None:
        self._whole_tick = 0
        self._blocks = 0
        self._rows = 0
        self._is_whole_due = True

    def next_end(self, changed: int, row_count: int, *, removes_rows: bool) -> LogEnd | None:
        """The end of the log if a tick appends this number of changed rows; None if all rows are due."""
        is_full = self._blocks == MOST_LOGGED_BLOCKS or 2 * (self._rows + changed) > row_count
        if self._is_whole_due or removes_rows or is_full:
            return None
        return LogEnd(self._whole_tick, self._blocks + 1)

    def confirm(self, tick: ShardTick) -> None:
        """The tick was stored."""
        if tick.log_end is None:
            self._whole_tick, self._blocks, self._rows = tick.changed.tick, 0, 0
            self._is_whole_due = False
        else:
            self._blocks = tick.log_end.blocks
            self._rows += len(tick.changed)

    def store_anew(self) -> None:
        """The cache may have lost the rows, or another owner wrote them."""
        self._is_whole_due = True


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


class CheckpointParts:
    """The parts of a shard's checkpoint: finds those that are due, and restores all.

    Private columns, tapes and refused symbols are stored only after they changed, or when the cache may have
    lost them. `row_log` decides how the rows are stored.
    """

    def __init__(self, table: MarketTable, admission: Admission) -> None:
        self.row_log: Final = RowLog()
        self._table = table
        self._admission = admission

    @property
    def private_groups(self) -> Sequence[str]:
        """The names of all groups of private columns of the shard."""
        return tuple(self._table.private_columns)

    def tapes_ahead(self) -> Iterator[TapeWrites]:
        """Portions of the tapes to store before the next tick stores the rest: see `Tapes.portions`."""
        return self._table.tape.portions(self._table.symbols)

    def due_private_columns(self, header: TickHeader) -> Mapping[str, RowBlock]:
        """The groups of private columns that changed since they were stored, by name."""
        return {
            name: header.block(self._table.symbols, self._table.copy_private_columns(name))
            for name, private in self._table.private_columns.items()
            if private.is_changed
        }

    def due_tapes(self) -> TapeTick | None:
        """The records of the tapes that are not stored yet; None before the day's first trade."""
        tape = self._table.tape
        if not tape.day_start_ms:
            return None
        return TapeTick(
            day_start_ms=tape.day_start_ms,
            writes=tape.writes(self._table.symbols),
            completes=not tape.is_complete,
        )

    def due_refused(self, header: TickHeader) -> RowBlock | None:
        """The symbols that got no row, with their events of the day; None if unchanged since stored."""
        refused = self._admission.refused()
        if refused is None:
            return None
        return header.block(tuple(refused), {EVENTS: np.array(list(refused.values()), dtype=np.float64)})

    def confirm(self, tick: ShardTick) -> None:
        """The tick was published: none of its parts is due any more."""
        for name in tick.private_columns:
            self._table.private_columns[name].mark(changed=False)
        self._table.tape.confirm()
        self._admission.confirm()
        self.row_log.confirm(tick)

    def store_anew(self) -> None:
        """Make all parts due: the cache may have lost them."""
        for private in self._table.private_columns.values():
            private.mark()
        self._table.tape.store_anew()
        self._admission.store_anew()
        self.row_log.store_anew()

    def restore(self, stored: Checkpoint, known: AbstractSet[str], day: TradingDay | None) -> None:
        """Fill an empty table with rows and private columns, and prepare the tapes of the present day."""
        self._table.apply(within_bounds(stored.whole, known))
        for name, block in stored.private_columns.items():
            self._table.apply_private_columns(name, block)
        if day is not None:
            self._table.tape.begin(day.day_start_ms)

    def restore_tapes(self, first_row: int, tapes: Iterable[StoredTape | None]) -> None:
        """Take the stored tapes of the symbols from `first_row` on, after `restore`."""
        for row, tape in enumerate(tapes, first_row):
            if tape is not None:
                self._table.tape.restore(row, tape)

    def complete_tapes(self, day_start_ms: int | None) -> None:
        """End the restoring of tapes. `day_start_ms`: the day of which the cache has all tapes, or None.

        If that is not the present day, all tapes are due.
        """
        tape = self._table.tape
        if day_start_ms is None or day_start_ms != tape.day_start_ms:
            tape.store_anew()
        else:
            tape.is_complete = True


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
        self,
        *,
        published_ns: int,
        received_ns: int,
        market_time_ms: int,
        removes_rows: bool,
        switches: AnalyzerSwitches,
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
            off=switches.off_columns,
            off_streams=switches.off_streams,
            partial=switches.partial,
        )
        self.emissions.make_blocks(self._table, header)
        return header

    def finish(self, header: TickHeader, changed: Rows, *, removes_rows: bool) -> ShardTick:
        """The tick: the changed rows, due parts of the checkpoint, and unpublished entries."""
        table, checkpoint = self._table, self._checkpoint
        private_columns, tapes = checkpoint.due_private_columns(header), checkpoint.due_tapes()
        refused, unknown = checkpoint.due_refused(header), self.set_aside.newest()
        streams = self.emissions.unpublished()
        log_end = checkpoint.row_log.next_end(len(changed), len(table), removes_rows=removes_rows)
        whole = header.block(table.symbols, table.copy_columns()) if log_end is None else None
        if whole is not None and len(changed) == len(table):
            changed_block = whole
        else:
            changed_block = header.block(table.symbols_of(changed), table.copy_columns(changed))
        return ShardTick(
            whole=whole,
            changed=changed_block,
            log_end=log_end,
            private_columns=private_columns,
            private_groups=checkpoint.private_groups,
            streams=streams,
            tapes=tapes,
            unknown=unknown,
            refused=refused,
        )

    def confirm(self, tick: ShardTick) -> None:
        """Note that the tick was published: nothing of it has to be published again."""
        self.emissions.confirm()
        self.set_aside.clear()
        self._checkpoint.confirm(tick)


def check_producer(stored: Checkpoint, producer: str) -> None:
    """Raise unless all blocks of a checkpoint were made by the producer.

    Raises:
        ContentError: with reason `row_block` for a block of another producer.
    """
    for block in (stored.whole, *stored.private_columns.values()):
        if block.producer != producer:
            raise ContentError("row_block", f"made by {block.producer!r}, not {producer!r}")
