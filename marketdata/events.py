"""Frozen market events, as the provider's wire defines them.

Field names are ours, wire names are the provider's (`massive-api` stock schemas:
`A`/`AM` second and minute aggregates, `T` trade, `Q` quote, `LULD` price bands).
Prices are dollars a share, sizes are shares unless the name says otherwise, times are
epoch milliseconds unless the name says `_ns`. Every number is bounded where bytes
become types: NaN, negative sizes and absurd magnitudes never get past the codec.
"""

import enum
from typing import Annotated, TypeAlias

import msgspec

Price: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e9)]
Shares: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e14)]
EpochMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=10**14)]
SequenceNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
EpochNs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=9 * 10**18)]
Symbol: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class EventType(enum.StrEnum):
    """The provider's event codes that the platform understands."""

    SECOND_AGGREGATE = "A"
    MINUTE_AGGREGATE = "AM"
    TRADE = "T"
    QUOTE = "Q"
    PRICE_BANDS = "LULD"


class SecondAggregate(msgspec.Struct, frozen=True, gc=False, tag_field="ev", tag="A"):
    """One second of trading in one symbol. Sent again with the same start when late trades change it."""

    symbol: Symbol = msgspec.field(name="sym")
    volume: Shares = msgspec.field(name="v")
    accumulated_volume: Shares = msgspec.field(name="av")
    vwap: Price = msgspec.field(name="vw")
    open: Price = msgspec.field(name="o")
    close: Price = msgspec.field(name="c")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    aggregate_vwap: Price = msgspec.field(name="a")
    average_size: Shares = msgspec.field(name="z")
    start_timestamp: EpochMs = msgspec.field(name="s")
    end_timestamp: EpochMs = msgspec.field(name="e")
    official_open_price: Price | None = msgspec.field(name="op", default=None)


class MinuteAggregate(SecondAggregate, frozen=True, gc=False, tag_field="ev", tag="AM"):
    """One minute of trading in one symbol; same fields as the second aggregate."""


class Trade(msgspec.Struct, frozen=True, gc=False, tag_field="ev", tag="T"):
    """One print. `size` is truncated to whole shares and can be 0; `fractional_size` is exact."""

    symbol: Symbol = msgspec.field(name="sym")
    price: Price = msgspec.field(name="p")
    size: Shares = msgspec.field(name="s")
    timestamp: EpochMs = msgspec.field(name="t")
    sequence_number: SequenceNumber = msgspec.field(name="q", default=0)
    exchange: int = msgspec.field(name="x", default=0)
    id: str = msgspec.field(name="i", default="")
    tape: int = msgspec.field(name="z", default=0)
    fractional_size: str | None = msgspec.field(name="ds", default=None)
    conditions: tuple[int, ...] = msgspec.field(name="c", default=())
    trf_id: int | None = msgspec.field(name="trfi", default=None)


class Quote(msgspec.Struct, frozen=True, gc=False, tag_field="ev", tag="Q"):
    """The best bid and offer over all exchanges. A price of 0 means that the side is empty."""

    symbol: Symbol = msgspec.field(name="sym")
    timestamp: EpochMs = msgspec.field(name="t")
    bid_price: Price = msgspec.field(name="bp", default=0.0)
    bid_size: Shares = msgspec.field(name="bs", default=0.0)
    ask_price: Price = msgspec.field(name="ap", default=0.0)
    ask_size: Shares = msgspec.field(name="as", default=0.0)
    sequence_number: SequenceNumber = msgspec.field(name="q", default=0)


class PriceBands(msgspec.Struct, frozen=True, gc=False, tag_field="ev", tag="LULD"):
    """A limit-up/limit-down message. Indicator 17 halts and 18 reopens; the others only move the bands.

    The wire names the symbol `T` and counts `t` in nanoseconds, unlike every other stock event.
    """

    symbol: Symbol = msgspec.field(name="T")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    timestamp_ns: EpochNs = msgspec.field(name="t")
    indicators: tuple[int, ...] = msgspec.field(name="i", default=())
    tape: int = msgspec.field(name="z", default=0)
    sequence_number: SequenceNumber = msgspec.field(name="q", default=0)


Aggregate: TypeAlias = SecondAggregate | MinuteAggregate
MarketEvent: TypeAlias = SecondAggregate | MinuteAggregate | Trade | Quote | PriceBands
