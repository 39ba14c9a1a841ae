"""Events of a step of the market as columns, in no provider's spelling.

An event becomes an object, or text, only where a client subscribed to it. That is the work of a provider's
emulator. Rendering an event costs most of a microsecond, copying one a twentieth of that. So beyond some
thousand events a step, the market describes the first ones only, the *prototypes*, and the others repeat
them in turn.
"""

import enum
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

EventColumn: TypeAlias = NDArray[Any]


class EventKind(enum.Enum):
    """What kind of events a block has, and so which columns.

    Columns that `marketdata.events` has are named and measured as there. Beside them: `tape` (1 to 3) of
    all but aggregates, and what is said of each kind here.
    """

    SECOND_AGGREGATE = enum.auto()
    """`AGGREGATE_COLUMNS`; `official_open_price` is there only after the open."""
    MINUTE_AGGREGATE = enum.auto()
    """The same."""
    TRADE = enum.auto()
    """`exchange` (a place in `prints.VENUES`), `reporting_facility` (1 to 3, or 0 for prints of an exchange),
    `participant_timestamp` (epoch milliseconds), `conditions` (bits of `prints.TradeCondition`), and the
    columns of `TRADE_COLUMNS` but `rules` and `identity`. `fractional_size` is NaN for whole sizes."""
    QUOTE = enum.auto()
    """`QUOTE_COLUMNS`; `bid_exchange` and `ask_exchange` (places in `prints.VENUES`),
    `participant_timestamp`, and two flags: `is_regular` (a condition is stated, the regular one) and
    `has_indicator`."""
    PRICE_BANDS = enum.auto()
    """`high`, `low` (0 is none), `sequence_number`, `timestamp_ns` (epoch nanoseconds), and `notice`
    (`halts.BandNotice`)."""


class EventBlock:
    """Events of one kind in order of time.

    `symbol_index` numbers the symbols of `symbols`, an object array of all tickers; the symbol itself is
    not part of `columns`. A column that is not there is absent for all events of the block.
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
        """Some of the events, any of them any number of times."""
        return self.picked(rows, {})

    def picked(self, rows: NDArray[np.int64] | slice, replaced: Mapping[str, EventColumn]) -> "EventBlock":
        """The same, with some columns replaced."""
        columns = {
            name: replaced[name] if name in replaced else column[rows]
            for name, column in self.columns.items()
        }
        return EventBlock(self.kind, self.symbols, self.symbol_index[rows], columns)

    def rows_of(self, symbol_indexes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows that concern any of the given symbols."""
        return np.flatnonzero(np.isin(self.symbol_index, symbol_indexes))


class RepeatedBlock:
    """Trades or quotes, where event `k` is prototype `k % len(prototypes)` with its own time and number.

    `times` (epoch milliseconds) and `numbers` have one entry for each event, ascending; all numbers have as
    many digits as those of the prototypes, and begin with theirs.
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
        """Some of the events, each with what it repeats."""
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
