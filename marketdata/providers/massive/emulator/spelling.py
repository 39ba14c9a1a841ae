"""From blocks of the synthetic market to Massive's events: which field has which column, in which code."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from marketdata.providers.massive.emulator.codes import (
    EXCHANGE_IDS,
    FIRST_REPORTING_FACILITY,
    INDICATORS,
    QUOTE_INDICATOR,
    REGULAR_QUOTE,
    condition_codes,
)
from marketdata.providers.massive.emulator.wire import (
    Message,
    MinuteAggregateMessage,
    PriceBandsMessage,
    QuoteMessage,
    SecondAggregateMessage,
    TradeMessage,
)
from marketdata.synthetic_market.blocks import Block, EventBlock, EventColumn, EventKind
from marketdata.synthetic_market.halts import BandNotice
from marketdata.synthetic_market.prints import VENUES, TradeCondition

Spelling: TypeAlias = Callable[[EventBlock], list[Any]]
"""The values of one field, for all events of a block."""


def _objects(values: list[Any]) -> EventColumn:
    """An object array with one entry per value, tuples included."""
    return np.fromiter(values, dtype=object, count=len(values))


_EXCHANGES: Final = np.array([EXCHANGE_IDS[venue] for venue in VENUES])
_CONDITIONS: Final = _objects(
    [condition_codes(TradeCondition(bits)) for bits in range(2 ** len(TradeCondition))]
)
_INDICATORS: Final = _objects([(INDICATORS[notice],) for notice in BandNotice])
_REGULAR: Final = _objects([None, REGULAR_QUOTE])
_INDICATED: Final = _objects([None, (QUOTE_INDICATOR,)])


def _symbol(block: EventBlock) -> list[Any]:
    found: list[Any] = block.symbols[block.symbol_index].tolist()
    return found


def _same(column: str) -> Spelling:
    return lambda block: block.columns[column].tolist()


def _text(column: str, ending: str = "") -> Spelling:
    return lambda block: [f"{number}{ending}" for number in block.columns[column].tolist()]


def _code(column: str, codes: NDArray[Any]) -> Spelling:
    """A function that reads a column of indexes into `codes`; a flag is index 0 or 1."""
    return lambda block: codes[block.columns[column].astype(np.intp, copy=False)].tolist()


def _official_open(block: EventBlock) -> list[Any]:
    column = block.columns.get("official_open_price")
    return [None] * len(block) if column is None else column.tolist()


def _exact_size(block: EventBlock) -> list[Any]:
    sizes = block.columns["fractional_size"]
    texts: list[Any] = [None] * len(sizes)
    for row in np.flatnonzero(~np.isnan(sizes)).tolist():
        texts[row] = f"{sizes[row]:.6f}"
    return texts


def _facility_id(block: EventBlock) -> list[Any]:
    facility = block.columns["reporting_facility"]
    return _where_reported(block, facility + (FIRST_REPORTING_FACILITY - 1))


def _facility_time(block: EventBlock) -> list[Any]:
    return _where_reported(block, block.columns["participant_timestamp"])


def _where_reported(block: EventBlock, values: EventColumn) -> list[Any]:
    """The values of prints that were reported to a facility; None for those of exchanges."""
    present = np.full(len(values), None, dtype=object)
    reported = block.columns["reporting_facility"] > 0
    present[reported] = values[reported]
    return present.tolist()


_AGGREGATE: Final[Mapping[str, Spelling]] = {
    "sym": _symbol,
    "v": _same("volume"),
    "dv": _text("volume", ".0"),  # here aggregates have whole shares
    "av": _same("accumulated_volume"),
    "dav": _text("accumulated_volume", ".0"),
    "vw": _same("vwap"),
    "o": _same("open"),
    "c": _same("close"),
    "h": _same("high"),
    "l": _same("low"),
    "a": _same("aggregate_vwap"),
    "z": _same("average_size"),
    "s": _same("start_timestamp"),
    "e": _same("end_timestamp"),
    "op": _official_open,
}
_TRADE: Final[Mapping[str, Spelling]] = {
    "sym": _symbol,
    "x": _code("exchange", _EXCHANGES),
    "i": _text("sequence_number"),
    "z": _same("tape"),
    "p": _same("price"),
    "s": _same("size"),
    "t": _same("timestamp"),
    "pt": _same("participant_timestamp"),
    "q": _same("sequence_number"),
    "c": _code("conditions", _CONDITIONS),
    "ds": _exact_size,
    "trfi": _facility_id,
    "trft": _facility_time,
}
_QUOTE: Final[Mapping[str, Spelling]] = {
    "sym": _symbol,
    "bx": _code("bid_exchange", _EXCHANGES),
    "bp": _same("bid_price"),
    "bs": _same("bid_size"),
    "ax": _code("ask_exchange", _EXCHANGES),
    "ap": _same("ask_price"),
    "as_": _same("ask_size"),
    "t": _same("timestamp"),
    "pt": _same("participant_timestamp"),
    "q": _same("sequence_number"),
    "z": _same("tape"),
    "c": _code("is_regular", _REGULAR),
    "i": _code("has_indicator", _INDICATED),
}
_PRICE_BANDS: Final[Mapping[str, Spelling]] = {
    "h": _same("high"),
    "l": _same("low"),
    "i": _code("notice", _INDICATORS),
    "z": _same("tape"),
    "T": _symbol,
    "t": _same("timestamp_ns"),
    "q": _same("sequence_number"),
}
_SPELLED: Final[Mapping[EventKind, tuple[type[Message], Mapping[str, Spelling]]]] = {
    EventKind.SECOND_AGGREGATE: (SecondAggregateMessage, _AGGREGATE),
    EventKind.MINUTE_AGGREGATE: (MinuteAggregateMessage, _AGGREGATE),
    EventKind.TRADE: (TradeMessage, _TRADE),
    EventKind.QUOTE: (QuoteMessage, _QUOTE),
    EventKind.PRICE_BANDS: (PriceBandsMessage, _PRICE_BANDS),
}
CHANNEL_OF: Final[Mapping[EventKind, str]] = {
    kind: str(message_type.__struct_config__.tag) for kind, (message_type, _) in _SPELLED.items()
}
"""The channel of each kind of event, which is also the type that its events bear."""


def messages_of(block: Block, rows: NDArray[np.int64] | slice = slice(None)) -> list[Message]:
    """The chosen events of a block (all by default) as wire objects."""
    chosen = block.chosen(rows)
    message_type, spellings = _SPELLED[block.kind]
    values = [spellings[field](chosen) for field in message_type.__struct_fields__]
    return list(map(message_type, *values))
