"""The contract of an analyzer, and the session state that every analyzer is given."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from marketdata.events import MarketEvent
from marketdata.trading_calendar import TradingDay
from scanners.analyzers.columns import Instants
from scanners.table import MarketTable, Rows

EventT_contra = TypeVar("EventT_contra", bound=MarketEvent, contravariant=True)


class MarketPhase(msgspec.Struct, frozen=True):
    """How far the market's own time has come, as told by the events alone.

    `regular_session_reached` is False in the pre-market and True from 09:30 New York until the day ends.
    """

    day: TradingDay
    regular_session_reached: bool

    @property
    def open_reset_ms(self) -> int:
        """Since when "since open" counts: the start of the day, and from 09:30 on the regular open."""
        return self.day.regular_open_ms if self.regular_session_reached else self.day.day_start_ms


class Analyzer(Protocol[EventT_contra]):
    """Turns events of one kind into columns. Pure: no I/O, no clock, and no state but the table.

    All state lives in the table's columns, so a shard that another process restores from the
    stored rows continues exactly where this one stopped. Events may come late, twice, and after a
    restart again: applying an event a second time changes nothing.
    """

    @property
    def name(self) -> str:
        """What metrics and logs call it."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it owns: it alone writes them, and `start_day` makes them absent."""

    def update(
        self, table: MarketTable, events: Sequence[EventT_contra], times_ms: Instants, phase: MarketPhase
    ) -> None:
        """Apply events of the current trading day, in the order of their arrival, and mark changed rows.

        `times_ms`: when each happened. There is at least one event.
        """

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Compute the columns that follow from others, in the rows that a tick publishes. Marks nothing."""

    def start_day(self, table: MarketTable) -> None:
        """A trading day began (04:00 New York): forget the one before, and mark all rows."""

    def start_regular_session(self, table: MarketTable) -> None:
        """The market's time reached 09:30: reset what counts from the open, and mark all rows."""
