"""What a feed does to its events on the way: they come late, twice, corrected, and in another order."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tests.oracle.refusals import read
from tests.oracle.simulated_days import Sent

WINDOW_MS: Final = 8_000
"""Events are sent up to so much later than others of their time."""
LATEST_MS: Final = 25 * 60_000
_LATE_SHARE: Final = 0.01
_DUPLICATE_SHARE: Final = 0.02
_CORRECTED_SHARE: Final = 0.02
_BAND_QUOTE_SHARE: Final = 0.1
_MAX_GROUP_MS: Final = 90_000
_MAX_FRAME_EVENTS: Final = 60

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """Frames that arrived together, when, and the events in them that the platform understands, in order.

    `feed_time_ms` is what the feed's own clock said then. `refused` counts what is no event, by reason.
    """

    frames: Sequence[bytes]
    events: Sequence[dict[str, Any]]
    received_ms: int
    feed_time_ms: int
    refused: Mapping[str, int] = {}


def disturbed(sent: Sequence[Sent], chance: random.Random) -> Sequence[Sent]:
    """The same pieces and some more, in the order in which they arrive."""
    arriving = [(each.time_ms + _delay_ms(chance), each) for each in sent]
    arriving += [(each.time_ms + chance.randrange(LATEST_MS), each) for each in _again(sent, chance)]
    arriving += [(each.time_ms + _delay_ms(chance), each) for each in _at_the_bands(sent, chance)]
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


def _again(sent: Iterable[Sent], chance: random.Random) -> Iterator[Sent]:
    for each in sent:
        draw = chance.random()
        if each.counts and draw < _DUPLICATE_SHARE:
            yield each
        elif each.counts and draw < _DUPLICATE_SHARE + _CORRECTED_SHARE:
            yield _corrected(each, chance)


def _at_the_bands(sent: Iterable[Sent], chance: random.Random) -> Iterator[Sent]:
    """Further quotes of symbols with bands: on a band (a limit state), outside it, or with a side empty."""
    bands: dict[str, tuple[float, float]] = {}
    for each in sent:
        event = _decode(each.text) if each.counts else {}
        if event.get("ev") == "LULD":
            bands[event["T"]] = event.get("h") or 0, event.get("l") or 0
        if event.get("ev") == "Q" and event["sym"] in bands and chance.random() < _BAND_QUOTE_SHARE:
            high, low = bands[event["sym"]]
            bid, ask = chance.choice(
                [
                    (high, 0),
                    (high, high + 0.01),
                    (0, low),
                    (low - 0.01, low),
                    (low - 1, high + 1),
                    (high, low),
                ]
            )
            changed = {"bp": max(0, round(bid, 4)), "ap": round(ask, 4), "q": event["q"] + 1}
            yield msgspec.structs.replace(each, text=_encode(event | changed))


def _corrected(sent: Sent, chance: random.Random) -> Sent:
    """The event again with the same times and other numbers; a trade stays, as prints are not restated so."""
    event = _decode(sent.text)
    if event["ev"] in {"A", "AM"}:
        event |= {
            "v": event["v"] + 100,
            "av": event["av"] + 100,
            "vw": event["h"],
            "z": event.get("z", 0) + 1,
        }
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
            if events:
                frames.append(_frame(events))
                events = []
            frames.append(piece.text)
            continue
        events.append(piece.text)
        if len(events) == size:
            frames.append(_frame(events))
            events, size = [], chance.randint(1, _MAX_FRAME_EVENTS)
    if events:
        frames.append(_frame(events))
    found: list[dict[str, Any]] = []
    refused: Counter[str] = Counter()
    for piece in pieces:
        if piece.counts:
            found.append(_decode(piece.text))
            continue
        reading = read(piece.text if piece.is_frame else _frame([piece.text]))
        found += reading.events
        refused.update(reading.refused)
    newest_ms = pieces[-1].time_ms
    return Arrived(frames, found, received_ms=newest_ms, feed_time_ms=newest_ms, refused=refused)


def arrived_together(events: Sequence[dict[str, Any]], *, received_ms: int, feed_time_ms: int) -> Arrived:
    """Events in one frame."""
    return Arrived([_encode(events)], events, received_ms, feed_time_ms)


def _frame(events: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(events) + b"]"
