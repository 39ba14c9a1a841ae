"""The last trade of each symbol and its tape, by the update rules of the trade conditions.

A trade sets the last price, or counts in the volume, only if every condition of it allows that
(`marketdata.events.TradeRule`). A trade marked as of the extended hours sets the last price only outside the
regular session. There no other trade would set it.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata import events
from marketdata.codec import EventMatrix
from marketdata.events import TradeRule
from marketdata.payloads import Column
from marketdata.schema import ColumnInfo, SymbolList, Unit, names
from marketdata.schema.boards import TOP_TRADES, at
from marketdata.tapes import records_of
from marketdata.units import MS_PER_MINUTE
from scanners.analysis.contract import (
    WHOLE_DAY,
    Analyzer,
    Emission,
    EventGroup,
    EventTime,
    History,
    MarketPhase,
)
from scanners.analysis.vectors import Instants, newest_per_row, whole_numbers
from scanners.rows import Rows
from scanners.table import MarketTable
from scanners.tape import SUMMARY_COLUMNS

_LAST: Final = (
    ColumnInfo(
        "last_price",
        "Last",
        Unit.DOLLARS,
        "Price of the last trade that counts",
        definition="price of the *last trade*: the newest trade (by time, sequence number, arrival) whose "
        "conditions let it set the last price. Every condition on it must; but a condition that only marks "
        "a trade of the extended hours does not prevent it outside the regular session",
        boards=at(62, TOP_TRADES),
    ),
    ColumnInfo(
        "last_size",
        "Last size",
        Unit.SHARES,
        "Shares of the last trade",
        definition="size of the last trade: the exact size where that is the whole size and a fraction, "
        "else the whole size",
        boards=at(63, TOP_TRADES),
    ),
    ColumnInfo(
        "last_timestamp",
        "Last trade",
        Unit.EPOCH_MS,
        "When the last trade took place",
        definition="time of the last trade",
        boards=at(64, TOP_TRADES),
    ),
    ColumnInfo(
        "last_sequence_number",
        "Last trade's number",
        Unit.COUNT,
        "Its number, which orders trades of one time",
        definition="sequence number of the last trade",
        shown=False,
    ),
)
_ON_TAPE: Final = (
    ColumnInfo(
        "trades_per_minute",
        "Trades/min",
        Unit.COUNT,
        "Trades in the minute up to the newest",
        definition="trades on the tape whose time is above that of its newest less 60,000; when that is "
        "all 1,000, `1,000 x 60,000 / max(trade_span_ms, 1)`",
        boards=at(5, TOP_TRADES),
    ),
    ColumnInfo(
        "trade_count",
        "Trades on tape",
        Unit.COUNT,
        "How many of the newest 1,000 trades are known",
        short="Tape",
        definition="trades in the symbol's *tape*: its newest 1,000 trades of the day by time, sequence "
        "number (0 where there is none), price and size. Trades that agree in these four and in the "
        "spelling of their id, exchange and tape are one, however often it was "
        "sent; if one of these differs they are two. A trade whose conditions keep it out of "
        "the volume is not on the tape. This column, `trades_per_minute` and the "
        "other `trade_...` columns are absent until a trade is on it",
        boards=at(61, TOP_TRADES),
    ),
    ColumnInfo(
        "trade_volume",
        "Tape volume",
        Unit.SHARES,
        "Shares of the newest 1,000 trades",
        short="Tape vol",
        definition="shares of the trades on the tape; a size has its fraction, in millionths of a share, "
        "so the sum is exact",
        boards=at(41, TOP_TRADES),
    ),
    ColumnInfo(
        "trade_average_size",
        "Average trade",
        Unit.SHARES,
        "Average shares of the newest 1,000 trades",
        short="Avg trade",
        definition="mean size of the trades on the tape",
        boards=at(42, TOP_TRADES),
    ),
    ColumnInfo(
        "trade_largest_size",
        "Largest trade",
        Unit.SHARES,
        "Largest of the newest 1,000 trades",
        short="Largest",
        definition="largest size of the trades on the tape",
        boards=at(43, TOP_TRADES),
    ),
    ColumnInfo(
        "trade_span_ms",
        "Tape span",
        Unit.DURATION_MS,
        "Time that the newest 1,000 trades took",
        short="Span",
        definition="time of the newest less time of the oldest trade on the tape",
        boards=at(44, TOP_TRADES),
    ),
)
TAPE: Final = SymbolList(
    feed="trades:{symbol}",
    label="Trades",
    description="The newest trades of the symbol's tape, oldest first",
    columns=(
        ColumnInfo(
            "trade_price", "Price", Unit.DOLLARS, "Price of the trade", definition="price of the trade"
        ),
        ColumnInfo(
            "trade_size",
            "Size",
            Unit.FRACTIONAL_SHARES,
            "Shares of the trade",
            definition="size of the trade with its fraction: the exact size where that is the whole size "
            "and a fraction, else the whole size",
        ),
        ColumnInfo(
            "trade_timestamp",
            "Time",
            Unit.EPOCH_MS,
            "When the trade took place",
            definition="time of the trade",
        ),
        ColumnInfo(
            "trade_sequence_number",
            "Number",
            Unit.COUNT,
            "Its number, which orders trades of one time",
            definition="sequence number of the trade, 0 where there is none",
        ),
    ),
)
TRADE_COLUMNS: Final = names(_LAST)

EVENT_COLUMNS: Final = events.TRADE_COLUMNS
"""The columns of a trade that `EventGroup.values` has: first those of `TRADE_COLUMNS`, in that order."""

_NOT_LAST, _EXTENDED_HOURS, _NOT_IN_VOLUME = map(int, TradeRule)
_PRICE, _SIZE, _TIMESTAMP, _SEQUENCE_NUMBER, _FRACTIONAL_SIZE, _RULES, _IDENTITY = range(len(EVENT_COLUMNS))


EVENT_TIME: Final = EventTime("timestamp")
"""The time of each report of a trade, by the clock of the securities information processor."""


class TradesAnalyzer(Analyzer):
    """Trades to the last one and to the tape. See `scanners.analysis.contract.Analyzer`."""

    name: Final = "trades"
    columns: Final = _LAST + _ON_TAPE
    written_together: Final = TRADE_COLUMNS
    lists: Final = (TAPE,)
    history: Final = MappingProxyType(
        dict.fromkeys(names(_ON_TAPE + TAPE.columns), WHOLE_DAY)
        | {"trades_per_minute": History(window_ms=MS_PER_MINUTE)}
    )

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply trades."""
        trades = group.values[: len(TRADE_COLUMNS)].copy()
        trades[_SIZE] = _exact_sizes(trades[_SIZE], group.values[_FRACTIONAL_SIZE])
        rules = group.values[_RULES].astype(np.uint8)
        _set_last(table, group.rows, trades, _sets_last(rules, group.times_ms, phase))
        _put_on_tape(table, group, trades, rules & _NOT_IN_VOLUME == 0, phase)
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Summarise the tapes that changed."""
        rows, columns = table.tape.take_summary(rows)
        for name, column in zip(SUMMARY_COLUMNS, columns, strict=True):
            table[name][rows] = column

    def start_day(self, table: MarketTable) -> None:
        """Forget the trades of the day before."""
        super().start_day(table)
        table.tape.clear()


def _set_last(table: MarketTable, rows: Rows, trades: EventMatrix, eligible: NDArray[np.bool_]) -> None:
    if not eligible.all():
        rows, trades = rows[eligible], trades[:, eligible]
    held = (table["last_timestamp"], table["last_sequence_number"])
    newest = newest_per_row(rows, (trades[_TIMESTAMP], trades[_SEQUENCE_NUMBER]), held)
    table.write(table.columns(TRADE_COLUMNS), rows[newest], trades[:, newest])


def _put_on_tape(
    table: MarketTable, group: EventGroup, trades: EventMatrix, counted: NDArray[np.bool_], phase: MarketPhase
) -> None:
    """Put the counted trades of the group, with their exact sizes, on the tapes of their rows."""
    rows, identities = group.rows, group.values[_IDENTITY]
    if not counted.all():
        rows, trades, identities = rows[counted], trades[:, counted], identities[counted]
    if not len(rows):
        return
    table.tape.begin(phase.day.day_start_ms)
    records = records_of(
        whole_numbers(trades[_TIMESTAMP]),
        whole_numbers(trades[_SEQUENCE_NUMBER]),
        trades[_PRICE],
        trades[_SIZE],
        identities,
        day_start_ms=phase.day.day_start_ms,
    )
    table.mark(table.tape.add(rows, records))


def _sets_last(rules: NDArray[np.uint8], times_ms: Instants, phase: MarketPhase) -> NDArray[np.bool_]:
    day = phase.day
    extended_hours = (times_ms < day.regular_open_ms) | (times_ms >= day.regular_close_ms)
    sets_last: NDArray[np.bool_] = rules & (_NOT_LAST | _EXTENDED_HOURS) == 0
    sets_last |= (rules & _NOT_LAST == 0) & extended_hours
    return sets_last


def _exact_sizes(whole_sizes: Column, fractional_sizes: Column) -> Column:
    """Shares with their fraction where the message has a valid one, else whole shares."""
    is_exact = (whole_sizes <= fractional_sizes) & (fractional_sizes < whole_sizes + 1)
    return np.where(is_exact, fractional_sizes, whole_sizes)
