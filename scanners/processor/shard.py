"""The state of one shard, and how batches of events change it. No I/O: bytes in, row blocks out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, groupby
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.codec import EventColumns, Rejected, RejectReason
from marketdata.errors import ContentError
from marketdata.kernels.symbols import UNKNOWN
from marketdata.payloads import Column, RowBlock, UnknownPiece
from marketdata.providers.registry import batch_decoder
from marketdata.reference.columns import SNAPSHOT_COLUMNS
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.reference.waiting import EVENTS
from marketdata.tapes import StoredTape, TapeTick, TapeWrites
from marketdata.trading_calendar import TradingCalendar, TradingDay
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from scanners.analysis.contract import EventGroup, MarketPhase
from scanners.analysis.vectors import Instants
from scanners.processor.admission import UNKNOWN_SYMBOL, Admission, within_bounds
from scanners.processor.emissions import Emissions
from scanners.processor.market_time import Advance, MarketTime, Present
from scanners.processor.reference import ReferenceData, ReferenceInUse
from scanners.processor.set_aside import SetAside
from scanners.registry import RECEIVED_COLUMN, Route, table_columns, table_sheets
from scanners.rows import Rows
from scanners.table import MarketTable

_NS_PER_MS: Final = 1_000_000


class Outcome(msgspec.Struct):
    """What became of the events of some batches: counts by queue, and by reason.

    Ignored are events of `other_day`, and those stamped `ahead` of the feed's own time. `corrections` counts
    how often the market's time turned out to be wrong, so that the day was started anew.
    `unknown` counts the pieces of the unknown queue, which come from another's rejections.
    """

    applied: Counter[str]
    rejected: Counter[str]
    ignored: Counter[str]
    unknown: Counter[str] = msgspec.field(default_factory=Counter)
    corrections: int = 0


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick publishes, all of the same epoch and tick.

    `whole`: all rows of the shard; `changed`: those that changed since the tick before; `sheets`: the sheets
    that changed since they were stored; `streams`: what happened, also in ticks that could not be published;
    `tapes`: what is new on the tapes, None before the day's first trade; `unknown`: the newest of what was
    not understood, also in ticks that could not be published; `refused`: which symbols got no row, by the
    events that they had, None where that is as it was.
    """

    whole: RowBlock
    changed: RowBlock
    sheets: Mapping[str, RowBlock]
    streams: Mapping[str, Sequence[RowBlock]]
    tapes: TapeTick | None
    unknown: Sequence[UnknownPiece]
    refused: RowBlock | None


class Checkpoint(msgspec.Struct, frozen=True):
    """The stored state of a shard."""

    whole: RowBlock
    sheets: Mapping[str, RowBlock]


