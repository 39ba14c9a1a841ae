"""How the bad input of scenario `bad` is made: events out of order or repeated, and invalid frames."""

import functools
from collections.abc import Mapping
from typing import Final

import msgspec

from marketdata.providers.massive.emulator.recipes import Single, WireObject
from marketdata.synthetic_market.defects import Defect

OVERSIZED_FRAME_BYTES: Final = 16 * 1024 * 1024
OVERSIZED_FRAME_EVENTS: Final = 16_384
HUGE_FIELD_BYTES: Final = 256 * 1024
_LATE_MS: Final = 900_000
_OUT_OF_ORDER_MS: Final = 5_000
_encode: Final = msgspec.json.Encoder().encode


def _late(bar: WireObject, _number: int) -> bytes:
    volume = bar["av"] // 2
    old = {"s": bar["s"] - _LATE_MS, "e": bar["e"] - _LATE_MS, "av": volume, "dav": f"{volume}.0"}
    return _encode(bar | old)


def _again(event: WireObject, _number: int) -> bytes:
    return _encode(event)


def _out_of_order(trade: WireObject, _number: int) -> bytes:
    earlier = {name: trade[name] - _OUT_OF_ORDER_MS for name in ("t", "pt", "trft") if name in trade}
    number = max(1, trade["q"] - _OUT_OF_ORDER_MS)
    return _encode(trade | earlier | {"q": number, "i": str(number)})


def _resent_bar(bar: WireObject, _number: int) -> bytes:
    volume = bar["v"] + 100
    changed = {
        "v": volume,
        "dv": f"{volume}.0",
        "z": bar["z"] + 1,
        "c": bar["l"],
        "h": bar["h"],
        "vw": bar["l"],
    }
    return _encode(bar | changed)


def _negative_size(trade: WireObject, _number: int) -> bytes:
    return _encode(trade | {"s": -100})


def _missing_symbol(trade: WireObject, _number: int) -> bytes:
    return _encode({name: value for name, value in trade.items() if name != "sym"})


def _unknown_event(trade: WireObject, _number: int) -> bytes:
    return _encode(trade | {"ev": "ZZ"})


def _not_a_number(trade: WireObject, _number: int) -> bytes:
    price = b'"p":' + _encode(trade["p"])
    return b"[" + _encode(trade).replace(price, b'"p":NaN', 1) + b"]"


def _malformed(trade: WireObject, _number: int) -> bytes:
    return b"[" + _encode(trade)[:-10]


def _not_objects(_: WireObject, _number: int) -> bytes:
    return b'[1,"two",null,[4]]'


def _invalid_utf8(trade: WireObject, _number: int) -> bytes:
    return b"[" + _encode(trade | {"sym": "@"}).replace(b'"@"', b'"\xff\xfe"', 1) + b"]"


def _huge_field(trade: WireObject, _number: int) -> bytes:
    return _encode([trade | {"sym": "X" * HUGE_FIELD_BYTES}])


@functools.cache
def _oversized_frame() -> bytes:
    share = OVERSIZED_FRAME_BYTES // OVERSIZED_FRAME_EVENTS
    event = b'{"ev":"ZZ","sym":"AAPL","pad":""}'
    padded = event[:-2] + b"x" * (share - len(event) - 1) + event[-2:]
    return b"[" + b",".join([padded] * OVERSIZED_FRAME_EVENTS) + b"]"


SPOILT_EVENTS: Final[Mapping[Defect, Single]] = {
    Defect.LATE: Single("A", _late),
    Defect.DUPLICATE: Single("T", _again),
    Defect.OUT_OF_ORDER: Single("T", _out_of_order),
    Defect.RESENT_BAR: Single("A", _resent_bar),
    Defect.NEGATIVE_SIZE: Single("T", _negative_size),
    Defect.MISSING_SYMBOL: Single("T", _missing_symbol),
    Defect.UNKNOWN_EVENT: Single("T", _unknown_event),
    Defect.NOT_A_NUMBER: Single("T", _not_a_number, rides=False),
    Defect.MALFORMED: Single("T", _malformed, rides=False),
    Defect.NOT_AN_ARRAY: Single("T", _again, rides=False),
    Defect.NOT_OBJECTS: Single("", _not_objects, rides=False),
    Defect.INVALID_UTF8: Single("T", _invalid_utf8, rides=False),
    Defect.HUGE_FIELD: Single("T", _huge_field, rides=False),
    Defect.OVERSIZED_FRAME: Single("", lambda _event, _number: _oversized_frame(), rides=False),
}
