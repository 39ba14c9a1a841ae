"""Market events in the platform's own words: what analyzers read of them, whoever provides them.

A provider's decoder gives events as columns of numbers, one column for each name below; an absent value is
NaN. Prices are dollars a share, sizes are shares, times are epoch milliseconds unless the name says
otherwise. Codes of a provider never get here: its decoder turns them into `TradeRule` and `HaltSign`.

The types bound every number where bytes become types: NaN, negative sizes and absurd magnitudes never get
past a decoder.
"""

import enum
import re
from typing import Annotated, Final, TypeAlias

import msgspec

Price: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e9)]
Shares: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e14)]
EpochMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=10**14)]
SequenceNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
EpochNs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=9 * 10**18)]

LONGEST_SYMBOL: Final = 32
SYMBOL_PATTERN: Final = r"\A[A-Za-z0-9][A-Za-z0-9.+/:^*=#$%!@~_-]*\Z"
"""What a symbol can be, the one place that says so.

Letters of both cases (a preferred share is `KIMpL`), digits, the signs with which exchanges tell classes,
units, warrants, rights, when-issued and called shares apart, and the colon of other markets (`O:`, `I:`).
The first is a letter or a digit. Nothing else is in it: nothing that cannot be seen, nothing that is not
ASCII, and nothing that markup or quoted text takes for its own.
"""

SYMBOL_RULE: Final = (
    f"1 to {LONGEST_SYMBOL} letters, digits or any of . + - / : ^ * = # $ % ! @ ~ _, a letter or digit first"
)
"""The same for people."""

Symbol: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, max_length=LONGEST_SYMBOL, pattern=SYMBOL_PATTERN)
]


def is_symbol(text: str) -> bool:
    """Whether a text can be one."""
    return len(text) <= LONGEST_SYMBOL and re.search(SYMBOL_PATTERN, text) is not None


class TradeRule(enum.IntFlag):
    """What the conditions of a trade forbid together; 0 is a trade that counts in everything.

    `NOT_LAST`: it does not set the last price. `LAST_IN_EXTENDED_HOURS`: it sets the last price only outside
    the regular session. `NOT_IN_VOLUME`: its shares do not count, since another trade has them.
    """

    NOT_LAST = 1
    LAST_IN_EXTENDED_HOURS = 2
    NOT_IN_VOLUME = 4


class HaltSign(enum.IntFlag):
    """What a message of price bands says of trading; 0 says nothing but the bands.

    `HALTED`: the symbol is halted. `RESUMED`: it trades again. `TRADING`: a message that is sent only for
    symbols whose halts are sent too, and never while they are halted.
    """

    HALTED = 1
    RESUMED = 2
    TRADING = 4


AGGREGATE_COLUMNS: Final = (
    "official_open_price",
    "volume",
    "accumulated_volume",
    "vwap",
    "open",
    "close",
    "high",
    "low",
    "aggregate_vwap",
    "average_size",
    "start_timestamp",
    "end_timestamp",
)
"""A second or a minute of one symbol. A bar with the same start replaces the one before.

`official_open_price` is absent or 0 until it is known. `aggregate_vwap` and `accumulated_volume` are of the
day.
"""

SPAN_FIELDS: Final = ("start_timestamp", "end_timestamp")
"""The two stamps of an aggregate. One bounds the other: an aggregate of a wire has a `longest_span_ms`."""

TRADE_COLUMNS: Final = (
    "price",
    "size",
    "timestamp",
    "sequence_number",
    "fractional_size",
    "rules",
    "identity",
)
"""One trade. `size` is in whole shares; `fractional_size` is exact, and absent where `size` is.

`rules` are the bits of `TradeRule`. `identity` is a whole number below 2**53: trades that agree in all
else are the same only if it is the same.
"""

QUOTE_COLUMNS: Final = ("bid_price", "bid_size", "ask_price", "ask_size", "timestamp", "sequence_number")
"""The best bid and offer. A price of 0 says that the side is empty."""

PRICE_BAND_COLUMNS: Final = (
    "high",
    "low",
    "timestamp",
    "nanoseconds",
    "sequence_number",
    "signs",
)
"""Bands of the limit-up/limit-down plan; a band of 0 is none. `nanoseconds` are those beyond the millisecond.

`signs` are the bits of `HaltSign`.
"""
