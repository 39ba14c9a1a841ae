"""The numbered ticks of a shard. Each contains everything that no earlier tick has published.

`Ticks` makes them. `TickPace` decides when: often while that is cheap, and more rarely when it is not.
`Emissions` keeps what analyzers emit until a tick publishes it. `CheckpointParts` knows which parts of the
stored state a tick must store, and restores them.
"""

import math
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Generic, TypeVar

import numpy as np

from marketdata.clock import Clock
from marketdata.errors import ContentError
from marketdata.observability import metrics
from marketdata.payloads import RowBlock, TickHeader
from marketdata.reference.waiting import EVENTS
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.tapes import StoredTape, TapeTick, TapeWrites
from marketdata.trading_calendar import TradingDay
from marketdata.units import NS_PER_MS, NS_PER_SECOND
from scanners.analysis.contract import Emission
from scanners.processor.outcome import SetAside
from scanners.processor.switches import AnalyzerSwitches
from scanners.processor.symbol_rows import Admission, within_bounds
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


class CheckpointParts:
    """The parts of a shard's checkpoint except its rows: finds those that are due, and restores all.

    The rows are stored whole at every tick. Private columns, tapes and refused symbols are stored only after
    they changed, or when the cache may have lost them.
    """

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

    def finish(self, header: TickHeader, changed: Rows) -> ShardTick:
        """The tick: all rows, the changed rows, due parts of the checkpoint, and unpublished entries."""
        table, checkpoint = self._table, self._checkpoint
        private_columns, tapes = checkpoint.due_private_columns(header), checkpoint.due_tapes()
        refused, unknown = checkpoint.due_refused(header), self.set_aside.newest()
        streams = self.emissions.unpublished()
        whole = header.block(table.symbols, table.copy_columns())
        if len(changed) == len(table):
            changed_block = whole
        else:
            changed_block = header.block(table.symbols_of(changed), table.copy_columns(changed))
        return ShardTick(
            whole=whole,
            changed=changed_block,
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


SHORTEST_INTERVAL_NS: Final = 100 * NS_PER_MS
STEP_NS: Final = 50 * NS_PER_MS
"""Intervals are multiples of this, so that processes whose ticks cost nearly the same tick together."""

SHARE_OF_TICKS: Final = 0.2
"""How much of the processor time that events leave may be spent on ticks, until the longest interval."""

WORK_FOR_AN_EVENT: Final = 2
"""How much an event costs all processes, if its cost to the processor is 1. Listener and queues need more
than the processor (0.70 and 0.51 of a core at 930,000 events/s). On a small machine they share its cores."""

Result = TypeVar("Result")


def tick_interval_ns(cost_ns: int, spare_share: float, longest_ns: int) -> int:
    """The interval if one tick of all shards takes `cost_ns` of processor time; at most `longest_ns`.

    `spare_share` is the part of the time that events leave: 1 without events, 0 or less if they leave none.
    """
    share_of_ticks = SHARE_OF_TICKS * spare_share
    if cost_ns >= share_of_ticks * longest_ns:  # also if no time is spare
        return longest_ns
    needed_ns = math.ceil(cost_ns / share_of_ticks)
    return min(-(-max(SHORTEST_INTERVAL_NS, needed_ns) // STEP_NS) * STEP_NS, longest_ns)


class TickPace:
    """The pace of the shards of a process. They tick at multiples of the interval since the epoch.

    So all of them tick together, also with those of other processes. `longest_ns` returns the longest
    interval that is set now. `cpu_ns` is the processor time that the thread of the event loop has used.
    """

    def __init__(
        self, longest_ns: Callable[[], int], clock: Clock, cpu_ns: Callable[[], int] = time.thread_time_ns
    ) -> None:
        self._longest_ns = longest_ns
        self._clock = clock
        self._cpu_ns = cpu_ns
        self._costs_ns: dict[int, int] = {}
        self._spare_share = 1.0
        # Of the present window, in which the other work is measured: when it began (monotonic seconds), the
        # processor time at that moment, and what ticks have cost since.
        self._window_began_at = clock.monotonic()
        self._window_cpu_ns = cpu_ns()
        self._window_ticks_ns = 0

    @property
    def interval_ns(self) -> int:
        """The interval that follows from what the last tick of each shard cost."""
        return tick_interval_ns(sum(self._costs_ns.values()), self._spare_share, self._longest_ns())

    def seconds_until_due(self, ticked_ns: int) -> float:
        """How long a shard that ticked at `ticked_ns` must wait for its next tick; 0 if that is due.

        It is due when the wall clock went back.
        """
        now_ns, interval_ns = self._clock.time_ns(), self.interval_ns
        if now_ns < ticked_ns:
            return 0.0
        due_ns = (ticked_ns // interval_ns + 1) * interval_ns
        return max(0, due_ns - now_ns) / NS_PER_SECOND

    async def measured(self, shard: int, tick: Coroutine[Any, Any, Result]) -> Result:
        """Await a tick, and note what it costs. A tick that fails counts, too."""
        measured = _Measured(tick, self._cpu_ns)
        try:
            return await measured
        finally:
            self._costs_ns[shard] = measured.spent_ns
            self._note_cost(measured.spent_ns)
            metrics.PROCESSOR_TICK_CPU_SECONDS.inc(measured.spent_ns / NS_PER_SECOND)
            metrics.PROCESSOR_TICK_INTERVAL_SECONDS.set(self.interval_ns / NS_PER_SECOND)

    def _note_cost(self, spent_ns: int) -> None:
        """Add a tick to the window. If that is long enough, find the spare time, and begin the next one."""
        self._window_ticks_ns += spent_ns
        now, cpu_ns = self._clock.monotonic(), self._cpu_ns()
        window_ns = (now - self._window_began_at) * NS_PER_SECOND
        if window_ns < SHORTEST_INTERVAL_NS:
            return
        other_ns = cpu_ns - self._window_cpu_ns - self._window_ticks_ns
        self._spare_share = 1 - WORK_FOR_AN_EVENT * other_ns / window_ns
        self._window_began_at, self._window_cpu_ns, self._window_ticks_ns = now, cpu_ns, 0

    def forget(self, shard: int) -> None:
        """Note that the process does not own the shard any more."""
        self._costs_ns.pop(shard, None)


class _Measured(Generic[Result]):
    """Awaits a coroutine, and adds up the processor time of its steps: not what ran while it waited."""

    def __init__(self, work: Coroutine[Any, Any, Result], cpu_ns: Callable[[], int]) -> None:
        self.spent_ns = 0
        self._work = work
        self._cpu_ns = cpu_ns

    def __await__(self) -> Generator[Any, Any, Result]:
        step: Callable[[Any], Any] = self._work.send
        value: Any = None
        while True:
            started_ns = self._cpu_ns()
            try:
                waits_for = step(value)
            except StopIteration as end:
                result: Result = end.value
                return result
            finally:
                self.spent_ns += self._cpu_ns() - started_ns
            try:
                step, value = self._work.send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - a cancellation, too, belongs to the coroutine
                step, value = self._work.throw, error
