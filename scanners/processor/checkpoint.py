"""The stored state of one shard as its processor sees it: which parts are due, and how to restore them.

The rows are stored whole at every tick. Private columns, tapes and refused symbols are stored only after they
changed, or when the cache may have lost them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from marketdata.errors import ContentError
from marketdata.payloads import RowBlock, TickHeader
from marketdata.reference.waiting import EVENTS
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.tapes import StoredTape, TapeTick, TapeWrites
from marketdata.trading_calendar import TradingDay
from scanners.processor.admission import Admission, within_bounds
from scanners.table import MarketTable


class CheckpointParts:
    """The parts of a shard's checkpoint except its rows: finds those that are due, and restores all."""

    def __init__(self, table: MarketTable, admission: Admission) -> None:
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

    def store_anew(self) -> None:
        """Make all parts due: the cache may have lost them."""
        for private in self._table.private_columns.values():
            private.mark()
        self._table.tape.store_anew()
        self._admission.store_anew()

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


def check_producer(stored: Checkpoint, producer: str) -> None:
    """Raise unless all blocks of a checkpoint were made by the producer.

    Raises:
        ContentError: with reason `row_block` for a block of another producer.
    """
    for block in (stored.whole, *stored.private_columns.values()):
        if block.producer != producer:
            raise ContentError("row_block", f"made by {block.producer!r}, not {producer!r}")
