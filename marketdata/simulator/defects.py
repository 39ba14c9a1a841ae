"""Bad input for whoever reads the feed: each kind so many times a minute of market time, and counted.

The market itself is not touched, and draws no random number more or less: the good events are those of the
undisturbed market of the same seed. Kinds that are well-formed objects ride at the end of a good frame, to
show that they spoil no neighbour; the others are frames of their own.
"""

import enum
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from marketdata.simulator.prebuilt import Block

OVERSIZED_FRAME_BYTES: Final = 16 * 1024 * 1024
OVERSIZED_FRAME_EVENTS: Final = 16_384
HUGE_FIELD_BYTES: Final = 256 * 1024
_MS_PER_MINUTE: Final = 60_000
_LATE_MS: Final = 900_000
_OUT_OF_ORDER_MS: Final = 5_000
_encoder: Final = msgspec.json.Encoder()

WireObject: TypeAlias = dict[str, Any]


class Defect(enum.StrEnum):
    """What is wrong with an event or a frame."""

    LATE = "late"
    """A second aggregate of a quarter of an hour ago, with half of the day's volume."""
    DUPLICATE = "duplicate"
    """A trade of the same frame once more, byte for byte."""
    OUT_OF_ORDER = "out_of_order"
    """A trade with the time and number of five seconds before its neighbours."""
    RESENT_BAR = "resent_bar"
    """A second aggregate of the same frame with other volume and prices: same symbol, start and end."""
    NEGATIVE_SIZE = "negative_size"
    """A trade of -100 shares."""
    MISSING_SYMBOL = "missing_symbol"
    """A trade without `sym`."""
    UNKNOWN_EVENT = "unknown_event"
    """An event of type `ZZ`."""
    NOT_A_NUMBER = "not_a_number"
    """A frame with one trade at the price `NaN`, which is not JSON."""
    MALFORMED = "malformed"
    """A frame that ends within an event."""
    NOT_AN_ARRAY = "not_an_array"
    """A frame that is one bare event."""
    NOT_OBJECTS = "not_objects"
    """A frame that is an array of a number, a text, null and an array."""
    INVALID_UTF8 = "invalid_utf8"
    """A binary frame with one trade whose symbol is not UTF-8."""
    HUGE_FIELD = "huge_field"
    """A frame with one trade whose symbol has 256 KiB."""
    OVERSIZED_FRAME = "oversized_frame"
    """A valid frame of 16 MiB: 16,384 events of the unknown type `ZZ`."""


class Injection(msgspec.Struct, frozen=True):
    """One bad event for the end of a frame of `channel`, or a bad frame of its own (`channel` is None)."""

    defect: Defect
    data: bytes
    channel: str | None = None

    @property
    def is_binary(self) -> bool:
        """Whether it goes out as a binary frame: a text frame must be UTF-8."""
        return self.defect is Defect.INVALID_UTF8


class DefectSchedule:
    """When each kind is due: evenly over the minute, from a phase of its own drawn from the seed."""

    def __init__(self, per_minute: Mapping[Defect, int], *, seed: int, start_ms: int) -> None:
        self._per_minute: Final = per_minute
        self._start_ms: Final = start_ms
        phases = np.random.default_rng([seed, 8]).integers(0, _MS_PER_MINUTE, len(Defect)).tolist()
        self._phases: Final = dict(zip(Defect, phases, strict=True))
        self._taken: Final = dict.fromkeys(per_minute, 0)

    def take_due(self, now_ms: int) -> dict[Defect, int]:
        """How many of each kind became due since the last call; over any whole minute just its number."""
        due = {}
        for defect, number in self._per_minute.items():
            so_far = ((now_ms - self._start_ms) * number + self._phases[defect]) // _MS_PER_MINUTE
            if so_far > self._taken[defect]:
                due[defect] = so_far - self._taken[defect]
                self._taken[defect] = so_far
        return due


class DefectInjector:
    """Makes the bad input of each step from the step's own good events. Pure but for its counters.

    A kind that needs an event of a channel waits for a step that has one.
    """

    def __init__(self, schedule: DefectSchedule) -> None:
        self._schedule: Final = schedule
        self._waiting: dict[Defect, int] = {}

    def step(self, blocks: Sequence[Block], now_ms: int) -> list[Injection]:
        """What to send along with a step's blocks."""
        for defect, number in self._schedule.take_due(now_ms).items():
            self._waiting[defect] = self._waiting.get(defect, 0) + number
        if not self._waiting:
            return []
        samples = _first_events(blocks, ("A", "T"))
        ready = {defect: number for defect, number in self._waiting.items() if _SOURCE[defect] in samples}
        self._waiting = {defect: self._waiting[defect] for defect in self._waiting.keys() - ready.keys()}
        return [
            _inject(defect, samples) for defect in Defect for _ in range(ready.get(defect, 0))
        ]  # in the order of the enumeration, not of a set


