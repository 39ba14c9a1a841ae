"""Frames and batches of a busy session to measure with: every field of the wire, real sizes, a fixed seed.

The mix is the busy session's of the provider's public figures: 4 aggregates and 10 trades to 40 quotes.
Prices walk: each symbol moves by some hundredths of a percent a second, so that a new high of the day is the
exception which it is in the market.
"""

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

SYMBOL_COUNT: Final = 11_000
FRAME_EVENTS: Final = 1_000
MIX: Final = {"A": 4, "T": 10, "Q": 40}
START_MS: Final = 1_795_098_600_000  # 2026-11-19 09:30 New York
SYMBOLS: Final = tuple(
    f"{chr(65 + i // 676 % 26)}{chr(65 + i // 26 % 26)}{chr(65 + i % 26)}{i // 17576 or ''}"
    for i in range(SYMBOL_COUNT)
)

STEP: Final = 0.0002
"""Standard deviation of a second's move, as a part of the price: 3 % over a session of 6.5 hours."""

Event = dict[str, Any]


def aggregate(chance: random.Random, symbol: str, second: int) -> Event:
    """One second aggregate, about 200 bytes."""
    opened, closed = _price(symbol, second), _price(symbol, second + 1)
    volume, accumulated = chance.randrange(100, 5_000), 10_000 + second * 200
    start = START_MS + second * 1_000
    return {
        "ev": "A", "sym": symbol, "v": volume, "dv": f"{volume}.0", "av": accumulated,
        "dav": f"{accumulated}.000000",
        "op": _price(symbol, 0), "vw": round((opened + closed) / 2, 4), "o": opened, "c": closed,
        "h": max(opened, closed), "l": min(opened, closed), "a": opened,
        "z": 87, "s": start, "e": start + 1_000,
    }  # fmt: skip


def trade(chance: random.Random, symbol: str, second: int) -> Event:
    """One trade, about 180 bytes; a third carries conditions that bar it from setting the last price."""
    size = chance.randrange(1, 500)
    event: Event = {
        "ev": "T", "sym": symbol, "x": 4, "i": str(chance.randrange(10**5, 10**6)), "z": 3,
        "p": _price(symbol, second), "s": size, "ds": f"{size}.000000",
        "t": START_MS + second * 1_000 + 818, "pt": START_MS + second * 1_000 + 790,
        "q": 1_000_000 + second, "trfi": 202, "trft": START_MS + second * 1_000 + 800,
    }  # fmt: skip
    if conditions := chance.choice([None, [14, 41], [37]]):
        event["c"] = conditions
    return event


def quote(chance: random.Random, symbol: str, second: int) -> Event:
    """One quote, about 130 bytes."""
    bid = _price(symbol, second)
    return {
        "ev": "Q", "sym": symbol, "bx": 4, "bp": bid, "bs": chance.randrange(1, 900), "ax": 7,
        "ap": round(bid + 0.02, 2), "as": chance.randrange(1, 900), "c": 0, "i": [604],
        "t": START_MS + second * 1_000 + 784, "q": 5_000_000 + second, "z": 3,
    }  # fmt: skip


@functools.cache
def _price(symbol: str, second: int) -> float:
    """The price at the start of a second, in whole cents: a walk that depends on the symbol alone."""
    chance = random.Random(f"{symbol} {second}")
    if second == 0:
        return round(chance.uniform(5, 400), 2)
    return round(_price(symbol, second - 1) * (1 + chance.gauss(0, STEP)), 2)


_MAKERS: Final[dict[str, Callable[[random.Random, str, int], Event]]] = {
    "A": aggregate,
    "T": trade,
    "Q": quote,
}


def mixed_frames(count: int, *, seed: int = 7) -> Sequence[str]:
    """Frames of 1,000 mixed events each, as the provider's SDK hands them over in raw mode."""
    chance = random.Random(seed)
    kinds = chance.choices(list(MIX), weights=list(MIX.values()), k=count * FRAME_EVENTS)
    events = [_MAKERS[kind](chance, chance.choice(SYMBOLS), n // 10_000) for n, kind in enumerate(kinds)]
    return [_as_text(events[n : n + FRAME_EVENTS]) for n in range(0, len(events), FRAME_EVENTS)]


def batches_of(
    kind: str, seconds: int, *, events_per_second: int = SYMBOL_COUNT, seed: int = 7
) -> Sequence[bytes]:
    """Batch bodies of 1,000 events of one kind, over some market seconds, in order of time.

    Aggregates come once a second for each symbol; trades and quotes fall on random symbols.
    """
    chance = random.Random(seed)
    make = _MAKERS[kind]
    bodies = []
    for second in range(seconds):
        symbols = (
            chance.sample(SYMBOLS, SYMBOL_COUNT)
            if kind == "A"
            else chance.choices(SYMBOLS, k=events_per_second)
        )
        events = [make(chance, symbol, second) for symbol in symbols]
        for number, event in enumerate(events, second * events_per_second):
            if "q" in event:
                event["q"] += number  # as on the wire: it grows from event to event of a symbol
        bodies += [
            _as_text(events[n : n + FRAME_EVENTS]).encode() for n in range(0, len(events), FRAME_EVENTS)
        ]
    return bodies


def _as_text(events: Sequence[Event]) -> str:
    return msgspec.json.encode(events).decode()
