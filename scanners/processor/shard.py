"""The state of one shard, and how batches of events change it. No I/O: bytes in, row blocks out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from typing import Any, Final

import msgspec
import numpy as np

from marketdata.errors import ContentError
from marketdata.payloads import RowBlock
from marketdata.trading_calendar import TradingCalendar
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName
from scanners.processor.market_time import Advance, MarketTime
from scanners.processor.reference import ReferenceData
from scanners.registry import RECEIVED_COLUMN, Route, table_columns
from scanners.table import MarketTable, Rows

_NS_PER_MS: Final = 1_000_000
_NEVER_NS: Final = 2**63 - 1


class Outcome(msgspec.Struct, frozen=True):
    """What became of the events of some batches: counts by queue, and by reason."""

    applied: Counter[str]
    rejected: Counter[str]
    ignored: Counter[str]


class TickBlocks(msgspec.Struct, frozen=True):
    """What a tick publishes: the whole shard, and the rows that changed since the tick before."""

    whole: RowBlock
    changed: RowBlock


class ShardProcessor:
    """Applies batches to the market table of one shard and turns it into row blocks at each tick.

    `epoch` names this owner of the shard (its start in epoch nanoseconds). Applying a batch again changes
    nothing, so redelivery after a crash is harmless.
    """

    def __init__(self, shard: int, *, routes: Sequence[Route], calendar: TradingCalendar, epoch: int) -> None:
        self.shard = shard
        self.epoch = epoch
        self._routes = {route.queue: route for route in routes}
        self._analyzers = tuple(chain.from_iterable(route.analyzers for route in routes))
        self._names = table_columns(routes)
        self._calendar = calendar
        self._table = MarketTable(self._names)
        self._time = MarketTime(calendar)
        self._reference: ReferenceData | None = None
        self._rows_with_reference = 0
        self._received_ns = 0
        self._tick = 0

    @property
    def queues(self) -> Sequence[QueueName]:
        """The queues whose batches it takes."""
        return tuple(self._routes)

    @property
    def has_changes(self) -> bool:
        """Whether rows changed since the last tick."""
        return len(self._table.changed()) > 0 or self._rows_without_reference()

    @property
    def row_count(self) -> int:
        """How many symbols the shard has."""
        return len(self._table)

    def restore(self, checkpoint: RowBlock) -> None:
        """Begin with the stored rows of the shard in place of what it holds.

        Raises:
            ContentError: the block belongs to another producer.
        """
        if checkpoint.producer != self._producer:
            raise ContentError("row_block", f"made by {checkpoint.producer!r}, not {self._producer!r}")
        self._table = MarketTable(self._names)
        self._table.apply(checkpoint)
        self._time.resume(checkpoint.market_time_ms)
        self._received_ns = checkpoint.received_ns
        self._rows_with_reference = 0

    def apply_reference(self, block: RowBlock) -> None:
        """Take new reference data for the rows that exist, and for those that will."""
        self._reference = ReferenceData(block)
        self._rows_with_reference = 0

    def apply(self, batches: Iterable[Batch]) -> Outcome:
        """Decode and apply batches; those of one queue keep their order and are analysed together."""
        outcome = Outcome(Counter(), Counter(), Counter())
        for queue, group in groupby(sorted(batches, key=_queue), key=_queue):
            events: list[Any] = []
            oldest_ns = _NEVER_NS
            for batch in group:
                decoded = self._routes[queue].decoder.decode(batch.body)
                events += decoded.events
                outcome.rejected.update(rejected.reason.value for rejected in decoded.rejected)
                self._received_ns = max(self._received_ns, batch.received_ns)
                oldest_ns = min(oldest_ns, batch.received_ns)
            if events:
                self._analyse(self._routes[queue], events, outcome)
                self._table.stamp(RECEIVED_COLUMN, oldest_ns // _NS_PER_MS)
        return outcome

    def tick(self, published_ns: int) -> TickBlocks:
        """Compute what follows from the changes, and make the blocks of the next tick."""
        self._fill_reference()
        rows = self._table.take_changed()
        if self._time.phase is not None:
            for analyzer in self._analyzers:
                analyzer.derive(self._table, rows, self._time.phase)
        self._tick += 1
        whole = self._block(published_ns)
        if len(rows) == len(self._table):
            return TickBlocks(whole, whole)
        return TickBlocks(whole, self._block(published_ns, rows))

    @property
    def _producer(self) -> str:
        return f"shard:{self.shard}"

    def _analyse(self, route: Route, events: list[Any], outcome: Outcome) -> None:
        times_ms = route.event_times_ms(events)
        advance = self._time.advance(times_ms)
        self._reset(advance)
        if not advance.current.all():
            kept = np.flatnonzero(advance.current)
            outcome.ignored["other_day"] += len(events) - len(kept)
            events, times_ms = [events[index] for index in kept.tolist()], times_ms[kept]
        phase = self._time.phase
        if not events or phase is None:
            return
        for analyzer in route.analyzers:
            analyzer.update(self._table, events, times_ms, phase)
        outcome.applied[route.queue.value] += len(events)

    def _reset(self, advance: Advance) -> None:
        for analyzer in self._analyzers:
            if advance.day_started:
                analyzer.start_day(self._table)
            if advance.regular_session_started:
                analyzer.start_regular_session(self._table)
        if advance.day_started:
            self._table.clear((RECEIVED_COLUMN,))

    def _fill_reference(self) -> None:
        """Only rows without it: new ones, and all of them after new reference data or a restore."""
        if self._reference is not None and self._rows_without_reference():
            self._reference.fill(self._table, np.arange(self._rows_with_reference, len(self._table)))
            self._rows_with_reference = len(self._table)

    def _rows_without_reference(self) -> bool:
        return self._reference is not None and self._rows_with_reference < len(self._table)

    def _block(self, published_ns: int, rows: Rows | None = None) -> RowBlock:
        symbols = self._table.symbols
        return RowBlock(
            producer=self._producer,
            epoch=self.epoch,
            tick=self._tick,
            published_ns=published_ns,
            received_ns=self._received_ns,
            market_time_ms=self._time.newest_ms,
            symbols=tuple(symbols) if rows is None else tuple([symbols[row] for row in rows.tolist()]),
            columns=self._table.copy_columns(rows),
        )


def _queue(batch: Batch) -> QueueName:
    return batch.queue
