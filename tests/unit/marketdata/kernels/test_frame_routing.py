"""Frames sorted by compiled code: what it accepts as plain, where the events go, and where it stops."""

import json
import zlib
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketdata.kernels.frame_routing import (
    LEAST_EVENT,
    ROUTED_EVENT,
    ROUTED_PART,
    TYPE_ROUTE,
    FrameLayout,
    RoutingArrays,
    route_frames,
)
from marketdata.kernels.symbols import characters_of

LONGEST_SYMBOL = 32
CHARACTERS = characters_of(r"\A[A-Za-z0-9][^\"\\\x00-\x20\x7f]*\Z")
SHARDS = 3
GROUPS = {"B": 0, "LONGTYPE": 1, "": 2}
NO_BYTE = 0xFF


def packed(word: str) -> int:
    return int.from_bytes(word.encode(), "little")


ROUTES = np.array(
    [(packed(tag), packed("y" if tag == "B" else "n"), group) for tag, group in GROUPS.items()], TYPE_ROUTE
)
LAYOUT = FrameLayout(np.uint64(packed("e")), ROUTES, CHARACTERS, LONGEST_SYMBOL, SHARDS)


def bucket_of(tag: str, symbol: str) -> int:
    return GROUPS[tag] * SHARDS + zlib.crc32(symbol.encode()) % SHARDS


def routed(*frames: str, first: int = 0) -> tuple[int, Mapping[int, tuple[int, str]]]:
    """The number of the frame that is not plain, and of each bucket the event count and the texts."""
    texts = [frame.encode() for frame in frames]
    text = b"".join(frame + b"\0" for frame in texts)
    start = sum(len(frame) + 1 for frame in texts[:first])
    result = np.full(len(text), NO_BYTE, np.uint8)
    events = np.empty(len(text) // LEAST_EVENT, ROUTED_EVENT)
    parts = np.full(len(GROUPS) * SHARDS, -7, ROUTED_PART)
    lengths = np.array([len(frame) for frame in texts], np.int64)

    frame, end, part_count = route_frames(
        text, lengths, first, start, LAYOUT, RoutingArrays(events, result, parts)
    )

    assert end == sum(len(text) + 1 for text in texts[:frame])
    assert (result[:start] == NO_BYTE).all()
    assert (result[end:] == NO_BYTE).all()
    return frame, {
        bucket: (count, result[at:behind].tobytes().decode())
        for bucket, count, at, behind in parts[:part_count].tolist()
    }


def event(tag: str, symbol: str, **fields: object) -> str:
    return json.dumps({"e": tag, "y" if tag == "B" else "n": symbol} | fields, separators=(",", ":"))


symbols = st.from_regex(r"\A[A-Za-z0-9][!#-\[\]-~]{0,31}\Z")
events = st.tuples(st.sampled_from(sorted(GROUPS)), symbols)


@given(frames=st.lists(st.lists(events, max_size=8), max_size=4))
def test_events_go_in_their_order_to_the_group_of_their_type_and_the_shard_of_their_symbol(
    frames: list[list[tuple[str, str]]],
) -> None:
    expected: dict[int, list[str]] = {}
    for tag, symbol in (event for frame in frames for event in frame):
        expected.setdefault(bucket_of(tag, symbol), []).append(event(tag, symbol))

    frame, parts = routed(*("[" + ",".join(event(*each) for each in frame) + "]" for frame in frames))

    assert frame == len(frames)
    assert parts == {bucket: (len(texts), ",".join(texts)) for bucket, texts in expected.items()}


PLAIN = event("B", "IBM", a=-1.5e-7, b=[1, "x", None], c=True)


@pytest.mark.parametrize(
    "odd",
    [
        "", "x", "{}", "[", "[{", "[,]", f"[{PLAIN},]", f"[{PLAIN}", f"[{PLAIN} {PLAIN}]", f"[{PLAIN}]]",
        f"[{PLAIN}]\0", "[{}]", "[1]", "[null]", "[[]]",
        '[{"y":"IBM","e":"B"}]', '[{"e":"B"}]', '[{"e":"B","n":"IBM"}]', '[{"e":"C","y":"IBM"}]',
        '[{"e":1,"y":"IBM"}]',
        '[{"e":"LONGTYPED","n":"IBM"}]', '[{"e":"B","e":"B","y":"IBM"}]', '[{"e":"B","y":"IBM","y":"IBM"}]',
        '[{"e":"B","y":""}]', '[{"e":"B","y":7}]', '[{"e":"B","y":null}]', '[{"e":"B","y":["IBM"]}]',
        '[{"e":"B","y":"\\u0041"}]', '[{"e":"B","y":"é"}]', '[{"e":"B","y":"A B"}]', '[{"e":"B","y":"-A"}]',
        '[{"e":"B","y":"A\\u0000"}]', '[{"e":"B","y":"A\x7f"}]', '[{"\\u0065":"B","y":"IBM"}]',
        f'[{{"e":"B","y":"{"X" * (LONGEST_SYMBOL + 1)}"}}]',
        '[{"e":"B","y":"IBM","a":01}]', '[{"e":"B","y":"IBM","a":tru}]', '[{"e":"B","y":"IBM","a":{}}]',
        '[{"e":"B","y":"IBM","a"}]', '[{"e":"B","y":"IBM",}]', '[{"e":"B","y":"IBM" "a":1}]',
    ],
)  # fmt: skip
def test_it_stops_before_a_frame_that_is_not_plain_and_goes_on_behind_it(odd: str) -> None:
    before, after = f"[{PLAIN}]", f" [ {PLAIN}\t,\n{PLAIN} ]\r"
    bucket = bucket_of("B", "IBM")

    assert routed(before, odd, after) == (1, {bucket: (1, PLAIN)})
    assert routed(before, odd, after, first=1) == (1, {})
    assert routed(before, odd, after, first=2) == (3, {bucket: (2, f"{PLAIN},{PLAIN}")})


@given(text=st.text(alphabet='[]{},:"eyBn01.-+Etrualsf \0\\é', max_size=60))
@example(text="[]")
def test_what_is_plain_is_json_and_nothing_of_it_is_lost(text: str) -> None:
    frame, parts = routed(text)

    if frame:
        assert sum(count for count, _ in parts.values()) == len(json.loads(text))
    else:
        assert not parts


def test_the_least_event_fits_the_room_that_callers_make() -> None:
    least = '{"e":"","n":"A"}'
    assert len(least) == LEAST_EVENT

    assert routed("[" + ",".join([least] * 100) + "]") == (
        1,
        {bucket_of("", "A"): (100, ",".join([least] * 100))},
    )
