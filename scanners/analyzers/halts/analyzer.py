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
from numpy.typing import NDArray

from marketdata import events
from marketdata.codec import EventMatrix
from marketdata.events import HaltSign
from marketdata.payloads import Column
from marketdata.trading_calendar import TradingDay
from marketdata.units import NS_PER_MS
from scanners.analysis.contract import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analysis.vectors import Instants, newest_per_row, quotient, whole_numbers
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
from scanners.rows import Rows
from scanners.table import MarketTable, PrivateColumns

BANDS, TRADING, RESUMED, HALTED = range(4)
"""The meaning of a message: only bands; bands that prove trading; trading again; halted."""

PAUSE_MS: Final = 300_000
LIMIT_STATE_MS: Final = 15_000
MAX_REMEMBERED_HALTS: Final = 16
"""How many emitted halts and resumptions of a symbol are remembered."""


EVENT_COLUMNS: Final = events.PRICE_BAND_COLUMNS
"""The columns of a message that `EventGroup.values` has, in order."""

_SAYS_HALTED, _SAYS_RESUMED, _SAYS_TRADING = map(int, HaltSign)
_HIGH, _LOW, _TIME_MS, _NANOSECONDS, _SEQUENCE_NUMBER, _SIGNS = range(len(EVENT_COLUMNS))
_STATE_GROUP: Final = "halt_state"
_STATE: Final = ("newest_ns", "halt_ns", "halt_sequence_number", "trading_ns", "trading_sequence_number")
_NEWEST_NS, _HALT_NS, _HALT_SEQUENCE, _TRADING_NS, _TRADING_SEQUENCE = range(len(_STATE))
_EMITTED_GROUP: Final = "halts_told"

_Mask = NDArray[np.bool_]


def event_times_ms(messages: EventMatrix) -> Instants:
    """The time of each message."""
    return whole_numbers(messages[_TIME_MS])


class HaltsAnalyzer(Analyzer):
    """Price band messages to bands, halts and limit states. See `scanners.analysis.contract.Analyzer`."""

    name: Final = "halts"
    columns: Final = COLUMNS
    written_together: Final = BAND_COLUMNS
    private_columns = MappingProxyType(
        {
            _STATE_GROUP: _STATE,
            _EMITTED_GROUP: tuple(f"told_{number:02}" for number in range(MAX_REMEMBERED_HALTS)),
        }
    )
    streams: Final = (HALT_STREAM,)
    views: Final = (HALT_STATE,)

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply messages. Emits one entry for each new halt and resumption."""
        rows, values = group.rows, group.values
        times_ns = (values[_TIME_MS] - phase.day.day_start_ms) * NS_PER_MS + values[_NANOSECONDS]
        _note_bands(table, rows, values, times_ns)
        meaning = _meaning(values)
        if not (meaning >= TRADING).any():
            return ()
        keys = np.vstack((times_ns, values[_SEQUENCE_NUMBER]))
        trades = (meaning == TRADING) | (meaning == RESUMED)
        for first, chosen in ((_HALT_NS, meaning == HALTED), (_TRADING_NS, trades)):
            _note_newest(table.private_columns[_STATE_GROUP], first, rows[chosen], keys[:, chosen])
        for column, said in (("halt_timestamp", HALTED), ("resume_timestamp", RESUMED)):
            chosen = meaning == said
            np.fmax.at(table[column], rows[chosen], values[_TIME_MS, chosen])
        _judge(table, np.unique(rows), phase.day)
        return _emissions(table.private_columns[_EMITTED_GROUP], group, meaning, times_ns)

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


def _meaning(values: EventMatrix) -> NDArray[np.int64]:
    says = values[_SIGNS].astype(np.uint8)
    has_bands = (values[_HIGH] > 0) & (values[_LOW] > 0)
    return np.select(
        [
            says & _SAYS_HALTED > 0,
            says & _SAYS_RESUMED > 0,
            (says & _SAYS_TRADING > 0) & has_bands,
        ],
        [HALTED, RESUMED, TRADING],
        default=BANDS,
    )


def _note_bands(table: MarketTable, rows: Rows, values: EventMatrix, times_ns: Column) -> None:
    """Keep the newest message of each symbol. A band of 0 is absent."""
    state = table.private_columns[_STATE_GROUP]
    held = (state.values[_NEWEST_NS], table["band_sequence_number"])
    newest = newest_per_row(rows, (times_ns, values[_SEQUENCE_NUMBER]), held)
    bands = values[[_HIGH, _LOW, _TIME_MS, _SEQUENCE_NUMBER]][:, newest]
    bands[:2][bands[:2] == 0] = np.nan
    table.write(table.columns(BAND_COLUMNS), rows[newest], bands)
    state.values[_NEWEST_NS, rows[newest]] = times_ns[newest]
    state.mark()


def _note_newest(state: PrivateColumns, first: int, rows: Rows, keys: EventMatrix) -> None:
    """Keep time and sequence number of each symbol's newest message in the columns `first` and the next."""
    newest = newest_per_row(rows, (keys[0], keys[1]), (state.values[first], state.values[first + 1]))
    state.values[first : first + 2, rows[newest]] = keys[:, newest]


