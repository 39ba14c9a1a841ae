"""Price bands of the limit-up/limit-down plan, and halts with resumptions: one channel has both.

A message may say that a symbol is halted, or that it trades again (`marketdata.events.HaltSign`). Every other
message only moves the bands. The provider's feed reports halts of Nasdaq-listed symbols only, and without the
reason. So it is not known whether a symbol may reopen after five minutes, and the columns say so.

Every value from messages is that of the greatest time and sequence number, so late, repeated and permuted
messages give the same result. Times are nanoseconds of the trading day, which a float64 holds exactly.
Definitions: docs/metrics.md, "Halts and bands".
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from marketdata.codec import EventMatrix
from marketdata.payloads import Column
from marketdata.trading_calendar import TradingDay
from scanners.analysis.contract import WHOLE_DAY, Analyzer, Emission, EventGroup, History, MarketPhase
from scanners.analysis.vectors import newest_per_row, quotient
from scanners.analyzers.halts.columns import (
    BAND_COLUMNS,
    BID_BELOW,
    BOTH_OUTSIDE,
    COLUMNS,
    HALT_STATE,
    HALT_STREAM,
    LIMIT_DOWN,
    LIMIT_UP,
    NO_LIMIT,
    OFFER_ABOVE,
)
from scanners.analyzers.halts.entries import EMITTED, EMITTED_GROUP, emissions
from scanners.analyzers.halts.messages import (
    HALT_NS,
    HALT_SEQUENCE,
    HALTED,
    HIGH,
    LOW,
    NEWEST_NS,
    RESUMED,
    SEQUENCE_NUMBER,
    STATE,
    STATE_GROUP,
    TIME_MS,
    TRADING,
    TRADING_NS,
    TRADING_SEQUENCE,
    in_regular_session,
    meanings,
    times_of_day_ns,
)
from scanners.rows import Rows
from scanners.table import MarketTable, PrivateColumns

PAUSE_MS: Final = 300_000
LIMIT_STATE_MS: Final = 15_000

_OF_THE_DAY: Final = (
    "is_halted",
    "halt_timestamp",
    "resume_timestamp",
    "halt_may_be_limit_pause",
    "earliest_reopening_timestamp",
    "halt_began_timestamp",
)
"""Columns of the table and of the stream that depend on the halts of the whole day."""


class HaltsAnalyzer(Analyzer):
    """Price band messages to bands, halts and limit states. See `scanners.analysis.contract.Analyzer`."""

    name: Final = "halts"
    columns: Final = COLUMNS
    written_together: Final = BAND_COLUMNS
    private_columns = MappingProxyType({STATE_GROUP: STATE, EMITTED_GROUP: EMITTED})
    streams: Final = (HALT_STREAM,)
    views: Final = (HALT_STATE,)
    history: Final = MappingProxyType(
        dict.fromkeys(_OF_THE_DAY, WHOLE_DAY)
        | dict.fromkeys(("limit_state_timestamp", "limit_pause_timestamp"), History(LIMIT_STATE_MS))
    )

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply messages. Emits one entry for each new halt and each new end of one."""
        rows, messages = group.rows, group.values
        times_ns, meaning = times_of_day_ns(messages, phase.day), meanings(messages)
        emitted = emissions(table, group, meaning, times_ns, phase.day)
        _note_bands(table, rows, messages, times_ns)
        if not (meaning >= TRADING).any():
            return emitted
        keys = np.vstack((times_ns, messages[SEQUENCE_NUMBER]))
        trades = (meaning == TRADING) | (meaning == RESUMED)
        for first, chosen in ((HALT_NS, meaning == HALTED), (TRADING_NS, trades)):
            _note_newest(table.private_columns[STATE_GROUP], first, rows[chosen], keys[:, chosen])
        for column, said in (("halt_timestamp", HALTED), ("resume_timestamp", RESUMED)):
            chosen = meaning == said
            np.fmax.at(table[column], rows[chosen], messages[TIME_MS, chosen])
        _judge(table, np.unique(rows), phase.day)
        return emitted

    def pass_time(self, table: MarketTable, phase: MarketPhase) -> None:
        """Move the earliest reopening of halted symbols: a pause is extended by five minutes at a time."""
        expected = table["halt_may_be_limit_pause"] == 1
        rows = np.flatnonzero(expected & (table["is_halted"] == 1))
        halted_ms = table["halt_timestamp"][rows]
        pauses = np.ceil((phase.market_time_ms - halted_ms) / PAUSE_MS)
        reopening_ms = halted_ms + PAUSE_MS * np.maximum(pauses, 1)
        later = reopening_ms != table["earliest_reopening_timestamp"][rows]
        table["earliest_reopening_timestamp"][rows[later]] = reopening_ms[later]
        table.mark(rows[later])

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Distance from the bands, and the limit state with its clock."""
        table["band_distance_pct"][rows] = _band_distance_pct(table, rows, phase.day)
        state = _limit_state(table, rows, phase.day)
        is_limit = (state == LIMIT_UP) | (state == LIMIT_DOWN)
        goes_on = state == table["limit_state"][rows]
        seen_ms = np.fmax(table["quote_timestamp"][rows], table["band_timestamp"][rows])
        since_ms = np.where(goes_on, table["limit_state_timestamp"][rows], seen_ms)
        since_ms[~is_limit] = np.nan
        table["limit_state"][rows] = state
        table["limit_state_timestamp"][rows] = since_ms
        table["limit_pause_timestamp"][rows] = since_ms + LIMIT_STATE_MS


def _note_bands(table: MarketTable, rows: Rows, messages: EventMatrix, times_ns: Column) -> None:
    """Keep the newest message of each symbol. A band of 0 is absent."""
    state = table.private_columns[STATE_GROUP]
    held = (state.values[NEWEST_NS], table["band_sequence_number"])
    newest = newest_per_row(rows, (times_ns, messages[SEQUENCE_NUMBER]), held)
    bands = messages[[HIGH, LOW, TIME_MS, SEQUENCE_NUMBER]][:, newest]
    bands[:2][bands[:2] == 0] = np.nan
    table.write(table.columns(BAND_COLUMNS), rows[newest], bands)
    state.values[NEWEST_NS, rows[newest]] = times_ns[newest]
    state.mark()


def _note_newest(state: PrivateColumns, first: int, rows: Rows, keys: EventMatrix) -> None:
    """Keep time and sequence number of each symbol's newest message in the columns `first` and the next."""
    newest = newest_per_row(rows, (keys[0], keys[1]), (state.values[first], state.values[first + 1]))
    state.values[first : first + 2, rows[newest]] = keys[:, newest]


