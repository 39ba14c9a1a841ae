"""The last trade of each symbol, by the update rules of the provider's trade conditions.

A print sets the last price only if every condition on it allows that. Form T (extended hours) forbids it in
the regular session and allows it outside, where the market otherwise would stand still.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata.events import Trade
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import Instants, Lines, float_columns, newest_per_row, whole_numbers
from scanners.table import MarketTable

TRADE_COLUMNS: Final = ("last_price", "last_size", "last_timestamp", "last_sequence_number")
_PRICE, _SIZE, _TIMESTAMP, _SEQUENCE_NUMBER = range(len(TRADE_COLUMNS))

FORM_T: Final = 12
NEVER_LAST: Final = frozenset({2, 5, 7, 10, 13, 15, 16, 20, 21, 22, 29, 32, 33, 37, 52, 53})
"""Conditions whose consolidated update rule says that open and close are not updated; odd lots are 37."""

_NEVER, _EXTENDED_HOURS_ONLY, _ALWAYS = range(3)
_MAX_REMEMBERED_CONDITIONS: Final = 10_000


class _LastRules(dict[tuple[int, ...], int]):
    """When a print with these conditions sets the last price, remembered: few combinations occur."""

    def __missing__(self, conditions: tuple[int, ...]) -> int:
        if len(self) >= _MAX_REMEMBERED_CONDITIONS:
            self.clear()
        if not NEVER_LAST.isdisjoint(conditions):
            rule = _NEVER
        else:
            rule = _EXTENDED_HOURS_ONLY if FORM_T in conditions else _ALWAYS
        self[conditions] = rule
        return rule


def event_times_ms(events: Sequence[Trade]) -> Instants:
    """When each trade was reported, by the securities information processor's clock."""
    return whole_numbers([event.timestamp for event in events])


class TradesAnalyzer(Analyzer[Trade]):
    """Trades to the last price, size and time. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "trades"
    columns: Final = TRADE_COLUMNS

    def __init__(self) -> None:
        self._rules = _LastRules()

    def update(self, table: MarketTable, group: EventGroup[Trade], phase: MarketPhase) -> Sequence[Emission]:
        """Apply trades."""
        events = group.events
        eligible = np.flatnonzero(self._sets_last(events, group.times_ms, phase))
        rows, trades = group.rows[eligible], group.lines[:, eligible]
        held = (table["last_timestamp"], table["last_sequence_number"])
        newest = newest_per_row(rows, (trades[_TIMESTAMP], trades[_SEQUENCE_NUMBER]), held)
        chosen = trades[:, newest]
        chosen[_SIZE] = [_exact_size(events[index]) for index in eligible[newest].tolist()]
        table.write(table.columns(TRADE_COLUMNS), rows[newest], chosen)
        return ()

    def _sets_last(
        self, events: Sequence[Trade], times_ms: Instants, phase: MarketPhase
    ) -> NDArray[np.bool_]:
        rules = np.array([self._rules[event.conditions] for event in events], dtype=np.int8)
        day = phase.day
        extended_hours = (times_ms < day.regular_open_ms) | (times_ms >= day.regular_close_ms)
        sets_last: NDArray[np.bool_] = (rules == _ALWAYS) | ((rules == _EXTENDED_HOURS_ONLY) & extended_hours)
        return sets_last


def trade_lines(events: Sequence[Trade], times_ms: Instants) -> Lines:
    """One line for each of `TRADE_COLUMNS`, one column for each event."""
    values: list[float] = []
    append = values.extend
    for event in events:
        append((event.price, event.size))
    sequence_numbers = whole_numbers([event.sequence_number for event in events])
    return np.vstack((float_columns(values, _TIMESTAMP), times_ms, sequence_numbers))


def _exact_size(trade: Trade) -> float:
    """Shares with their fraction where the wire has it in a form that can be read, else whole shares."""
    if trade.fractional_size is None:
        return trade.size
    try:
        exact = float(trade.fractional_size)
    except ValueError:
        return trade.size
    return exact if trade.size <= exact < trade.size + 1 else trade.size
