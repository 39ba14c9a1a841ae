"""Section "Quotes" of docs/metrics.md: the columns of a symbol, from its quotes in order of arrival."""

from collections.abc import Sequence

from tests.oracle.terms import Event, Row, difference, percentage


def quote_columns(quotes: Sequence[Event]) -> Row:
    """Every column of the section."""
    newest = max(
        enumerate(quotes), key=lambda numbered: (numbered[1]["t"], numbered[1].get("q") or 0, numbered[0])
    )[1]
    bid = newest["bp"] if newest.get("bp") else None
    ask = newest["ap"] if newest.get("ap") else None
    middle = None if bid is None or ask is None else (ask + bid) / 2
    return {
        "bid_price": bid,
        "bid_size": None if bid is None else newest.get("bs") or 0,
        "ask_price": ask,
        "ask_size": None if ask is None else newest.get("as") or 0,
        "quote_timestamp": newest["t"],
        "quote_sequence_number": newest.get("q") or 0,
        "spread": difference(ask, bid),
        "mid_price": middle,
        "spread_pct": percentage(difference(ask, bid), middle),
    }
