"""The last trade of each symbol and its newest thousand, by the update rules of the trade conditions.

A print sets the last price, or counts in the volume, only if every condition on it allows that
(`marketdata.events.TradeRule`). A print of the extended hours does not set it in the regular session, but
does so outside, where the market otherwise would stand still.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata import events
from marketdata.codec import Lines
from marketdata.events import TradeRule
from marketdata.payloads import Column
from marketdata.tapes import records_of
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import Instants, newest_per_row, whole_numbers
from scanners.table import MarketTable, Rows
from scanners.tape import SUMMARY_COLUMNS

TRADE_COLUMNS: Final = ("last_price", "last_size", "last_timestamp", "last_sequence_number")

LINES: Final = events.TRADE_COLUMNS
"""Of which columns of a trade there are lines: first those of `TRADE_COLUMNS`, in that order."""

_NOT_LAST, _EXTENDED_HOURS, _NOT_IN_VOLUME = map(int, TradeRule)
_PRICE, _SIZE, _TIMESTAMP, _SEQUENCE_NUMBER, _FRACTIONAL_SIZE, _RULES, _IDENTITY = range(len(LINES))


def event_times_ms(trades: Lines) -> Instants:
    """When each trade was reported, by the securities information processor's clock."""
    return whole_numbers(trades[_TIMESTAMP])


class TradesAnalyzer(Analyzer):
    """Trades to the last one and to the tape. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "trades"
    columns: Final = (*TRADE_COLUMNS, *SUMMARY_COLUMNS)

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply trades."""
        trades = group.lines[: len(TRADE_COLUMNS)].copy()
        trades[_SIZE] = _exact_sizes(trades[_SIZE], group.lines[_FRACTIONAL_SIZE])
        rules = group.lines[_RULES].astype(np.uint8)
        _set_last(table, group.rows, trades, _sets_last(rules, group.times_ms, phase))
        _put_on_tape(table, group, trades, rules & _NOT_IN_VOLUME == 0, phase)
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Sum up the tapes that changed."""
        rows, columns = table.tape.take_summary(rows)
        for name, column in zip(SUMMARY_COLUMNS, columns, strict=True):
            table[name][rows] = column

    def start_day(self, table: MarketTable) -> None:
        """Forget the trades of the day before."""
        super().start_day(table)
        table.tape.clear()


def _set_last(table: MarketTable, rows: Rows, trades: Lines, eligible: NDArray[np.bool_]) -> None:
    if not eligible.all():
        rows, trades = rows[eligible], trades[:, eligible]
    held = (table["last_timestamp"], table["last_sequence_number"])
    newest = newest_per_row(rows, (trades[_TIMESTAMP], trades[_SEQUENCE_NUMBER]), held)
    table.write(table.columns(TRADE_COLUMNS), rows[newest], trades[:, newest])


def _put_on_tape(
    table: MarketTable, group: EventGroup, trades: Lines, counted: NDArray[np.bool_], phase: MarketPhase
) -> None:
    """Put trades of the group, with their exact sizes, on the tapes of their rows: those that are counted."""
    rows, identities = group.rows, group.lines[_IDENTITY]
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
    """Shares with their fraction where the wire has it in a form that can be read, else whole shares."""
    is_exact = (whole_sizes <= fractional_sizes) & (fractional_sizes < whole_sizes + 1)
    return np.where(is_exact, fractional_sizes, whole_sizes)