def _first_events(blocks: Sequence[Block], channels: Sequence[str]) -> dict[str, WireObject]:
    found: dict[str, WireObject] = {"": {}}
    for block in blocks:
        if block.channel in channels and block.channel not in found:
            found[block.channel] = msgspec.to_builtins(block.messages(slice(0, 1))[0])
    return found


def _inject(defect: Defect, samples: Mapping[str, WireObject]) -> Injection:
    source = _SOURCE[defect]
    return Injection(defect, _MAKERS[defect](samples[source]), source if defect in _RIDERS else None)


def _late(bar: WireObject) -> bytes:
    volume = bar["av"] // 2
    old = {"s": bar["s"] - _LATE_MS, "e": bar["e"] - _LATE_MS, "av": volume, "dav": f"{volume}.0"}
    return _encoder.encode(bar | old)


def _out_of_order(trade: WireObject) -> bytes:
    earlier = {name: trade[name] - _OUT_OF_ORDER_MS for name in ("t", "pt", "trft") if name in trade}
    number = max(1, trade["q"] - _OUT_OF_ORDER_MS)
    return _encoder.encode(trade | earlier | {"q": number, "i": str(number)})


def _resent_bar(bar: WireObject) -> bytes:
    volume = bar["v"] + 100
    changed = {
        "v": volume,
        "dv": f"{volume}.0",
        "z": bar["z"] + 1,
        "c": bar["l"],
        "h": bar["h"],
        "vw": bar["l"],
    }
    return _encoder.encode(bar | changed)


def _negative_size(trade: WireObject) -> bytes:
    return _encoder.encode(trade | {"s": -100})


def _missing_symbol(trade: WireObject) -> bytes:
    return _encoder.encode({name: value for name, value in trade.items() if name != "sym"})


def _unknown_event(trade: WireObject) -> bytes:
    return _encoder.encode(trade | {"ev": "ZZ"})


def _not_a_number(trade: WireObject) -> bytes:
    price = b'"p":' + _encoder.encode(trade["p"])
    return b"[" + _encoder.encode(trade).replace(price, b'"p":NaN', 1) + b"]"


def _malformed(trade: WireObject) -> bytes:
    return b"[" + _encoder.encode(trade)[:-10]


def _not_objects(_: WireObject) -> bytes:
    return b'[1,"two",null,[4]]'


def _invalid_utf8(trade: WireObject) -> bytes:
    return b"[" + _encoder.encode(trade | {"sym": "@"}).replace(b'"@"', b'"\xff\xfe"', 1) + b"]"


def _huge_field(trade: WireObject) -> bytes:
    return _encoder.encode([trade | {"sym": "X" * HUGE_FIELD_BYTES}])


@functools.cache
def _oversized_frame() -> bytes:
    share = OVERSIZED_FRAME_BYTES // OVERSIZED_FRAME_EVENTS
    event = b'{"ev":"ZZ","sym":"AAPL","pad":""}'
    padded = event[:-2] + b"x" * (share - len(event) - 1) + event[-2:]
    return b"[" + b",".join([padded] * OVERSIZED_FRAME_EVENTS) + b"]"


_RIDERS: Final = frozenset(
    {
        Defect.LATE,
        Defect.DUPLICATE,
        Defect.OUT_OF_ORDER,
        Defect.RESENT_BAR,
        Defect.NEGATIVE_SIZE,
        Defect.MISSING_SYMBOL,
        Defect.UNKNOWN_EVENT,
    }
)
# The channel whose event is spoilt; none where the frame has no event of the market in it.
_SOURCE: Final[Mapping[Defect, str]] = dict.fromkeys(Defect, "T") | {
    Defect.LATE: "A",
    Defect.RESENT_BAR: "A",
    Defect.NOT_OBJECTS: "",
    Defect.OVERSIZED_FRAME: "",
}
_MAKERS: Final[Mapping[Defect, Callable[[WireObject], bytes]]] = {
    Defect.LATE: _late,
    Defect.DUPLICATE: _encoder.encode,
    Defect.OUT_OF_ORDER: _out_of_order,
    Defect.RESENT_BAR: _resent_bar,
    Defect.NEGATIVE_SIZE: _negative_size,
    Defect.MISSING_SYMBOL: _missing_symbol,
    Defect.UNKNOWN_EVENT: _unknown_event,
    Defect.NOT_A_NUMBER: _not_a_number,
    Defect.MALFORMED: _malformed,
    Defect.NOT_AN_ARRAY: _encoder.encode,
    Defect.NOT_OBJECTS: _not_objects,
    Defect.INVALID_UTF8: _invalid_utf8,
    Defect.HUGE_FIELD: _huge_field,
    Defect.OVERSIZED_FRAME: lambda _: _oversized_frame(),
}
