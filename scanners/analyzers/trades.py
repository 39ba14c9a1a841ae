"""The last trade of each symbol and its newest thousand, by the update rules of the trade conditions.

A print sets the last price, or counts in the volume, only if every condition on it allows that. Form T
(extended hours) forbids the first in the regular session and allows it outside, where the market otherwise
would stand still.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.events import Trade
from marketdata.payloads import Column
from marketdata.tapes import records_of
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import Instants, Lines, float_columns, newest_per_row, whole_numbers
from scanners.table import MarketTable, Rows
from scanners.tape import SUMMARY_COLUMNS

TRADE_COLUMNS: Final = ("last_price", "last_size", "last_timestamp", "last_sequence_number")
_PRICE, _SIZE, _TIMESTAMP, _SEQUENCE_NUMBER = range(len(TRADE_COLUMNS))

FORM_T: Final = 12
NEVER_LAST: Final = frozenset({2, 5, 7, 10, 13, 15, 16, 20, 21, 22, 29, 32, 33, 37, 52, 53})
"""Conditions whose consolidated update rule says that open and close are not updated; odd lots are 37."""

NEVER_IN_VOLUME: Final = frozenset({15, 16, 38})
"""Conditions whose consolidated update rule says that the volume is not updated: they repeat other prints."""

_NEVER, _EXTENDED_HOURS_ONLY, _ALWAYS = range(3)
_OUT_OF_VOLUME: Final = 4  # beside one of the three
_LAST: Final = 3
_MAX_REMEMBERED_CONDITIONS: Final = 10_000

_floats: Final = msgspec.json.Decoder(list[float])


class _UpdateRules(dict[tuple[int, ...], int]):
    """What a print with these conditions updates, remembered: few combinations occur."""

    def __missing__(self, conditions: tuple[int, ...]) -> int:
        if len(self) >= _MAX_REMEMBERED_CONDITIONS:
            self.clear()
        if not NEVER_LAST.isdisjoint(conditions):
            rule = _NEVER
        else:
            rule = _EXTENDED_HOURS_ONLY if FORM_T in conditions else _ALWAYS
        if not NEVER_IN_VOLUME.isdisjoint(conditions):
            rule |= _OUT_OF_VOLUME
        self[conditions] = rule
        return rule


def event_times_ms(events: Sequence[Trade]) -> Instants:
    """When each trade was reported, by the securities information processor's clock."""
    return whole_numbers([event.timestamp for event in events])


class TradesAnalyzer(Analyzer[Trade]):
    """Trades to the last one and to the tape. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "trades"
    columns: Final = (*TRADE_COLUMNS, *SUMMARY_COLUMNS)

    def __init__(self) -> None:
        self._rules = _UpdateRules()

    def update(self, table: MarketTable, group: EventGroup[Trade], phase: MarketPhase) -> Sequence[Emission]:
        """Apply trades."""
        conditions = [event.conditions for event in group.events]
        rules = np.frombuffer(bytes(map(self._rules.__getitem__, conditions)), dtype=np.int8)
        self._set_last(table, group, np.flatnonzero(_sets_last(rules & _LAST, group.times_ms, phase)))
        counted = np.flatnonzero(rules & _OUT_OF_VOLUME == 0)
        self._put_on_tape(table, group, counted, phase)
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

    def _set_last(self, table: MarketTable, group: EventGroup[Trade], eligible: Rows) -> None:
        rows, trades = group.rows[eligible], group.lines[:, eligible]
        held = (table["last_timestamp"], table["last_sequence_number"])
        newest = newest_per_row(rows, (trades[_TIMESTAMP], trades[_SEQUENCE_NUMBER]), held)
        table.write(table.columns(TRADE_COLUMNS), rows[newest], trades[:, newest])

    def _put_on_tape(
        self, table: MarketTable, group: EventGroup[Trade], counted: Rows, phase: MarketPhase
    ) -> None:
        if not len(counted):
            return
        table.tape.begin(phase.day.day_start_ms)
        trades = group.lines[:, counted]
        records = records_of(
            group.times_ms[counted],
            trades[_SEQUENCE_NUMBER].astype(np.int64),
            trades[_PRICE],
            trades[_SIZE],
            phase.day.day_start_ms,
        )
        table.mark(table.tape.add(group.rows[counted], records))


def trade_lines(events: Sequence[Trade], times_ms: Instants) -> Lines:
    """One line for each of `TRADE_COLUMNS`, one column for each event. Sizes have their fractions."""
    lines = np.empty((len(TRADE_COLUMNS), len(events)))
    lines[_PRICE] = float_columns([event.price for event in events], 1)
    lines[_SIZE] = _exact_sizes(events)
    lines[_TIMESTAMP] = times_ms
    lines[_SEQUENCE_NUMBER] = whole_numbers([event.sequence_number for event in events])
    return lines


def _sets_last(rules: NDArray[np.int8], times_ms: Instants, phase: MarketPhase) -> NDArray[np.bool_]:
    day = phase.day
    extended_hours = (times_ms < day.regular_open_ms) | (times_ms >= day.regular_close_ms)
    sets_last: NDArray[np.bool_] = (rules == _ALWAYS) | ((rules == _EXTENDED_HOURS_ONLY) & extended_hours)
    return sets_last


def _exact_sizes(events: Sequence[Trade]) -> Column:
    """Shares with their fraction where the wire has it in a form that can be read, else whole shares."""
    whole_sizes = float_columns([event.size for event in events], 1)[0]
    exact = _parsed([event.fractional_size for event in events])
    is_exact = (whole_sizes <= exact) & (exact < whole_sizes + 1)
    sizes: Column = np.where(is_exact, exact, whole_sizes)
    return sizes


def _parsed(texts: Sequence[str | None]) -> Column:
    """The numbers that the texts spell, NaN for others: read as one JSON array, one by one if that fails."""
    try:
        values = _floats.decode(f"[{','.join(texts)}]")  # type: ignore[arg-type] # what is None raises
    except (TypeError, msgspec.DecodeError):
        values = []
    if len(values) != len(texts):  # also where a text holds a comma
        values = [_float(text) for text in texts]
    column: Column = float_columns(values, 1)[0]
    return column


def _float(text: str | None) -> float:
    try:
        return float(text or math.nan)
    except ValueError:
        return math.nan
