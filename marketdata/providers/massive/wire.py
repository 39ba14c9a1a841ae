"""Frozen market events, as Massive's wire defines them.

Field names are ours, wire names are the provider's (its stock schemas:
`A`/`AM` second and minute aggregates, `T` trade, `Q` quote, `LULD` price bands).
Prices are dollars a share, sizes are shares unless the name says otherwise, times are
epoch milliseconds unless the name says `_ns`.

Only fields that are read are declared. Other fields may have any value, be null or absent: the event is still
valid. A field is required only if the event is useless without it. Null is the same as absent.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, TypeAlias

import msgspec

from marketdata.events import EpochMs, EpochNs, Price, SequenceNumber, Shares, Symbol

TAG_FIELD: Final = "ev"
"""The field of an event that names its type."""


class EventType(enum.StrEnum):
    """The event codes that the platform understands."""

    SECOND_AGGREGATE = "A"
    MINUTE_AGGREGATE = "AM"
    TRADE = "T"
    QUOTE = "Q"
    PRICE_BANDS = "LULD"


class SecondAggregate(msgspec.Struct, frozen=True, gc=False, tag_field=TAG_FIELD, tag="A"):
    """One second of trading in one symbol. Sent again with the same start when late trades change it.

    It ends after its start, by at most `longest_span_ms`. So one check of its time, that it is in the past
    and in the trading day, holds for both start and end.
    """

    longest_span_ms: ClassVar[int] = 1_000

    symbol: Symbol = msgspec.field(name="sym")
    volume: Shares = msgspec.field(name="v")
    accumulated_volume: Shares = msgspec.field(name="av")
    vwap: Price = msgspec.field(name="vw")
    open: Price = msgspec.field(name="o")
    close: Price = msgspec.field(name="c")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    aggregate_vwap: Price = msgspec.field(name="a")
    start_timestamp: EpochMs = msgspec.field(name="s")
    end_timestamp: EpochMs = msgspec.field(name="e")
    average_size: Shares | None = msgspec.field(name="z", default=None)
    official_open_price: Price | None = msgspec.field(name="op", default=None)

    def __post_init__(self) -> None:
        """Refuse an impossible span.

        Raises:
            ValueError: names the span and the longest one.
        """
        span_ms = self.end_timestamp - self.start_timestamp
        if not 0 < span_ms <= self.longest_span_ms:
            raise ValueError(f"a span of {span_ms} ms; it must be from 1 to {self.longest_span_ms} ms")


class MinuteAggregate(SecondAggregate, frozen=True, gc=False, tag_field=TAG_FIELD, tag="AM"):
    """One minute of trading in one symbol; same fields as the second aggregate."""

    longest_span_ms: ClassVar[int] = 60_000


class Trade(msgspec.Struct, frozen=True, gc=False, tag_field=TAG_FIELD, tag="T"):
    """One trade. `size` is truncated to whole shares and can be 0; `fractional_size` is exact.

    Of id, exchange and tape only the text is used: it distinguishes trades that are otherwise equal.
    """

    symbol: Symbol = msgspec.field(name="sym")
    price: Price = msgspec.field(name="p")
    size: Shares = msgspec.field(name="s")
    timestamp: EpochMs = msgspec.field(name="t")
    sequence_number: SequenceNumber | None = msgspec.field(name="q", default=0)
    id: msgspec.Raw = msgspec.field(name="i", default=msgspec.Raw())
    exchange: msgspec.Raw = msgspec.field(name="x", default=msgspec.Raw())
    tape: msgspec.Raw = msgspec.field(name="z", default=msgspec.Raw())
    fractional_size: float | str | None = msgspec.field(name="ds", default=None)
    conditions: tuple[int, ...] | None = msgspec.field(name="c", default=())


class Quote(msgspec.Struct, frozen=True, gc=False, tag_field=TAG_FIELD, tag="Q"):
    """The best bid and offer over all exchanges. A price of 0 means that the side is empty."""

    symbol: Symbol = msgspec.field(name="sym")
    timestamp: EpochMs = msgspec.field(name="t")
    bid_price: Price | None = msgspec.field(name="bp", default=0.0)
    bid_size: Shares | None = msgspec.field(name="bs", default=0.0)
    ask_price: Price | None = msgspec.field(name="ap", default=0.0)
    ask_size: Shares | None = msgspec.field(name="as", default=0.0)
    sequence_number: SequenceNumber | None = msgspec.field(name="q", default=0)


class PriceBands(msgspec.Struct, frozen=True, gc=False, tag_field=TAG_FIELD, tag="LULD"):
    """A limit-up/limit-down message. Indicator 17 halts and 18 reopens; the others only move the bands.

    A halt has no bands: they are 0, null or absent.

    The wire names the symbol `T` and counts `t` in nanoseconds, unlike every other stock event.
    """

    symbol: Symbol = msgspec.field(name="T")
    timestamp_ns: EpochNs = msgspec.field(name="t")
    high: Price | None = msgspec.field(name="h", default=0.0)
    low: Price | None = msgspec.field(name="l", default=0.0)
    indicators: tuple[int, ...] | None = msgspec.field(name="i", default=())
    sequence_number: SequenceNumber | None = msgspec.field(name="q", default=0)


Aggregate: TypeAlias = SecondAggregate | MinuteAggregate

EVENTS: Final[Mapping[EventType, type[msgspec.Struct]]] = MappingProxyType(
    {
        EventType(str(event.__struct_config__.tag)): event
        for event in (SecondAggregate, MinuteAggregate, Trade, Quote, PriceBands)
    }
)
"""The declaration of each type of event."""


def symbol_field(event: type[msgspec.Struct]) -> str:
    """The wire's name of the symbol of an event."""
    (name,) = (field.encode_name for field in msgspec.structs.fields(event) if field.name == "symbol")
    return name
