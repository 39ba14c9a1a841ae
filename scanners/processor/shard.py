"""The state of one shard, and how batches of events change it. No I/O: bytes in, row blocks out."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, groupby
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.codec import EventColumns, Rejected, RejectReason
from marketdata.errors import ContentError
from marketdata.kernels.symbols import UNKNOWN
from marketdata.payloads import RowBlock
from marketdata.providers.registry import batch_decoder
from marketdata.reference.columns import SNAPSHOT_COLUMNS
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.trading_calendar import TradingCalendar, TradingDay
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS
from scanners.analysis.contract import EventGroup, MarketPhase
from scanners.analysis.vectors import Instants
from scanners.processor.market_time import Advance, MarketTime, Present
from scanners.processor.outcome import Outcome
from scanners.processor.switches import AnalyzerSwitches
from scanners.processor.symbol_rows import UNKNOWN_SYMBOL, Admission, ReferenceData, ReferenceInUse
from scanners.processor.tick import CheckpointParts, Ticks, check_producer
from scanners.registry import RECEIVED_COLUMN, Route, table_columns, table_private_columns
from scanners.rows import Rows
from scanners.table import MarketTable


class ShardProcessor:
    """Applies batches to the market table of one shard: decodes them, groups them, and runs the analyzers.

    `checkpoint` is the stored part of the state, and `tick` makes the published part. `epoch` identifies this
    owner of the shard (its start in epoch nanoseconds). Applying a batch again changes nothing, so redelivery
    after a crash is harmless. Emissions of test issues are published only if `show_test_issues`.
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
        self._producer = f"shard:{shard}"
        self._routes = {route.queue: route for route in routes}
        self._analyzers = tuple(chain.from_iterable(route.analyzers for route in routes))
        self._switches = AnalyzerSwitches(self._analyzers)
        self._table = MarketTable(table_columns(routes), table_private_columns(routes))
        self._time = MarketTime(calendar)
        self._reference = ReferenceInUse()
        self._admission = Admission()
        self._received_ns = 0
        self.checkpoint: Final = CheckpointParts(self._table, self._admission)
        self._ticks = Ticks(
            self._table,
            self.checkpoint,
            {stream.name: stream.circumstances for each in self._analyzers for stream in each.streams},
            producer=self._producer,
            epoch=epoch,
            show_test_issues=show_test_issues,
        )

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
    def market_time_ms(self) -> int:
        """The newest event time (epoch ms); 0 before the first event."""
        return self._time.newest_ms

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of each row. Do not change."""
        return self._table.symbols

    def switch(self, analyzers_off: Collection[str] = (), streams_off: Collection[str] = ()) -> None:
        """Have these analyzers and streams off, and all others on: see `AnalyzerSwitches`."""
        self._switches.switch(analyzers_off, streams_off, self._table, self._time.newest_ms)

    def restore(self, stored: Checkpoint, known: AbstractSet[str] = frozenset()) -> None:
        """Continue from a stored state. To be called before any batch is applied.

        `known` are the symbols of the reference data. Rows of other symbols are taken up to the limit of
        `symbol_rows`.

        Raises:
            ContentError: a block was made by another producer.
        """
        check_producer(stored, self._producer)
        self._time.resume(stored.whole.market_time_ms, stored.whole.received_ns)
        self._received_ns = stored.whole.received_ns
        self.checkpoint.restore(stored, known, self._day)
        self._switches.resume(stored.whole)
        self._reference.refill()
        self._admission.recount()

    def apply_reference(self, block: RowBlock, volume_curve: VolumeCurve | None = None) -> None:
        """Use new reference data and its volume curve (None: no curve) for all present and future rows.

        Data for the coming trading day waits until that day begins, because its previous session is another
        one.
        """
        if self._reference.offer(ReferenceData(block, volume_curve), self._day):
            self._admission.recount()

    def apply(self, batches: Iterable[Batch], *, now: Present | None = None) -> Outcome:
        """Decode and apply batches. Batches of one queue keep their order and are analysed together.

        `now` distinguishes batches that waited in a queue from those that did not. Without it, no batch
        waited.
        """
        outcome = Outcome(Counter(), Counter(), Counter())
        for queue, group in groupby(sorted(batches, key=_queue), key=_queue):
            if queue in self._routes:
                for format_name, alike in groupby(group, key=_format):
                    self._apply_to(self._routes[queue], format_name, tuple(alike), now, outcome)
            else:
                outcome.unknown[queue.value] += sum(map(self._ticks.set_aside.add_batch, group))
        return outcome

    def _apply_to(
        self,
        route: Route,
        format_name: str,
        batches: Sequence[Batch],
        now: Present | None,
        outcome: Outcome,
    ) -> None:
        """Apply batches of one queue and format: decode them, and let the analyzers process the events."""
        events = self._decode(route, format_name, batches, outcome)
        if events is None or not len(events.symbols):
            return
        values, symbols = events.values, events.symbols
        times_ms = values[route.columns.index(route.time.column)].astype(np.int64) + route.time.offset_ms
        received_ns = np.repeat([batch.received_ns for batch in batches], events.counts)
        advance = self._advance(times_ms, events, batches, now)
        outcome.corrections += advance.corrected
        self._reset(advance)
        if not advance.current.all():
            kept = np.flatnonzero(advance.current)
            refused = {"ahead": advance.ahead, "other_day": len(symbols) - len(kept) - advance.ahead}
            outcome.ignored.update({reason: count for reason, count in refused.items() if count})
            values, symbols = values[:, kept], symbols.take(kept)
            times_ms, received_ns = times_ms[kept], received_ns[kept]
        phase = self._phase
        if not len(symbols) or phase is None:
            return
        rows, all_admitted = self._admission.rows(self._table, symbols, self._reference, self._day)
        if not all_admitted:
            kept = np.flatnonzero(rows != UNKNOWN)
            outcome.ignored[UNKNOWN_SYMBOL] += len(symbols) - len(kept)
            values, symbols, rows = values[:, kept], symbols.take(kept), rows[kept]
            times_ms, received_ns = times_ms[kept], received_ns[kept]
            if not len(kept):
                return
        group = EventGroup(rows, times_ms, values)
        silent = self._switches.off_streams
        for analyzer in filter(self._switches.is_on, route.analyzers):
            for emission in analyzer.update(self._table, group, phase):
                if emission.stream not in silent:
                    self._ticks.emissions.add(emission)
        self._note_received(group.rows, received_ns, now)
        outcome.applied[route.queue.value] += len(symbols)

    def _decode(
        self, route: Route, format_name: str, batches: Sequence[Batch], outcome: Outcome
    ) -> EventColumns | None:
        """The events of batches of one format; None if the format is unknown. Other pieces are set aside."""
        try:
            decoder = batch_decoder(format_name, route.queue, route.columns)
        except ContentError:
            for batch in batches:
                outcome.rejected[RejectReason.UNKNOWN_FORMAT.value] += batch.event_count
                self._ticks.set_aside.add(
                    [Rejected(RejectReason.UNKNOWN_FORMAT, batch.body)], batch.received_ns
                )
            return None
        events = decoder.decode([batch.body for batch in batches])
        for index, rejected in events.rejected.items():
            outcome.rejected.update(piece.reason.value for piece in rejected)
            self._ticks.set_aside.add(rejected, batches[index].received_ns)
        return events

    def tick(self, published_ns: int) -> ShardTick:
        """Derive what follows from the changes, and return all that must be published now.

        Unpublished content is in every tick until `confirm` is called.
        """
        self._reference.fill(self._table, self._day)
        changed = self._derive()
        kept = self._admission.rows_to_keep(self._table, self._reference.symbols)
        removes_rows = len(kept) < len(self._table)
        header = self._ticks.start(
            published_ns=published_ns,
            received_ns=self._received_ns,
            market_time_ms=self._time.newest_ms,
            removes_rows=removes_rows,
            switches=self._switches,
        )
        if removes_rows:
            self._keep(kept)
            changed = self._table.take_changed()
        return self._ticks.finish(header, changed, removes_rows=removes_rows)

    def confirm(self, tick: ShardTick) -> None:
        """Note that the tick was published: nothing of it has to be published again."""
        self._ticks.confirm(tick)

    def _derive(self) -> Rows:
        """Compute what follows from the changes and from the time. Returns the rows that changed."""
        phase = self._phase
        if phase is None:
            return self._table.take_changed()
        analyzers = self._switches.on
        for analyzer in analyzers:
            analyzer.pass_time(self._table, phase)
        self._switches.judge(self._table, phase)
        rows = self._table.take_changed()
        for analyzer in analyzers:
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

    def _note_received(self, rows: Rows, received_ns: NDArray[np.int64], now: Present | None) -> None:
        """Set received times. Only applied events count. The shard's time is never ahead of our clock."""
        self._received_ns = max(self._received_ns, int(received_ns.max()))
        if now is not None:
            self._received_ns = min(self._received_ns, now.epoch_ns)
        received = self._table[RECEIVED_COLUMN]
        before, newest = received[rows], received_ns // NS_PER_MS
        received[rows] = np.fmax(before, newest)
        # Also an event that changed nothing else: readers get rows only as changes.
        self._table.mark(rows[~(newest <= before)])

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

    def _keep(self, rows: Rows) -> None:
        """Remove all other rows. The kept rows have their reference data already."""
        self._table.keep(rows)
        self._reference.keep(len(rows))
        self._admission.recount()


def _queue(batch: Batch) -> QueueName:
    return batch.queue


def _format(batch: Batch) -> str:
    return batch.format
