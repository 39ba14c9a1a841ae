"""The best bid and offer of each symbol: the quote with the newest timestamp, then sequence number.

A price of 0 on the wire says that nobody bids or offers: that side is absent, price and size.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from marketdata.events import Quote
from scanners.analyzers.base import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.columns import Instants, Lines, float_columns, newest_per_row, quotient, whole_numbers
from scanners.table import MarketTable, Rows

QUOTE_COLUMNS: Final = (
    "bid_price",
    "bid_size",
    "ask_price",
    "ask_size",
    "quote_timestamp",
    "quote_sequence_number",
)
DERIVED_COLUMNS: Final = ("spread", "mid_price", "spread_pct")
_BID_PRICE, _BID_SIZE, _ASK_PRICE, _ASK_SIZE = range(4)


def event_times_ms(events: Sequence[Quote]) -> Instants:
    """When each quote was made, by the securities information processor's clock."""
    return whole_numbers([event.timestamp for event in events])


class QuotesAnalyzer(Analyzer[Quote]):
    """Quotes to the newest bid and offer. See `scanners.analyzers.base.Analyzer`."""

    name: Final = "quotes"
    columns: Final = QUOTE_COLUMNS + DERIVED_COLUMNS

    def update(self, table: MarketTable, group: EventGroup[Quote], phase: MarketPhase) -> Sequence[Emission]:
        """Apply quotes."""
        timestamps, sequence_numbers = group.lines
        held = (table["quote_timestamp"], table["quote_sequence_number"])
        newest = newest_per_row(group.rows, (timestamps, sequence_numbers), held)
        if not len(newest):
            return ()
        sides = _sides([group.events[index] for index in newest.tolist()])
        chosen = np.vstack((sides, group.lines[:, newest]))
        for price, size in ((_BID_PRICE, _BID_SIZE), (_ASK_PRICE, _ASK_SIZE)):
            empty = chosen[price] == 0
            chosen[price, empty] = chosen[size, empty] = np.nan
        table.write(table.columns(QUOTE_COLUMNS), group.rows[newest], chosen)
        return ()

    def derive(self, table: MarketTable, rows: Rows, phase: MarketPhase) -> None:
        """The distance of bid and ask, in dollars and in percent of their middle."""
        bid, ask = table["bid_price"][rows], table["ask_price"][rows]
        middle = (bid + ask) / 2
        table["spread"][rows] = ask - bid
        table["mid_price"][rows] = middle
        table["spread_pct"][rows] = 100 * quotient(ask - bid, middle)


def quote_lines(events: Sequence[Quote], times_ms: Instants) -> Lines:
    """Two lines, timestamps and sequence numbers: they decide which quotes count, and most do not."""
    sequence_numbers = whole_numbers([event.sequence_number for event in events])
    return np.vstack((times_ms, sequence_numbers)).astype(np.float64)


def _sides(events: Sequence[Quote]) -> Lines:
    """Price and size of both sides of quotes, at least one: the first four of `QUOTE_COLUMNS`."""
    values: list[float] = []
    append = values.extend
    for event in events:
        append((event.bid_price, event.bid_size, event.ask_price, event.ask_size))
    return float_columns(values, 4)
