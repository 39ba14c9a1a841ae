"""How the odd input of scenario `hostile` is made: wrong times and types, odd symbols, unusual good events.

Every event is a good one of the step with something changed, so it has the look of what stands around it.
"""

import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from marketdata.providers.massive.emulator.recipes import Crowd, Recipe, Single, WireObject
from marketdata.synthetic_market.defects import Defect
from marketdata.units import MS_PER_HOUR, NS_PER_MS

TEST_ISSUE: Final = "ZWZZT"
TEST_ISSUE_CLOSE: Final = 20.0
TEST_ISSUE_PRICE: Final = 200.0
SUB_PENNY: Final = "PNNYQ"
SUB_PENNY_PRICE: Final = 0.00005
INVENTED_AT_ONCE: Final = 25
NESTED_ARRAYS: Final = 5_000
_DAY_MS: Final = 24 * MS_PER_HOUR
_YEAR_2100_MS: Final = 4_102_444_800_000
_TIMES_MS: Final = ("t", "pt", "trft")
_CONTROLS: Final = ("A\0B", "\x16A", "AB\x7f", "A\nB")
_BLANKS: Final = (" ", "A B", " AB", "AB ")
_MARKUP: Final = ("<b>A</b>", "A&amp;B", '"A"', "<i>")
_INVISIBLE: Final = ("A\u200bB", "\u202eAB", "AB\u2066", "\ufeffAB")
_encode: Final = msgspec.json.Encoder().encode


def moved(event: WireObject, by_ms: int) -> WireObject:
    """The event at another time."""
    if event["ev"] in {"A", "AM"}:
        return event | {"s": event["s"] + by_ms, "e": event["e"] + by_ms}
    if event["ev"] == "LULD":
        return event | {"t": event["t"] + by_ms * NS_PER_MS}
    return event | {name: event[name] + by_ms for name in _TIMES_MS if name in event}


def invented_symbols(number: int) -> Sequence[str]:
    """The symbols of one frame of `invented_symbols`: six letters, which no listed symbol has."""
    first = number * INVENTED_AT_ONCE
    return [_invented(place) for place in range(first, first + INVENTED_AT_ONCE)]


def _invented(place: int) -> str:
    letters = []
    for _ in range(4):
        place, letter = divmod(place, len(string.ascii_uppercase))
        letters.append(string.ascii_uppercase[letter])
    return "QZ" + "".join(reversed(letters))


def _shifted(channel: str, by_ms: int, *, rides: bool = True) -> Single:
    def make(event: WireObject, _number: int) -> bytes:
        odd = _encode(moved(event, by_ms))
        return odd if rides else b"[" + odd + b"]"

    return Single(channel, make, rides)


def _crowd(by_ms: int) -> Crowd:
    return Crowd(lambda events, _number: [moved(event, by_ms) for event in events])


def _changed(channel: str, **fields: Any) -> Single:
    return Single(channel, lambda event, _number: _encode(event | fields))


def _raw(channel: str, field: str, text: bytes) -> Single:
    """With a field whose text no encoder would write."""

    def make(event: WireObject, _number: int) -> bytes:
        return _encode(event | {field: "@"}).replace(b'"@"', text, 1)

    return Single(channel, make)


def _status(**fields: Any) -> Single:
    return Single("T", lambda _event, _number: _encode({"ev": "status"} | fields))


def _odd_symbol(symbols: Sequence[str]) -> Single:
    return Single("T", lambda trade, number: _encode(trade | {"sym": symbols[number % len(symbols)]}))


