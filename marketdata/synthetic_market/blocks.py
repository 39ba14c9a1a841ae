"""Events of a step of the market as columns, independent of a provider's format.

A provider's emulator makes objects or text of an event only if a client subscribed to it. Rendering an event
takes almost a microsecond, copying it a twentieth of that. So if a step has more than some thousand events,
the market draws only the first of them, the *prototypes*, and the others repeat these in turn.
"""

import enum
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

EventColumn: TypeAlias = NDArray[Any]


class EventKind(enum.Enum):
    """The kind of events in a block, which decides its columns.

    Columns that `marketdata.events` defines have the same names and units here. All kinds but aggregates also
    have `tape` (1 to 3). Further columns are documented at each kind.
    """

    SECOND_AGGREGATE = enum.auto()
    """`AGGREGATE_COLUMNS`; `official_open_price` exists only after the open."""
    MINUTE_AGGREGATE = enum.auto()
    """The same."""
    TRADE = enum.auto()
    """`exchange` (an index into `prints.VENUES`), `reporting_facility` (1 to 3, or 0 for trades on an
    exchange), `participant_timestamp` (epoch milliseconds), `conditions` (bits of `prints.TradeCondition`),
    and `TRADE_COLUMNS` without `rules` and `identity`. `fractional_size` is NaN for whole sizes."""
    QUOTE = enum.auto()
    """`QUOTE_COLUMNS`; `bid_exchange` and `ask_exchange` (indexes into `prints.VENUES`),
    `participant_timestamp`, and two flags: `is_regular` (a condition is stated, the regular one) and
    `has_indicator`."""
    PRICE_BANDS = enum.auto()
    """`high`, `low` (0 is none), `sequence_number`, `timestamp_ns` (epoch nanoseconds), and `notice`
    (`halts.BandNotice`)."""


class EventBlock:
    """Events of one kind in order of time.

    `symbol_index` holds indexes into `symbols`, an object array of all tickers; the symbol itself is not in
    `columns`. A missing column means that no event of the block has the field.
    """

    __slots__ = ("columns", "kind", "symbol_index", "symbols")

    def __init__(
        self,
        kind: EventKind,
        symbols: EventColumn,
        symbol_index: NDArray[np.int64],
        columns: Mapping[str, EventColumn],
    ) -> None:
        self.kind: Final = kind
        self.symbols: Final = symbols
        self.symbol_index: Final = symbol_index
        self.columns: Final = columns

    def __len__(self) -> int:
        """Number of events."""
        return len(self.symbol_index)

    def chosen(self, rows: NDArray[np.int64] | slice) -> "EventBlock":
        """The events of these rows. A row may occur several times."""
        return self.picked(rows, {})

    def picked(self, rows: NDArray[np.int64] | slice, replaced: Mapping[str, EventColumn]) -> "EventBlock":
        """The events of these rows, with some columns replaced."""
        columns = {
            name: replaced[name] if name in replaced else column[rows]
            for name, column in self.columns.items()
        }
        return EventBlock(self.kind, self.symbols, self.symbol_index[rows], columns)

    def rows_of(self, symbol_indexes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows that concern any of the given symbols."""
        return np.flatnonzero(np.isin(self.symbol_index, symbol_indexes))


class RepeatedBlock:
    """Trades or quotes: event `k` is prototype `k % len(prototypes)` with its own time and number.

    `times` (epoch milliseconds) and `numbers` have one value for each event, ascending. All numbers have as
    many digits as the numbers of the prototypes, and the first of them are those numbers.
    """

    def __init__(self, prototypes: EventBlock, times: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        self.kind: Final = prototypes.kind
        self.prototypes: Final = prototypes
        self.times: Final = times
        self.numbers: Final = numbers

    def __len__(self) -> int:
        """Number of events."""
        return len(self.times)

    def chosen(self, rows: NDArray[np.int64] | slice) -> EventBlock:
        """The events of these rows, with the columns of their prototypes."""
        numbered = np.arange(len(self))[rows]
        prototype = numbered % len(self.prototypes)
        columns = self.prototypes.columns
        shift = self.times[numbered] - columns["timestamp"][prototype]
        stamps = {
            "timestamp": self.times[numbered],
            "participant_timestamp": columns["participant_timestamp"][prototype] + shift,
            "sequence_number": self.numbers[numbered],
        }
        return self.prototypes.picked(prototype, stamps)

    def rows_of(self, symbol_indexes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows that concern any of the given symbols."""
        wanted = np.isin(self.prototypes.symbol_index, symbol_indexes)
        return np.flatnonzero(np.resize(wanted, len(self)))


Block: TypeAlias = EventBlock | RepeatedBlock