def _judge(table: MarketTable, rows: Rows, day: TradingDay) -> None:
    """Decide whether the symbols are halted, and whether that may be a pause of the plan."""
    state = table.private_columns[_STATE_GROUP].values[:, rows]
    halt_ns, trading_ns = state[_HALT_NS], state[_TRADING_NS]
    is_later = (halt_ns > trading_ns) | (
        (halt_ns == trading_ns) & (state[_HALT_SEQUENCE] > state[_TRADING_SEQUENCE])
    )
    is_halted = np.where(np.isnan(halt_ns), 0.0, np.where(np.isnan(trading_ns), 1.0, is_later))
    is_halted[np.isnan(halt_ns) & np.isnan(trading_ns)] = np.nan
    halted_ms = table["halt_timestamp"][rows]
    may_be_pause = np.where(np.isnan(halted_ms), np.nan, _in_regular_session(halted_ms, day))
    table["is_halted"][rows] = is_halted
    table["halt_may_be_limit_pause"][rows] = may_be_pause
    is_not_expected = (is_halted != 1) | (may_be_pause != 1)
    table["earliest_reopening_timestamp"][rows[is_not_expected]] = np.nan
    table.mark(rows)


def _emissions(
    emitted: PrivateColumns, group: EventGroup, meaning: NDArray[np.int64], times_ns: Column
) -> Sequence[Emission]:
    """The new halts and resumptions. They are few, so a loop over them costs little."""
    happened = np.flatnonzero(meaning >= RESUMED).tolist()
    new = [
        index
        for index in happened
        if _note_emitted(emitted, group.rows[index], times_ns[index], meaning[index] == HALTED)
    ]
    if not new:
        return ()
    chosen = group.values[:, new]
    columns = {
        "kind": (meaning[new] == HALTED).astype(np.float64),
        "timestamp": chosen[_TIME_MS],
        "band_high": np.where(chosen[_HIGH] > 0, chosen[_HIGH], np.nan),
        "band_low": np.where(chosen[_LOW] > 0, chosen[_LOW], np.nan),
    }
    return (Emission(HALT_STREAM.name, group.rows[new], columns),)


def _note_emitted(emitted: PrivateColumns, row: np.intp, time_ns: np.float64, is_halt: np.bool_) -> bool:
    """Remember a halt or resumption as emitted. Returns False if it was emitted before, or is too old.

    A halt is remembered by its time as a positive number, a resumption as a negative one. Too old means older
    than all that are remembered: it was emitted or forgotten.
    """
    key = (time_ns + 1) * (1 if is_halt else -1)
    held = emitted.values[:, row]
    ages = np.where(np.isnan(held), 0.0, np.abs(held))
    oldest = int(np.argmin(ages))
    if (held == key).any() or ages[oldest] > abs(key):
        return False
    emitted.values[oldest, row] = key
    emitted.mark()
    return True


def _band_distance_pct(table: MarketTable, rows: Rows, day: TradingDay) -> Column:
    last_ms, bar_ms = table["last_timestamp"][rows], table["end_timestamp"][rows] - 1
    is_bar = np.isnan(last_ms) | (bar_ms > last_ms)
    price = np.where(is_bar, table["close"][rows], table["last_price"][rows])
    distance = np.fmin(table["band_high"][rows] - price, price - table["band_low"][rows])
    in_force = _in_regular_session(np.where(is_bar, bar_ms, last_ms), day)
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
    is_known = ~np.isnan(upper + lower) & _in_regular_session(table["quote_timestamp"][rows], day)
    return np.where(is_known, state, np.nan)


def _in_regular_session(times_ms: Column, day: TradingDay) -> _Mask:
    """Whether times are in the regular session, when bands are in force. False for absent times."""
    within: _Mask = (times_ms >= day.regular_open_ms) & (times_ms < day.regular_close_ms)
    return within