def _time_in_seconds(trade: WireObject, _number: int) -> bytes:
    return _encode(trade | {"t": trade["t"] // 1_000})


def _time_in_nanoseconds(quote: WireObject, _number: int) -> bytes:
    return _encode(quote | {"t": quote["t"] * NS_PER_MS})


def _bands_in_milliseconds(bands: WireObject, _number: int) -> bytes:
    return _encode(bands | {"t": bands["t"] // NS_PER_MS})


def _unread_types(trade: WireObject, _number: int) -> bytes:
    return _encode(trade | {"i": trade["q"], "pt": str(trade["pt"])})


def _bar_without_average(bar: WireObject, _number: int) -> bytes:
    return _encode({name: value for name, value in bar.items() if name != "z"})


def _halt(bands: WireObject, number: int) -> WireObject:
    """A halt of the symbol, some milliseconds later: no two messages of a symbol have the same time."""
    return moved(bands, 1 + 2 * (number % 40)) | {"i": [17]}


def _halt_with_null_bands(bands: WireObject, number: int) -> bytes:
    return _encode(_halt(bands, number) | {"h": None, "l": None})


def _halt_without_bands(bands: WireObject, number: int) -> bytes:
    halt = moved(_halt(bands, number), 1)
    return _encode({name: value for name, value in halt.items() if name not in {"h", "l"}})


def _other_id(trade: WireObject, number: int) -> bytes:
    return _encode(trade | {"i": f"{trade['i']}-{number}"})


def _other_exchange(trade: WireObject, number: int) -> bytes:
    return _encode(trade | {"x": trade["x"] + 1 + number % 40})


def _other_tape(trade: WireObject, _number: int) -> bytes:
    return _encode(trade | {"z": trade["z"] % 3 + 1})


def _start_ahead(bar: WireObject, _number: int) -> bytes:
    return _encode(bar | {"s": bar["s"] + 4 * MS_PER_HOUR})


def _test_issue_bar(bar: WireObject, _number: int) -> bytes:
    prices = {"o": TEST_ISSUE_CLOSE, "l": TEST_ISSUE_CLOSE, "vw": TEST_ISSUE_PRICE, "a": TEST_ISSUE_PRICE}
    volume = {"v": bar["v"] * 1_000, "av": bar["av"] * 1_000}
    opening = {"op": TEST_ISSUE_CLOSE} if "op" in bar else {}
    high = {"c": TEST_ISSUE_PRICE, "h": TEST_ISSUE_PRICE}
    return _encode(bar | {"sym": TEST_ISSUE} | prices | high | volume | opening)


def _sub_penny_bar(bar: WireObject, _number: int) -> bytes:
    prices = dict.fromkeys({"o", "h", "l", "c", "vw", "a", "op"} & bar.keys(), SUB_PENNY_PRICE)
    return _encode(bar | {"sym": SUB_PENNY} | prices)


def _invented_trades(events: Sequence[WireObject], number: int) -> Sequence[WireObject]:
    trade = next((event for event in events if event["ev"] == "T"), None)
    return [] if trade is None else [trade | {"sym": symbol} for symbol in invented_symbols(number)]


HOSTILE_EVENTS: Final[Mapping[Defect, Recipe]] = {
    Defect.AHEAD_TRADE: _shifted("T", 2 * _DAY_MS),
    Defect.AHEAD_BAR: _shifted("A", _DAY_MS),
    Defect.AHEAD_QUOTE: _shifted("Q", 4 * MS_PER_HOUR),
    Defect.AHEAD_BANDS: _shifted("LULD", 10 * _DAY_MS, rides=False),
    Defect.YEAR_2100: _changed("T", t=_YEAR_2100_MS),
    Defect.YEAR_1970: _changed("T", t=1),
    Defect.START_AHEAD: Single("A", _start_ahead),
    Defect.YESTERDAY: _shifted("A", -_DAY_MS),
    Defect.TIME_IN_SECONDS: Single("T", _time_in_seconds),
    Defect.TIME_IN_NANOSECONDS: Single("Q", _time_in_nanoseconds),
    Defect.BANDS_IN_MILLISECONDS: Single("LULD", _bands_in_milliseconds),
    Defect.CROWD_TOMORROW: _crowd(_DAY_MS),
    Defect.CROWD_LATER: _crowd(4 * MS_PER_HOUR),
    Defect.NAN_BESIDE: _raw("T", "p", b"NaN"),
    Defect.INFINITY_BESIDE: _raw("Q", "bp", b"-Infinity"),
    Defect.HUGE_NUMBER: _raw("T", "p", b"1e999"),
    Defect.TEXT_FOR_NUMBER: Single("T", lambda trade, _number: _encode(trade | {"p": str(trade["p"])})),
    Defect.NUMBER_FOR_SYMBOL: _changed("T", sym=7),
    Defect.NUMBER_FOR_TYPE: _changed("T", ev=7),
    Defect.DEEP_NESTING: _raw("T", "deep", b"[" * NESTED_ARRAYS + b"]" * NESTED_ARRAYS),
    Defect.STATUS_WITHOUT_NAME: _status(message="nothing"),
    Defect.STATUS_OF_NUMBERS: _status(status=7, message=8),
    Defect.UNHEARD_STATUS: _status(status="tea_time", message="back at five"),
    Defect.UNREAD_NULLS: _changed("T", i=None, x=None, z=None, q=None, c=None),
    Defect.UNREAD_TYPES: Single("T", _unread_types),
    Defect.BAR_WITHOUT_AVERAGE: Single("A", _bar_without_average),
    Defect.HALT_WITH_NULL_BANDS: Single("LULD", _halt_with_null_bands),
    Defect.HALT_WITHOUT_BANDS: Single("LULD", _halt_without_bands),
    Defect.OTHER_ID: Single("T", _other_id),
    Defect.OTHER_EXCHANGE: Single("T", _other_exchange),
    Defect.OTHER_TAPE: Single("T", _other_tape),
    Defect.CONTROL_IN_SYMBOL: _odd_symbol(_CONTROLS),
    Defect.BLANK_IN_SYMBOL: _odd_symbol(_BLANKS),
    Defect.MARKUP_IN_SYMBOL: _odd_symbol(_MARKUP),
    Defect.INVISIBLE_IN_SYMBOL: _odd_symbol(_INVISIBLE),
    Defect.INVENTED_SYMBOLS: Crowd(_invented_trades),
    Defect.TEST_ISSUE_BAR: Single("A", _test_issue_bar),
    Defect.TEST_ISSUE_TRADE: _changed("T", sym=TEST_ISSUE, p=TEST_ISSUE_PRICE),
    Defect.SUB_PENNY_BAR: Single("A", _sub_penny_bar),
    Defect.SUB_PENNY_TRADE: _changed("T", sym=SUB_PENNY, p=SUB_PENNY_PRICE),
}
