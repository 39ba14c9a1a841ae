"""What of a frame is an event, read slowly and strictly, and why the rest of it is none.

Written from docs/queues.md and docs/provider.md alone: a plain JSON parser that takes no `NaN`, and a list of
the fields without which an event says nothing. Events that are refused for what the market knows (their
time, their symbol) are events here; the oracle refuses them.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import msgspec

MAX_FRAME_BYTES: Final = 16 * 2**20
DEEPEST: Final = 500
"""Arrays in each other, beyond which a value is not looked at."""

SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+/:^*=#$%!@~_-]{0,31}")
PRICE, SHARES, MILLISECONDS, NANOSECONDS, NUMBER = 1e9, 1e14, 1e14, 9e18, 2.0**53
"""Everything is from 0 up to its own limit."""

_BARS: Final = {
    **dict.fromkeys(("vw", "o", "c", "h", "l", "a"), PRICE),
    **dict.fromkeys(("v", "av"), SHARES),
    **dict.fromkeys(("s", "e"), MILLISECONDS),
}
NEEDED: Final[Mapping[str, Mapping[str, float]]] = {
    "A": _BARS,
    "AM": _BARS,
    "T": {"p": PRICE, "s": SHARES, "t": MILLISECONDS},
    "Q": {"t": MILLISECONDS},
    "LULD": {"t": NANOSECONDS},
}
USEFUL: Final[Mapping[str, Mapping[str, float]]] = {
    "A": {"z": SHARES, "op": PRICE},
    "AM": {"z": SHARES, "op": PRICE},
    "T": {"q": NUMBER},
    "Q": {"bp": PRICE, "ap": PRICE, "bs": SHARES, "as": SHARES, "q": NUMBER},
    "LULD": {"h": PRICE, "l": PRICE, "q": NUMBER},
}
"""Null is the same as absent here."""
LONGEST_SPANS_MS: Final = {"A": 1_000, "AM": 60_000}
"""By how much a bar ends after it starts, at most."""


class Reading(msgspec.Struct, frozen=True):
    """The events of a frame, in order, and how many pieces of it are none, by reason."""

    events: Sequence[dict[str, Any]] = ()
    refused: Mapping[str, int] = {}


def read(frame: bytes) -> Reading:
    """Take a frame apart that holds nothing but what belongs together: either good JSON, or one piece."""
    if len(frame) > MAX_FRAME_BYTES:
        return Reading(refused={"oversized_frame": 1})
    try:
        told = json.loads(frame.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return Reading(refused={"not_json": 1})
    if _depth(frame) > DEEPEST:
        return Reading(refused={"not_json": 1})
    if not isinstance(told, list):
        return Reading(refused={"not_an_array": 1})
    events: list[dict[str, Any]] = []
    refused: Counter[str] = Counter()
    for piece in told:
        reason = _why_not(piece)
        if reason is None:
            events += [] if piece["ev"] == "status" else [piece]
        else:
            refused[reason] += 1
    return Reading(events, refused)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _depth(frame: bytes) -> int:
    """How deep arrays stand in each other, at most, where no text has a bracket in it."""
    if frame.count(b"[") <= DEEPEST:
        return 1
    depth = deepest = 0
    for byte in frame:
        depth += (byte == ord("[")) - (byte == ord("]"))
        deepest = max(deepest, depth)
    return deepest


def _why_not(piece: Any) -> str | None:
    kind = piece.get("ev") if isinstance(piece, dict) else None
    if not isinstance(kind, str):
        return "no_event_type"
    if kind == "status":
        texts = (piece.get("status"), piece.get("message", ""))
        return None if all(isinstance(text, str) for text in texts) else "malformed_status"
    if kind not in NEEDED:
        return "unknown_event_type"
    symbol = piece.get("T" if kind == "LULD" else "sym")
    if not isinstance(symbol, str):
        return "no_symbol"
    if not SYMBOL.fullmatch(symbol):
        return "invalid_symbol"
    needed = all(_is_number(piece.get(name), below) for name, below in NEEDED[kind].items())
    useful = all(
        piece.get(name) is None or _is_number(piece[name], below) for name, below in USEFUL[kind].items()
    )
    return None if needed and useful and _has_possible_span(piece) else "invalid_field"


def _has_possible_span(piece: Mapping[str, Any]) -> bool:
    longest_ms = LONGEST_SPANS_MS.get(piece["ev"])
    return longest_ms is None or 0 < piece["e"] - piece["s"] <= longest_ms


def _is_number(value: Any, below: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < below
