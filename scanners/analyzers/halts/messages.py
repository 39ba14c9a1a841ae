"""The messages with price bands: what each of them means, and what is remembered of the newest."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from marketdata import events
from marketdata.codec import EventMatrix
from marketdata.events import HaltSign
from marketdata.payloads import Column
from marketdata.trading_calendar import TradingDay
from marketdata.units import NS_PER_MS
from scanners.analysis.contract import EventTime

BANDS, TRADING, RESUMED, HALTED = range(4)
"""The meaning of a message: only bands; bands that prove trading; trading again; halted."""

EVENT_COLUMNS: Final = events.PRICE_BAND_COLUMNS
"""The columns of a message that `EventGroup.values` has, in order."""

EVENT_TIME: Final = EventTime("timestamp")
"""The time of a message."""

HIGH, LOW, TIME_MS, NANOSECONDS, SEQUENCE_NUMBER, SIGNS = range(len(EVENT_COLUMNS))

STATE_GROUP: Final = "halt_state"
"""The private columns with the newest message of a symbol, its newest halt, and its newest sign of trading.

Of the newest message, the published columns have the rest.
"""
STATE: Final = ("newest_ns", "halt_ns", "halt_sequence_number", "trading_ns", "trading_sequence_number")
NEWEST_NS, HALT_NS, HALT_SEQUENCE, TRADING_NS, TRADING_SEQUENCE = range(len(STATE))

_SAYS_HALTED, _SAYS_RESUMED, _SAYS_TRADING = map(int, HaltSign)


def times_of_day_ns(messages: EventMatrix, day: TradingDay) -> Column:
    """The time of each message in nanoseconds of the trading day."""
    times_ns: Column = (messages[TIME_MS] - day.day_start_ms) * NS_PER_MS + messages[NANOSECONDS]
    return times_ns


def meanings(messages: EventMatrix) -> NDArray[np.int64]:
    """The meaning of each message."""
    says = messages[SIGNS].astype(np.uint8)
    has_bands = (messages[HIGH] > 0) & (messages[LOW] > 0)
    return np.select(
        [
            says & _SAYS_HALTED > 0,
            says & _SAYS_RESUMED > 0,
            (says & _SAYS_TRADING > 0) & has_bands,
        ],
        [HALTED, RESUMED, TRADING],
        default=BANDS,
    )


def in_regular_session(times_ms: Column, day: TradingDay) -> NDArray[np.bool_]:
    """Whether times are in the regular session, when bands are in force. False for absent times."""
    within: NDArray[np.bool_] = (times_ms >= day.regular_open_ms) & (times_ms < day.regular_close_ms)
    return within
