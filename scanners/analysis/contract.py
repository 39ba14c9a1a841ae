"""The interface of an analyzer: its input and its output."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

import msgspec

from marketdata.codec import EventMatrix
from marketdata.payloads import Column
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.schema import ColumnInfo, RowView, Stream, SymbolList, names
from marketdata.trading_calendar import TradingDay
from scanners.analysis.vectors import Instants
from scanners.rows import Rows
from scanners.table import MarketTable


class MarketPhase(msgspec.Struct, frozen=True):
    """How far the market's time has come, by the events alone.

    `regular_session_reached` is False in the pre-market and True from 09:30 New York until the day ends.
    `volume_curve`: the usual distribution of the market's volume over a full day; None while it is not known.
    `market_time_ms` is the newest event time of the shard.
    """

    day: TradingDay
    regular_session_reached: bool
    volume_curve: VolumeCurve | None = None
    market_time_ms: int = 0

    @property
    def open_reset_ms(self) -> int:
        """The time from which "since open" counts: the start of the day; from 09:30 on the regular open."""
        return self.day.regular_open_ms if self.regular_session_reached else self.day.day_start_ms


class EventTime(msgspec.Struct, frozen=True):
    """Where the time of an event is: `offset_ms` after the time in its column `column` (epoch ms)."""

    column: str
    offset_ms: int = 0


class History(msgspec.Struct, frozen=True):
    """The past that a figure needs: the whole day, or a window of so many milliseconds of the market's time.

    `begins_at_open`: from 09:30 New York on only what follows it.
    """

    window_ms: int | None = None
    begins_at_open: bool = False

    def begins_ms(self, phase: MarketPhase) -> int:
        """The time (epoch ms) from which all events must have been seen."""
        if self.window_ms is not None:
            return phase.market_time_ms - self.window_ms
        return phase.open_reset_ms if self.begins_at_open else phase.day.day_start_ms


WHOLE_DAY: Final = History()
SINCE_OPEN: Final = History(begins_at_open=True)


class EventGroup(msgspec.Struct, frozen=True):
    """Events of one queue and of the current trading day, in the order of their arrival; at least one.

    `rows[i]` is the table row of the symbol of event i, `times_ms[i]` its event time. `values[c, i]` is
    column c of event i; the columns are those that the route of the queue reads.
    """

    rows: Rows
    times_ms: Instants
    values: EventMatrix


class Emission(msgspec.Struct, frozen=True):
    """Entries for a stream, in order.

    `rows` has the table row of each entry (a row may occur several times), `columns` the values.
    """

    stream: str
    rows: Rows
    columns: Mapping[str, Column]


class Analyzer(Protocol):
    """Turns events of one kind into columns. Pure: no I/O, no clock, and no state but the table.

    All state is in the table: in published columns, private columns and the tape. So another process that
    restores the stored state of a shard continues exactly where this one stopped. Events may arrive late,
    twice, and again after a restart: a second application of an event changes nothing and emits nothing.
    """

    @property
    def name(self) -> str:
        """Its name in metrics and logs."""

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """The columns that it owns: it alone writes them, and `start_day` makes them absent.

        A declaration has all that users and clients can read about a column, and the boards that show it.
        """

    @property
    def written_together(self) -> tuple[str, ...]:
        """Those of its columns that are adjacent in the table, in this order, for `table.write`."""
        return ()

    @property
    def private_columns(self) -> Mapping[str, Sequence[str]]:
        """The groups of private columns that it owns: name of the group -> names of its columns."""
        return MappingProxyType({})

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams to which it emits."""
        return ()

    @property
    def views(self) -> tuple[RowView, ...]:
        """Parts of a symbol's row that clients can subscribe to. The quote feed has all columns anyway."""
        return ()

    @property
    def lists(self) -> tuple[SymbolList, ...]:
        """Lists of one symbol that clients can subscribe to, such as its trades."""
        return ()

    @property
    def history(self) -> Mapping[str, History]:
        """The past that columns need, of its rows, streams and lists; for the others the newest events do.

        An analyzer that was switched on again has not seen all of the day. Until it has seen what a column
        needs, the column is marked as partial.
        """
        return MappingProxyType({})

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply events, mark changed rows and private columns, return entries."""

    def pass_time(self, table: MarketTable, phase: MarketPhase) -> None:
        """Apply the progress of the market's time, at each tick before `derive`; mark the changed rows."""
        return

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Compute the columns that follow from others, in the rows that a tick publishes. Mark nothing."""
        return

    def start_day(self, table: MarketTable) -> None:
        """Begin a trading day (04:00 New York): clear the values of the day before, and mark all rows."""
        table.clear(names(self.columns))
        for name in self.private_columns:
            table.private_columns[name].clear()

    def start_regular_session(self, table: MarketTable) -> None:
        """Begin the regular session (09:30): clear the values that count from the open, and mark all rows."""
        return
