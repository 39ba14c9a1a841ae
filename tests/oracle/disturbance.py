"""What a feed does to its events on the way: they come late, twice, corrected, and in another order."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from tests.oracle.simulated_days import Sent

WINDOW_MS: Final = 8_000
"""Events are sent up to so much later than others of their time."""
LATEST_MS: Final = 25 * 60_000
_LATE_SHARE: Final = 0.01
_DUPLICATE_SHARE: Final = 0.02
_CORRECTED_SHARE: Final = 0.02
_MAX_GROUP_MS: Final = 40_000
_MAX_FRAME_EVENTS: Final = 60

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """Frames that arrived together, when, and the events in them that must take effect, in order."""

    frames: Sequence[bytes]
    events: Sequence[dict[str, Any]]
    received_ms: int


def disturbed(sent: Sequence[Sent], chance: random.Random) -> Sequence[Sent]:
    """The same pieces and some more, in the order in which they arrive."""
    arriving = [(each.time_ms + _delay_ms(chance), each) for each in sent]
    for each in sent:
        draw = chance.random()
        if not each.counts or draw > _DUPLICATE_SHARE + _CORRECTED_SHARE:
            continue
        again = each if draw < _DUPLICATE_SHARE else _corrected(each, chance)
        arriving.append((each.time_ms + chance.randrange(LATEST_MS), again))
    arriving.sort(key=lambda timed: timed[0])
    return [msgspec.structs.replace(each, time_ms=time_ms) for time_ms, each in arriving]


def arrivals(sent: Iterable[Sent], chance: random.Random) -> Iterator[Arrived]:
    """The pieces as frames, some at a time, as a socket hands them over."""
    waiting: list[Sent] = []
    until_ms = 0
    for each in sent:
        if waiting and each.time_ms > until_ms:
            yield _arrived(waiting, chance)
            waiting = []
        if not waiting:
            until_ms = each.time_ms + chance.randrange(_MAX_GROUP_MS)
        waiting.append(each)
    if waiting:
        yield _arrived(waiting, chance)


def _delay_ms(chance: random.Random) -> int:
    return chance.randrange(LATEST_MS if chance.random() < _LATE_SHARE else WINDOW_MS)


def _corrected(sent: Sent, chance: random.Random) -> Sent:
    """The event again with the same times and other numbers; a trade stays, as prints are not restated so."""
    event = _decode(sent.text)
    if event["ev"] in {"A", "AM"}:
        event |= {"v": event["v"] + 100, "av": event["av"] + 100, "vw": event["h"], "z": event["z"] + 1}
        event |= chance.choice([{"c": event["l"]}, {"h": round(event["h"] * 1.001, 4)}, {"l": event["o"]}])
    if event["ev"] == "Q":
        event |= chance.choice([{"bp": 0}, {"ap": 0}, {"bs": event["bs"] + 1}])
    return msgspec.structs.replace(sent, text=_encode(event))


def _arrived(pieces: Sequence[Sent], chance: random.Random) -> Arrived:
    frames: list[bytes] = []
    events: list[bytes] = []
    size = chance.randint(1, _MAX_FRAME_EVENTS)
    for piece in pieces:
        if piece.is_frame:
            frames.append(piece.text)
            continue
        events.append(piece.text)
        if len(events) == size:
            frames.append(_frame(events))
            events, size = [], chance.randint(1, _MAX_FRAME_EVENTS)
    if events:
        frames.append(_frame(events))
    good = [_decode(piece.text) for piece in pieces if piece.counts]
    return Arrived(frames, good, pieces[-1].time_ms)


def _frame(events: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(events) + b"]"
