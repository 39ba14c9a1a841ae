"""Market events in the platform's own terms, the same for every provider.

A provider's decoder returns events as columns of numbers, one column for each name below. An absent value
is NaN. Prices are dollars a share, sizes are shares, times are epoch milliseconds unless the name says
otherwise. A provider's codes do not occur here: its decoder converts them to `TradeRule` and `HaltSign`.

The types (`Price`, `Shares`, ...) limit the numbers: decoding refuses NaN, negative sizes, and magnitudes
that no market has.
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
"""The accepted symbols.

Letters of both cases (a preferred share is `KIMpL`), digits, the signs by which exchanges mark classes,
units, warrants, rights, when-issued and called shares, and the colon of other markets (`O:`, `I:`). The first
character is a letter or a digit. All other characters are refused: invisible ones, those outside ASCII, and
those with a meaning in markup or in quoted text.
"""

SYMBOL_RULE: Final = (
    f"1 to {LONGEST_SYMBOL} letters, digits or any of . + - / : ^ * = # $ % ! @ ~ _, a letter or digit first"
)
"""The accepted symbols, in words for an error message."""

Symbol: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, max_length=LONGEST_SYMBOL, pattern=SYMBOL_PATTERN)
]


def is_symbol(text: str) -> bool:
    """Whether a text is accepted as a symbol."""
    return len(text) <= LONGEST_SYMBOL and re.search(SYMBOL_PATTERN, text) is not None


class TradeRule(enum.IntFlag):
    """What a trade may not do, by all of its conditions together; 0 means a trade that counts everywhere.

    `NOT_LAST`: it does not set the last price. `LAST_IN_EXTENDED_HOURS`: it sets the last price only outside
    the regular session. `NOT_IN_VOLUME`: its shares do not count in the volume, since another trade includes
    them.
    """

    NOT_LAST = 1
    LAST_IN_EXTENDED_HOURS = 2
    NOT_IN_VOLUME = 4


class HaltSign(enum.IntFlag):
    """What a message with price bands says about trading; 0 means that it contains only the bands.

    `HALTED`: the symbol is halted. `RESUMED`: it trades again. `TRADING`: the symbol is not halted. The
    provider sends this sign only for symbols whose halts it sends too, so it shows that no halt is on.
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
"""What was traded of one symbol in one second or minute.

An aggregate with the same symbol, start and end as an earlier one replaces it. `official_open_price` is
absent or 0 until it is known. `accumulated_volume` and `aggregate_vwap` are volume and VWAP of the day so
far.
"""

SPAN_FIELDS: Final = ("start_timestamp", "end_timestamp")
"""The two timestamps of an aggregate. A provider's decoder limits their distance to its `longest_span_ms`."""

TRADE_COLUMNS: Final = (
    "price",
    "size",
    "timestamp",
    "sequence_number",
    "fractional_size",
    "rules",
    "identity",
)
"""One trade. `size` is in whole shares. `fractional_size` is the exact size. It may be absent if
`size` is exact.

`rules` are the bits of `TradeRule`. `identity` is a whole number below 2**53. It distinguishes trades that
agree in all other columns.
"""

QUOTE_COLUMNS: Final = ("bid_price", "bid_size", "ask_price", "ask_size", "timestamp", "sequence_number")
"""The best bid and offer. A price of 0 means that the side is empty."""

PRICE_BAND_COLUMNS: Final = (
    "high",
    "low",
    "timestamp",
    "nanoseconds",
    "sequence_number",
    "signs",
)
"""Price bands of the limit-up/limit-down plan: `high` is the upper one, `low` the lower one; 0 means absent.

`timestamp` is in whole milliseconds, and `nanoseconds` is the rest of the time. `signs` are the bits of
`HaltSign`.
"""