def _judge(table: MarketTable, rows: Rows, day: TradingDay) -> None:
    """Decide whether the symbols are halted, and whether that may be a pause of the plan."""
    state = table.private_columns[STATE_GROUP].values[:, rows]
    halt_ns, trading_ns = state[HALT_NS], state[TRADING_NS]
    is_later = (halt_ns > trading_ns) | (
        (halt_ns == trading_ns) & (state[HALT_SEQUENCE] > state[TRADING_SEQUENCE])
    )
    is_halted = np.where(np.isnan(halt_ns), 0.0, np.where(np.isnan(trading_ns), 1.0, is_later))
    is_halted[np.isnan(halt_ns) & np.isnan(trading_ns)] = np.nan
    halted_ms = table["halt_timestamp"][rows]
    may_be_pause = np.where(np.isnan(halted_ms), np.nan, in_regular_session(halted_ms, day))
    table["is_halted"][rows] = is_halted
    table["halt_may_be_limit_pause"][rows] = may_be_pause
    is_not_expected = (is_halted != 1) | (may_be_pause != 1)
    table["earliest_reopening_timestamp"][rows[is_not_expected]] = np.nan
    table.mark(rows)


def _band_distance_pct(table: MarketTable, rows: Rows, day: TradingDay) -> Column:
    last_ms, bar_ms = table["last_timestamp"][rows], table["end_timestamp"][rows] - 1
    is_bar = np.isnan(last_ms) | (bar_ms > last_ms)
    price = np.where(is_bar, table["close"][rows], table["last_price"][rows])
    distance = np.fmin(table["band_high"][rows] - price, price - table["band_low"][rows])
    in_force = in_regular_session(np.where(is_bar, bar_ms, last_ms), day)
    return np.where(in_force, 100 * quotient(distance, price), np.nan)


def _limit_state(table: MarketTable, rows: Rows, day: TradingDay) -> Column:
    """The newest quote against the newest bands; the codes follow the plan's section VI."""
    bid, ask = table["bid_price"][rows], table["ask_price"][rows]
    upper, lower = table["band_high"][rows], table["band_low"][rows]
    uncrossed = ~(bid > ask)
    state = np.where(ask > upper, OFFER_ABOVE, NO_LIMIT) + np.where(bid < lower, BID_BELOW, NO_LIMIT)
    state[(ask > upper) & (bid < lower)] = BOTH_OUTSIDE
    state[(ask == lower) & uncrossed] = LIMIT_DOWN
    state[(bid == upper) & uncrossed] = LIMIT_UP
    is_known = ~np.isnan(upper + lower) & in_regular_session(table["quote_timestamp"][rows], day)
    return np.where(is_known, state, np.nan)