class ShardProcessor:
    """Applies batches to the market table of one shard and turns it into row blocks at each tick.

    `epoch` names this owner of the shard (its start in epoch nanoseconds). Applying a batch again changes
    nothing, so redelivery after a crash is harmless. What happens to test issues is told in streams only if
    `show_test_issues`.
    """

    def __init__(
        self,
        shard: int,
        *,
        routes: Sequence[Route],
        calendar: TradingCalendar,
        epoch: int,
        show_test_issues: bool = False,
    ) -> None:
        self.shard = shard
        self.epoch = epoch
        self._show_test_issues = show_test_issues
        self._routes = {route.queue: route for route in routes}
        self._analyzers = tuple(chain.from_iterable(route.analyzers for route in routes))
        self._table = self._empty_table()
        self._time = MarketTime(calendar)
        self._reference = ReferenceInUse()
        self._admission = Admission()
        self._day_has_begun = False
        self._received_ns = 0
        self._tick = 0
        self._emissions = Emissions(show_test_issues=show_test_issues)
        self._set_aside = SetAside()

    @property
    def queues(self) -> Sequence[QueueName]:
        """The queues whose batches it takes."""
        return (*self._routes, QueueName.UNKNOWN)

    @property
    def has_changes(self) -> bool:
        """Whether rows changed since the last tick."""
        return len(self._table.changed()) > 0 or self._reference.is_missing_in(self._table)

    @property
    def row_count(self) -> int:
        """How many symbols the shard has."""
        return len(self._table)

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of each row. Do not change."""
        return self._table.symbols

    @property
    def sheets(self) -> Sequence[str]:
        """The sheets that belong to its checkpoint."""
        return tuple(self._table.sheets)

    def restore(self, checkpoint: Checkpoint, known: AbstractSet[str] = frozenset()) -> None:
        """Begin with the stored state of the shard in place of what it holds.

        `known` are the symbols of the reference data; of others no more rows are taken than there may be.

        Raises:
            ContentError: a block belongs to another producer.
        """
        for block in (checkpoint.whole, *checkpoint.sheets.values()):
            if block.producer != self._producer:
                raise ContentError("row_block", f"made by {block.producer!r}, not {self._producer!r}")
        self._table = self._empty_table()
        self._table.apply(within_bounds(checkpoint.whole, known))
        for name, block in checkpoint.sheets.items():
            self._table.apply_sheet(name, block)
        self._time.resume(checkpoint.whole.market_time_ms, checkpoint.whole.received_ns)
        if self._time.phase is not None:
            self._table.tape.begin(self._time.phase.day.day_start_ms)
        self._received_ns = checkpoint.whole.received_ns
        self._reference.refill()
        self._admission.recount()

    def restore_tapes(self, first_row: int, tapes: Iterable[StoredTape | None]) -> None:
        """Take the stored tapes of the symbols from `first_row` on, after `restore`."""
        for row, tape in enumerate(tapes, first_row):
            if tape is not None:
                self._table.tape.restore(row, tape)

    def complete_tapes(self, day_start_ms: int | None) -> None:
        """All tapes were restored. Unless those of the day are known to be all stored, they will be anew."""
        tape = self._table.tape
        if day_start_ms is None or day_start_ms != tape.day_start_ms:
            tape.store_anew()
        else:
            tape.is_complete = True

    def apply_reference(self, block: RowBlock, volume_curve: VolumeCurve | None = None) -> None:
        """Take new reference data for the rows that exist, and for those that will; without a curve none.

        What is made for the coming trading day waits until that begins: it tells of another previous day.
        """
        if self._reference.offer(ReferenceData(block, volume_curve), self._day):
            self._admission.recount()

    def apply(self, batches: Iterable[Batch], *, now: Present | None = None) -> Outcome:
        """Decode and apply batches; those of one queue keep their order and are analysed together.

        `now` tells batches that come through from those that waited; without it none has waited.
        """
        outcome = Outcome(Counter(), Counter(), Counter())
        for queue, group in groupby(sorted(batches, key=_queue), key=_queue):
            if queue in self._routes:
                for format_name, alike in groupby(group, key=_format):
                    self._apply_to(self._routes[queue], format_name, tuple(alike), now, outcome)
            else:
                outcome.unknown[queue.value] += sum(map(self._set_aside.add_batch, group))
        return outcome

    def _apply_to(
        self,
        route: Route,
        format_name: str,
        batches: Sequence[Batch],
        now: Present | None,
        outcome: Outcome,
    ) -> None:
        try:
            decoder = batch_decoder(format_name, route.queue, route.columns)
        except ContentError:
            for batch in batches:
                outcome.rejected[RejectReason.UNKNOWN_FORMAT.value] += batch.event_count
                self._set_aside.add([Rejected(RejectReason.UNKNOWN_FORMAT, batch.body)], batch.received_ns)
            return
        events = decoder.decode([batch.body for batch in batches])
        for index, rejected in events.rejected.items():
            outcome.rejected.update(piece.reason.value for piece in rejected)
            self._set_aside.add(rejected, batches[index].received_ns)
        if len(events.symbols):
            self._analyse(route, events, batches, now, outcome)

    def tick(self, published_ns: int) -> Tick:
        """Compute what follows from the changes, and make the blocks of the next tick.

        Sheets and streams are given again at every tick until `confirm` says that one was published.
        """
        self._reference.fill(self._table, self._day)
        rows = self._derive()
        staying = self._staying()
        self._day_has_begun = False
        rows_leave = len(staying) < len(self._table)
        # With a number left out, who follows the changes reads the whole, and so learns which rows are gone.
        self._tick += 2 if rows_leave else 1
        self._emissions.settle(
            self._table, lambda rows, columns: self._block(published_ns, self._symbols(rows), columns)
        )
        if rows_leave:
            self._keep(staying)
            rows = self._table.take_changed()
        whole = self._block(published_ns, self._table.symbols, self._table.copy_columns())
        return Tick(
            whole=whole,
            changed=whole if len(rows) == len(self._table) else self._changed_block(published_ns, rows),
            sheets={
                name: self._block(published_ns, self._table.symbols, self._table.copy_sheet(name))
                for name, sheet in self._table.sheets.items()
                if sheet.is_changed
            },
            streams=self._emissions.unpublished(),
            tapes=self._tape_tick(),
            unknown=self._set_aside.newest(),
            refused=self._refused_block(published_ns),
        )

    def confirm(self, tick: Tick) -> None:
        """The tick was published: what it stored need not be stored again."""
        for name in tick.sheets:
            self._table.sheets[name].mark(changed=False)
        self._emissions.confirm()
        self._table.tape.confirm()
        self._set_aside.clear()
        self._admission.confirm()

    def store_anew(self) -> None:
        """The cache may have lost what it held: the next tick stores everything."""
        for sheet in self._table.sheets.values():
            sheet.mark()
        self._table.tape.store_anew()
        self._admission.store_anew()

    def tapes_ahead(self) -> Iterator[TapeWrites]:
        """Portions of the tapes to store before the next tick stores the rest: see `Tapes.portions`."""
        return self._table.tape.portions(self._table.symbols)

    def _derive(self) -> Rows:
        """Compute what follows from the changes and from the time; the rows that changed."""
        phase = self._phase
        if phase is None:
            return self._table.take_changed()
        for analyzer in self._analyzers:
            analyzer.pass_time(self._table, phase)
        rows = self._table.take_changed()
        for analyzer in self._analyzers:
            analyzer.derive(self._table, rows, phase)
        return rows

    @property
    def _phase(self) -> MarketPhase | None:
        phase = self._time.phase
        return phase and msgspec.structs.replace(
            phase,
            volume_curve=self._reference.volume_curve,
            market_time_ms=self._time.newest_ms,
        )

    @property
    def _day(self) -> TradingDay | None:
        return None if self._time.phase is None else self._time.phase.day

    @property
    def _producer(self) -> str:
        return f"shard:{self.shard}"

    def _empty_table(self) -> MarketTable:
        return MarketTable(table_columns(self._routes.values()), table_sheets(self._routes.values()))

    def _analyse(
        self,
        route: Route,
        events: EventColumns,
        batches: Sequence[Batch],
        now: Present | None,
        outcome: Outcome,
    ) -> None:
        lines, symbols = events.lines, events.symbols
        times_ms = route.event_times_ms(lines)
        received_ns = np.repeat([batch.received_ns for batch in batches], events.counts)
        advance = self._advance(times_ms, events, batches, now)
        outcome.corrections += advance.corrected
        self._reset(advance)
        if not advance.current.all():
            kept = np.flatnonzero(advance.current)
            refused = {"ahead": advance.ahead, "other_day": len(symbols) - len(kept) - advance.ahead}
            outcome.ignored.update({reason: count for reason, count in refused.items() if count})
            lines, symbols = lines[:, kept], symbols.take(kept)
            times_ms, received_ns = times_ms[kept], received_ns[kept]
        phase = self._phase
        if not len(symbols) or phase is None:
            return
        rows, all_admitted = self._admission.rows(self._table, symbols, self._reference.symbols)
        if not all_admitted:
            kept = np.flatnonzero(rows != UNKNOWN)
            outcome.ignored[UNKNOWN_SYMBOL] += len(symbols) - len(kept)
            lines, symbols, rows = lines[:, kept], symbols.take(kept), rows[kept]
            times_ms, received_ns = times_ms[kept], received_ns[kept]
            if not len(kept):
                return
        group = EventGroup(rows, times_ms, lines)
        self._reference.fill(self._table, self._day)
        for analyzer in route.analyzers:
            for emission in analyzer.update(self._table, group, phase):
                self._emissions.add(emission)
        self._note_received(group.rows, received_ns, now)
        outcome.applied[route.queue.value] += len(symbols)

    def _note_received(self, rows: Rows, received_ns: NDArray[np.int64], now: Present | None) -> None:
        """Only what was applied makes the shard fresh, and no clock that was ahead keeps it so."""
        self._received_ns = max(self._received_ns, int(received_ns.max()))
        if now is not None:
            self._received_ns = min(self._received_ns, now.epoch_ns)
        received = self._table[RECEIVED_COLUMN]
        received[rows] = np.fmax(received[rows], received_ns // _NS_PER_MS)

    def _advance(
        self, times_ms: Instants, events: EventColumns, batches: Sequence[Batch], now: Present | None
    ) -> Advance:
        received_ns: dict[str, int] = {}
        for batch in batches:
            received_ns[batch.source] = max(batch.received_ns, received_ns.get(batch.source, 0))
        return self._time.advance(
            times_ms,
            np.repeat([batch.feed_time_ms for batch in batches], events.counts),
            received_ns=received_ns,
            applied_ns=max(received_ns.values()) if now is None else now.monotonic_ns,
        )

    def _reset(self, advance: Advance) -> None:
        for analyzer in self._analyzers:
            if advance.day_started:
                analyzer.start_day(self._table)
            if advance.regular_session_started:
                analyzer.start_regular_session(self._table)
        if advance.day_started and self._time.phase is not None:
            self._table.clear((RECEIVED_COLUMN, *SNAPSHOT_COLUMNS))
            if self._reference.start_day(self._time.phase.day):
                self._admission.recount()
            self._admission.start_day()
            self._day_has_begun = True

    def _staying(self) -> Rows:
        """The rows that a tick keeps: all, but for the first one of a day.

        That one keeps the symbols that reference data knows or that have had an event of the day. It waits
        until then because what happened on the day before is still to be told of the others.
        """
        if not self._day_has_begun:
            return np.arange(len(self._table))
        known = self._reference.symbols
        is_known = np.array([symbol in known for symbol in self._table.symbols], dtype=np.bool_)
        return np.flatnonzero(is_known | ~np.isnan(self._table[RECEIVED_COLUMN]))

    def _keep(self, rows: Rows) -> None:
        """Their reference data is filled in already."""
        self._table.keep(rows)
        self._reference.keep(len(rows))
        self._admission.recount()

    def _refused_block(self, published_ns: int) -> RowBlock | None:
        refused = self._admission.refused()
        if refused is None:
            return None
        events = np.array(list(refused.values()), dtype=np.float64)
        return self._block(published_ns, tuple(refused), {EVENTS: events})

    def _tape_tick(self) -> TapeTick | None:
        tape = self._table.tape
        if not tape.day_start_ms:
            return None
        return TapeTick(
            day_start_ms=tape.day_start_ms,
            writes=tape.writes(self._table.symbols),
            completes=not tape.is_complete,
        )

    def _changed_block(self, published_ns: int, rows: Rows) -> RowBlock:
        return self._block(published_ns, self._symbols(rows), self._table.copy_columns(rows))

    def _symbols(self, rows: Rows) -> Sequence[str]:
        symbols = self._table.symbols
        return [symbols[row] for row in rows.tolist()]

    def _block(self, published_ns: int, symbols: Sequence[str], columns: Mapping[str, Column]) -> RowBlock:
        return RowBlock(
            producer=self._producer,
            epoch=self.epoch,
            tick=self._tick,
            published_ns=published_ns,
            received_ns=self._received_ns,
            market_time_ms=self._time.newest_ms,
            symbols=tuple(symbols),
            columns=columns,
            shows_test_issues=self._show_test_issues,
        )


def _queue(batch: Batch) -> QueueName:
    return batch.queue


def _format(batch: Batch) -> str:
    return batch.format
