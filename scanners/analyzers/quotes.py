"""The best bid and offer of each symbol: the quote with the newest timestamp, then sequence number.

A price of 0 on the wire means that there is no bid or no offer: price and size of that side are absent.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from marketdata import events
from marketdata.schema import ColumnInfo, Unit, names
from scanners.analysis.contract import Analyzer, Emission, EventGroup, EventTime, MarketPhase
from scanners.analysis.vectors import newest_per_row, quotient
from scanners.rows import Rows
from scanners.table import MarketTable

_NEWEST: Final = "the newest quote (by time, sequence number, arrival)"
_OF_QUOTE: Final = (
    ColumnInfo(
        "bid_price",
        "Bid",
        Unit.DOLLARS,
        "Best bid of all exchanges",
        definition=f"bid price of {_NEWEST}; absent where it is 0: there is no bid",
    ),
    ColumnInfo(
        "bid_size",
        "Bid size",
        Unit.SHARES,
        "Shares wanted at the best bid",
        definition=f"bid size of {_NEWEST}; absent without `bid_price`",
    ),
    ColumnInfo(
        "ask_price",
        "Ask",
        Unit.DOLLARS,
        "Best offer of all exchanges",
        definition=f"ask price of {_NEWEST}; absent where it is 0: there is no offer",
    ),
    ColumnInfo(
        "ask_size",
        "Ask size",
        Unit.SHARES,
        "Shares offered at the best offer",
        definition=f"ask size of {_NEWEST}; absent without `ask_price`",
    ),
    ColumnInfo(
        "quote_timestamp",
        "Quoted",
        Unit.EPOCH_MS,
        "When the best bid and offer were quoted",
        definition=f"time of {_NEWEST}",
    ),
    ColumnInfo(
        "quote_sequence_number",
        "Quote number",
        Unit.COUNT,
        "Its number, which orders quotes of one time",
        definition=f"sequence number of {_NEWEST}",
        shown=False,
    ),
)
_DERIVED: Final = (
    ColumnInfo(
        "spread",
        "Spread",
        Unit.DOLLARS,
        "Best offer less best bid",
        definition="`ask_price - bid_price`",
    ),
    ColumnInfo(
        "mid_price",
        "Mid",
        Unit.DOLLARS,
        "Middle of best bid and offer",
        definition="`(ask_price + bid_price) / 2`",
    ),
    ColumnInfo(
        "spread_pct",
        "Spread %",
        Unit.PERCENT,
        "Spread in percent of the middle",
        definition="`100 x spread / mid_price`",
    ),
)
QUOTE_COLUMNS: Final = names(_OF_QUOTE)

EVENT_COLUMNS: Final = events.QUOTE_COLUMNS
"""The columns of a quote that `EventGroup.values` has: those of `QUOTE_COLUMNS`, in that order."""

_BID_PRICE, _BID_SIZE, _ASK_PRICE, _ASK_SIZE, _TIMESTAMP, _SEQUENCE_NUMBER = range(len(EVENT_COLUMNS))


EVENT_TIME: Final = EventTime("timestamp")
"""The time of each quote, by the clock of the securities information processor."""


class QuotesAnalyzer(Analyzer):
    """Quotes to the newest bid and offer. See `scanners.analysis.contract.Analyzer`."""

    name: Final = "quotes"
    columns: Final = _OF_QUOTE + _DERIVED
    written_together: Final = QUOTE_COLUMNS

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        """Apply quotes."""
        quotes = group.values
        held = (table["quote_timestamp"], table["quote_sequence_number"])
        newest = newest_per_row(group.rows, (quotes[_TIMESTAMP], quotes[_SEQUENCE_NUMBER]), held)
        chosen = quotes[:, newest]
        for price, size in ((_BID_PRICE, _BID_SIZE), (_ASK_PRICE, _ASK_SIZE)):
            empty = chosen[price] == 0
            chosen[price, empty] = chosen[size, empty] = np.nan
        table.write(table.columns(QUOTE_COLUMNS), group.rows[newest], chosen)
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """Compute the spread, in dollars and in percent of the middle."""
        bid, ask = table["bid_price"][rows], table["ask_price"][rows]
        middle = (bid + ask) / 2
        table["spread"][rows] = ask - bid
        table["mid_price"][rows] = middle
        table["spread_pct"][rows] = 100 * quotient(ask - bid, middle)
