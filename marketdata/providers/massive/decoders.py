"""From Massive's events to the columns of `marketdata.events`: the field of each, and the meaning of its
codes.

The update rules of the trade conditions are those that the provider publishes with its list of conditions
(`/v3/reference/conditions`, consolidated rules); the indicators are those of its LULD channel.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from marketdata.codec import (
    ColumnDecoder,
    ColumnSource,
    Digest,
    EventDecoder,
    Flags,
    Quotient,
    Rejected,
    Remainder,
    newest_unknown,
)
from marketdata.events import (
    AGGREGATE_COLUMNS,
    PRICE_BAND_COLUMNS,
    QUOTE_COLUMNS,
    TRADE_COLUMNS,
    HaltSign,
    TradeRule,
)
from marketdata.providers.massive.wire import TAG_FIELD, Aggregate, EventType, PriceBands, Quote, Trade
from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS

_KNOWN_CODES: Final = frozenset(code.value for code in EventType)

AGGREGATES: Final[EventDecoder[Aggregate]] = EventDecoder(Aggregate, _KNOWN_CODES)
TRADES: Final[EventDecoder[Trade]] = EventDecoder(Trade, _KNOWN_CODES)
QUOTES: Final[EventDecoder[Quote]] = EventDecoder(Quote, _KNOWN_CODES)
PRICE_BANDS: Final[EventDecoder[PriceBands]] = EventDecoder(PriceBands, _KNOWN_CODES)

FORM_T: Final = 12
NEVER_LAST: Final = frozenset({2, 5, 7, 10, 13, 15, 16, 20, 21, 22, 29, 32, 33, 37, 52, 53})
"""Conditions whose consolidated update rule says that open and close are not updated; odd lots are 37."""

NEVER_IN_VOLUME: Final = frozenset({15, 16, 38})
"""Conditions whose consolidated update rule says that the volume is not updated: they repeat other trades."""

HALT_INDICATOR: Final = 17
REOPENING_INDICATOR: Final = 18
TRADING_INDICATORS: Final = frozenset({14, 15, 16})
"""Opening, intraday and restated bands: only of Nasdaq-listed symbols, and never during a halt."""

_RULES_OF_CONDITION: Final = MappingProxyType(
    {
        condition: TradeRule.NOT_LAST * (condition in NEVER_LAST)
        | TradeRule.LAST_IN_EXTENDED_HOURS * (condition == FORM_T)
        | TradeRule.NOT_IN_VOLUME * (condition in NEVER_IN_VOLUME)
        for condition in (*NEVER_LAST, FORM_T, *NEVER_IN_VOLUME)
    }
)
_SIGNS_OF_INDICATOR: Final = MappingProxyType(
    {
        HALT_INDICATOR: int(HaltSign.HALTED),
        REOPENING_INDICATOR: int(HaltSign.RESUMED),
        **dict.fromkeys(TRADING_INDICATORS, int(HaltSign.TRADING)),
    }
)


def _by_name(columns: Sequence[str], **others: ColumnSource) -> Mapping[str, ColumnSource]:
    """Each column has the field of the same name as its source, except `others`."""
    return MappingProxyType({name: others.get(name, name) for name in columns})


_DECODERS: Final[Mapping[QueueName, tuple[EventDecoder[Any], Mapping[str, ColumnSource]]]] = MappingProxyType(
    {
        QueueName.AGGREGATE: (AGGREGATES, _by_name(AGGREGATE_COLUMNS)),
        QueueName.TRADES: (
            TRADES,
            _by_name(
                TRADE_COLUMNS,
                rules=Flags("conditions", _RULES_OF_CONDITION),
                identity=Digest(("id", "exchange", "tape")),
            ),
        ),
        QueueName.QUOTES: (QUOTES, _by_name(QUOTE_COLUMNS)),
        QueueName.HALTS: (
            PRICE_BANDS,
            _by_name(
                PRICE_BAND_COLUMNS,
                timestamp=Quotient("timestamp_ns", NS_PER_MS),
                nanoseconds=Remainder("timestamp_ns", NS_PER_MS),
                signs=Flags("indicators", _SIGNS_OF_INDICATOR),
            ),
        ),
    }
)


def column_decoder(queue: QueueName, columns: Sequence[str]) -> ColumnDecoder:
    """The decoder of a queue's batches into these columns, in this order.

    Raises:
        KeyError: there is no such column.
    """
    decoder, sources = _DECODERS[queue]
    return ColumnDecoder(decoder, [sources[name] for name in columns])


def newest_set_aside(body: bytes, limit: int) -> tuple[int, Sequence[Rejected]]:
    """The number of pieces in a batch of the unknown queue, and the last `limit` of them with the reasons."""
    return newest_unknown(body, limit, tag_field=TAG_FIELD, known_codes=_KNOWN_CODES)
