"""Good events always come through; everything else is set aside byte for byte, with a reason."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.codec import RejectReason
from marketdata.providers.massive.decoders import AGGREGATES, PRICE_BANDS, QUOTES, TRADES
from marketdata.providers.massive.wire import MinuteAggregate, PriceBands, Quote, SecondAggregate, Trade
from tests.support.builders import aggregate_wire, batch_body, quote_wire, trade_wire

DECODERS = (AGGREGATES, TRADES, QUOTES, PRICE_BANDS)

GARBAGE = st.one_of(
    st.sampled_from(
        [
            b"null",
            b"7",
            b'"text"',
            b"[]",
            b"{}",
            b'{"ev":"A"}',
            b'{"ev":7}',
            b'{"ev":"X"}',
            b'{"ev":"A","sym":"\xff"}',
            b'{"ev":"A",',
            b'{"ev":"A","v":NaN}',
        ]
    ),
    st.binary(max_size=40).filter(lambda raw: b"{" not in raw and b"}" not in raw),
)


def test_each_kind_of_event_is_decoded() -> None:
    bars = AGGREGATES.decode(batch_body([aggregate_wire(v=7), aggregate_wire(ev="AM", op=None)]))
    assert [type(event) for event in bars.events] == [SecondAggregate, MinuteAggregate]
    assert (bars.events[0].volume, bars.events[1].official_open_price) == (7.0, None)

    (trade,) = TRADES.decode(batch_body([trade_wire(c=[0, 12], s=0, ds="0.0073")])).events
    assert isinstance(trade, Trade)
    assert (trade.size, trade.fractional_size, trade.conditions) == (0.0, "0.0073", (0, 12))

    (quote,) = QUOTES.decode(batch_body([quote_wire(bp=0)])).events
    assert isinstance(quote, Quote)
    assert (quote.bid_price, quote.ask_size) == (0.0, 200.0)

    wire = b'[{"ev":"LULD","T":"MSFT","h":2,"l":1,"i":[17],"z":3,"t":1764086430905642800,"q":5}]'
    (bands,) = PRICE_BANDS.decode(wire).events
    assert isinstance(bands, PriceBands)
    assert (bands.symbol, bands.timestamp_ns) == ("MSFT", 1764086430905642800)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"ev":"A",', RejectReason.MALFORMED),
        (b"", RejectReason.MALFORMED),
        (b"7", RejectReason.NOT_AN_EVENT),
        (b'{"sym":"AAPL"}', RejectReason.NOT_AN_EVENT),
        (b'{"ev":"XT","pair":"BTC-USD"}', RejectReason.UNKNOWN_TYPE),
        (json.dumps(trade_wire()).encode(), RejectReason.UNEXPECTED_TYPE),
        (json.dumps(aggregate_wire(c=-1)).encode(), RejectReason.INVALID_FIELD),
        (json.dumps(aggregate_wire(av=1e300)).encode(), RejectReason.INVALID_FIELD),
        (json.dumps(aggregate_wire(h=float("nan"))).encode(), RejectReason.MALFORMED),
        (json.dumps(aggregate_wire(s=14_400_000)).encode(), RejectReason.INVALID_FIELD),
        (json.dumps(aggregate_wire("")).encode(), RejectReason.INVALID_FIELD),
        (json.dumps(aggregate_wire("S" * 33)).encode(), RejectReason.INVALID_FIELD),
        (b'{"ev":"A","sym":"A","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", RejectReason.MALFORMED),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, reason: RejectReason) -> None:
    decoded = AGGREGATES.decode(b"[" + raw + b"]" if raw else raw)
    assert decoded.events == []
    assert [(rejected.reason, rejected.raw) for rejected in decoded.rejected] == [(reason, raw)]


def test_an_event_inside_another_object_is_not_an_event() -> None:
    nested = b'[{"note":[{},' + json.dumps(aggregate_wire()).encode() + b",{}]}]"
    assert AGGREGATES.decode(nested).events == []


@given(st.binary(max_size=300))
def test_no_bytes_raise(body: bytes) -> None:
    for decoder in DECODERS:
        decoded = decoder.decode(body)
        assert decoded.events == []


@given(st.lists(st.one_of(st.none(), GARBAGE), max_size=12))
def test_good_events_survive_among_garbage(pieces: Sequence[bytes | None]) -> None:
    """None stands for a good event, numbered by its start time."""
    wire = [
        json.dumps(aggregate_wire(start_ms=index)).encode() if piece is None else b'{"g":' + piece + b"}"
        for index, piece in enumerate(pieces)
    ]
    decoded = AGGREGATES.decode(b"[" + b",".join(wire) + b"]")
    good = [index for index, piece in enumerate(pieces) if piece is None]
    assert [event.start_timestamp for event in decoded.events] == good
    assert len(decoded.rejected) == len(pieces) - len(good)
