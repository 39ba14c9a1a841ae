"""Frames taken apart: whole, in order, each event in one queue, and rubbish set aside with a reason."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketdata.events import LONGEST_SYMBOL, SYMBOL_PATTERN
from marketdata.feeds import MAX_FRAME_CHARACTERS, StatusEvent
from marketdata.providers.base import Routing
from marketdata.providers.massive import framing
from marketdata.providers.massive.framing import (
    FrameRouter,
    count_events,
    statuses_of,
)
from marketdata.transport.queues import QueueName, shard_of
from tests.support.builders import aggregate_wire, quote_wire, trade_wire
from tests.support.symbols import NO_SYMBOLS, SYMBOLS

SHARDS = 3
QUEUE_OF = {
    "A": QueueName.AGGREGATE,
    "AM": QueueName.AGGREGATE,
    "T": QueueName.TRADES,
    "Q": QueueName.QUOTES,
    "LULD": QueueName.HALTS,
}


def luld_wire(symbol: str = "AAPL") -> dict[str, object]:
    return {
        "ev": "LULD",
        "h": 11.0,
        "l": 9.0,
        "i": [16],
        "z": 3,
        "T": symbol,
        "t": 1764086430905642800,
        "q": 1,
    }


def route(*frames: str | bytes, shard_count: int = SHARDS) -> Routing:
    router = FrameRouter(shard_count)
    for frame in frames:
        router.add(frame)
    return router.take()


def events_by_queue(routing: Routing) -> Mapping[tuple[QueueName, int], Sequence[object]]:
    return {(part.queue, part.shard): json.loads(part.body) for part in routing.parts}


def frame_of(*events: object) -> str:
    return json.dumps(events, separators=(",", ":"))


symbols = st.from_regex(SYMBOL_PATTERN).filter(lambda symbol: len(symbol) <= LONGEST_SYMBOL)
known_events = st.one_of(
    st.builds(aggregate_wire, symbols, ev=st.sampled_from(["A", "AM"])),
    st.builds(trade_wire, symbols),
    st.builds(quote_wire, symbols),
    st.builds(luld_wire, symbols),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
odd_events = st.one_of(
    json_values,
    st.fixed_dictionaries({"ev": json_values}, optional={"sym": json_values, "T": json_values}),
    st.fixed_dictionaries(
        {"ev": st.sampled_from([*QUEUE_OF, "status", "NOI"])}, optional={"sym": json_values}
    ),
)


spaces = st.sampled_from(["", "", "", " ", "\t\r\n"])
written_keys = st.sampled_from(["ev", "sym", "T", "p", "s", "conditions", "\\u0065v", "", "é"]).map(
    '"{}"'.format
)
written_scalars = st.one_of(
    st.sampled_from([*QUEUE_OF, "status", "NOI", "IBM", "BRK.A", "", "X" * 32, "X" * 33]).map('"{}"'.format),
    st.sampled_from(["0", "-0", "12.50", "1e5", "1E-400", "9" * 40, "0.0e+00", "true", "false", "null"]),
    st.sampled_from(["01", "1.", ".5", "-", "1e", "+1", "tru", "nul", "falsE", "Infinity", "'x'", '"', ""]),
    st.sampled_from([r'"\u0041"', r'"\""', r'"\ud800"', '"é"', '"\t"', '"\x7f"', '"\0"', '"\ud800"']),
    st.text(max_size=3).map(lambda text: json.dumps(text, ensure_ascii=False)),
)


def in_brackets(pieces: Sequence[str], brackets: str, space: str) -> str:
    return brackets[0] + space + f"{space},{space}".join(pieces) + space + brackets[1]


written_values = st.recursive(
    written_scalars,
    lambda inner: st.one_of(
        st.builds(in_brackets, st.lists(inner, max_size=3), st.just("[]"), spaces),
        st.builds('{{"x":{}}}'.format, inner),
    ),
    max_leaves=3,
)
good_fields = st.sampled_from(
    ['"p":1.5', '"s":-2e3', '"c":[12,37]', '"c":[ ]', '"x":null', '"i":"7"', '"b":[true,"x"]', '"op": 0']
)
written_fields = st.builds(
    lambda key, space, value: f"{key}{space}:{space}{value}", written_keys, spaces, written_values
)
written_events = st.one_of(
    st.builds(
        lambda tag, symbol, fields, space: in_brackets(
            [f'"ev":"{tag}"', f'"{"T" if tag == "LULD" else "sym"}":"{symbol}"', *fields], "{}", space
        ),
        st.sampled_from(sorted(QUEUE_OF)),
        symbols | st.text(alphabet="ABCk. /<é\u200b", min_size=1, max_size=10),
        st.lists(good_fields, max_size=4) | st.lists(good_fields | written_fields, max_size=3),
        spaces,
    ),
    st.builds(in_brackets, st.permutations(['"ev":"Q"', '"sym":"IBM"', '"bp":10.01']), st.just("{}"), spaces),
)
odd_texts = st.one_of(
    st.builds(in_brackets, st.lists(written_fields, max_size=4), st.just("{}"), spaces), written_values
)


def cut(text: str, start: int, length: int, inserted: str) -> str:
    place = start % (len(text) + 1)
    return text[:place] + inserted + text[place + length :]


written_frames = st.builds(in_brackets, st.lists(written_events, max_size=5), st.just("[]"), spaces)
odd_frames = st.one_of(
    st.builds(in_brackets, st.lists(written_events | odd_texts, max_size=5), st.just("[]"), spaces),
    st.builds(
        cut,
        written_frames,
        st.integers(0, 500),
        st.integers(0, 3),
        st.sampled_from(["", ",", "]", "0", "\0", " x"]),
    ),
)


def symbol_of(event: Mapping[str, object]) -> str:
    return str(event["T"] if event["ev"] == "LULD" else event["sym"])


@given(frames=st.lists(st.lists(known_events, max_size=12), max_size=4), as_bytes=st.booleans())
def test_every_known_event_arrives_whole_in_its_queue_and_shard_in_order(
    frames: list[list[dict[str, object]]], as_bytes: bool
) -> None:
    texts = [frame_of(*events) for events in frames]
    routing = route(*(text.encode() if as_bytes else text for text in texts))

    expected = defaultdict(list)
    for event in (event for events in frames for event in events):
        expected[QUEUE_OF[str(event["ev"])], shard_of(symbol_of(event), SHARDS)].append(event)
    assert events_by_queue(routing) == expected
    assert all(part.event_count == len(json.loads(part.body)) for part in routing.parts)
    assert not routing.set_aside


@given(events=st.lists(known_events | odd_events, max_size=12))
def test_no_event_is_lost_or_doubled_whatever_stands_beside_it(events: list[object]) -> None:
    routing = route(frame_of(*events))

    routed = [event for part in routing.parts for event in json.loads(part.body)]
    assert len(routed) + len(routing.statuses) == len(events)
    assert sum(routing.set_aside.values()) == sum(
        part.event_count for part in routing.parts if part.queue is QueueName.UNKNOWN
    )
    remaining = list(events)
    for event in routed:
        remaining.remove(event)
    assert all(isinstance(event, dict) and event.get("ev") == "status" for event in remaining)


@given(
    frames=st.lists(written_frames | odd_frames, max_size=5),
    as_bytes=st.booleans(),
    shard_count=st.integers(1, 7),
)
def test_compiled_code_sorts_whatever_it_accepts_as_is_done_event_by_event(
    frames: list[str], as_bytes: bool, shard_count: int
) -> None:
    data = [text.encode(errors="surrogatepass") if as_bytes else text for text in frames]

    def nothing_is_plain(
        _text: bytes, _lengths: object, frame: int, start: int, *_: object
    ) -> tuple[int, int, int]:
        return frame, start, 0

    with mock.patch.object(framing, "route_frames", nothing_is_plain):
        expected = route(*data, shard_count=shard_count)
    assert route(*data, shard_count=shard_count) == expected


@given(data=st.binary(max_size=200) | st.text(max_size=200))
def test_rubbish_never_raises_and_is_set_aside(data: bytes | str) -> None:
    routing = route(data, frame_of(trade_wire("IBM")))

    assert [part.queue for part in routing.parts if part.queue is not QueueName.UNKNOWN] == [QueueName.TRADES]
    for part in routing.parts:
        assert len(json.loads(part.body)) == part.event_count


@given(cut=st.integers(min_value=1, max_value=300))
def test_of_a_truncated_frame_only_the_event_that_is_cut_is_set_aside(cut: int) -> None:
    events = [trade_wire("IBM"), quote_wire("IBM"), aggregate_wire("IBM")]
    text = frame_of(*events)[: -min(cut, len(frame_of(*events)) - 1)]
    routing = route(text)

    whole = [event for event in events if frame_of(event)[1:-1] in text]
    is_cut = not text.endswith(("}", "},", "}]")) or text == "["
    assert sum(routing.set_aside.values()) == is_cut
    routed = [
        event
        for part in routing.parts
        if part.queue is not QueueName.UNKNOWN
        for event in json.loads(part.body)
    ]
    assert all(event in routed for event in whole)
    assert len(routed) == len(whole)


NOT_JSON = (
    '{"ev":"T","sym":"IBM","p":NaN,"s":1,"t":1}',
    '{"ev":"A","sym":"IBM","c":-Infinity}',
    '{"ev":"T","sym":"IBM,"p":1,"s":1}',
    '{"ev":"T","sym":IBM","p":1,"s":1}',
    '{"ev":"T","sym":"IBM","p":1,"c":[37}',
    '{"ev":"T","sym":"IBM","p":1,"c":37]}',
    '{"ev":"T","sym":"IBM","p":01}',
    '{"ev":"T","sym":"IBM","i":"\t"}',
    '{"ev":"T","sym":"IBM","i":"a\0b"}',
    '{"ev":"T" "sym":"IBM"}',
    "{'ev':'T','sym':'IBM'}",
    '{"ev":"T","sym":"IBM","x":[{"a":1},{"b":NaN}]}',
    '{"ev":"T","sym":"IBM","x":' + "[" * 5_000 + "]" * 5_000 + "}",
    "NaN",
    "undefined",
)
"""Elements of an array that are not JSON, each of which is one event at most."""


@given(
    before=st.lists(known_events, max_size=3),
    broken=st.lists(
        st.tuples(st.sampled_from(NOT_JSON), st.lists(known_events, min_size=1, max_size=2)), max_size=4
    ),
    as_bytes=st.booleans(),
)
@example(
    before=[],
    broken=[(NOT_JSON[index], [trade_wire("IBM")]) for index in (2, 11, 2)],
    as_bytes=False,
)
def test_what_is_no_json_costs_itself_and_not_its_frame(
    before: list[dict[str, object]],
    broken: list[tuple[str, list[dict[str, object]]]],
    as_bytes: bool,
) -> None:
    good = [*before, *(event for _, behind in broken for event in behind)]
    text = frame_of(*before)[1:-1]
    for piece, behind in broken:
        text += ("," if text else "") + piece + "," + frame_of(*behind)[1:-1]
    frame = f"[{text}]"
    routing = route(frame.encode() if as_bytes else frame)

    routed = [
        event
        for part in routing.parts
        if part.queue is not QueueName.UNKNOWN
        for event in json.loads(part.body)
    ]
    assert sorted(map(json.dumps, routed)) == sorted(map(json.dumps, good))
    assert dict(routing.set_aside) == ({"not_json": len(broken)} if broken else {})
    assert count_events(frame) == len(good) + len(broken)


def test_one_event_with_nan_costs_a_frame_of_101_events_one() -> None:
    events = [trade_wire("IBM", q=number) for number in range(100)]
    nan = trade_wire("IBM", p=float("nan"))
    routing = route(frame_of(*events[:50], nan, *events[50:]))

    assert dict(routing.set_aside) == {"not_json": 1}
    assert [json.loads(part.body) for part in routing.parts if part.queue is QueueName.TRADES] == [events]


def test_commas_too_many_or_missing_cost_nothing() -> None:
    trade, quote = json.dumps(trade_wire("IBM")), json.dumps(quote_wire("IBM"))
    routing = route(f"[,{trade}{quote},,{trade},]", f"[{trade},{quote}", f"[{trade}")

    assert {(part.queue, part.event_count) for part in routing.parts} == {
        (QueueName.TRADES, 4),
        (QueueName.QUOTES, 2),
    }
    assert not routing.set_aside


def test_the_text_of_an_event_is_kept_byte_for_byte() -> None:
    odd_spacing = '{ "p" : 10.50, "ev":"T",  "sym":"BRK.B", "s":1e2, "extra":{"deep":[1, 2]} }'

    (part,) = route(f"[ {odd_spacing} , {odd_spacing}]").parts

    assert part.body == f"[{odd_spacing},{odd_spacing}]".encode()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"ev": "NOI", "T": "NTEST.Q"}, "unknown_event_type"),
        ({"sym": "IBM"}, "no_event_type"),
        ({"ev": 7, "sym": "IBM"}, "no_event_type"),
        ("text", "no_event_type"),
        ({"ev": "T", "p": 10.0}, "no_symbol"),
        ({"ev": "T", "sym": None}, "no_symbol"),
        ({"ev": "T", "sym": 7}, "no_symbol"),
        ({"ev": "LULD", "sym": "IBM"}, "no_symbol"),
        *[({"ev": "T", "sym": symbol}, "invalid_symbol") for symbol in NO_SYMBOLS],
        *[({"ev": "LULD", "T": symbol}, "invalid_symbol") for symbol in NO_SYMBOLS],
        ({"ev": "status"}, "malformed_status"),
    ],
)
def test_an_event_that_cannot_be_routed_is_set_aside_alone_with_its_reason(
    event: object, reason: str
) -> None:
    routing = route(frame_of(trade_wire("IBM"), event, quote_wire("IBM")))

    assert dict(routing.set_aside) == {reason: 1}
    queues = events_by_queue(routing)
    assert queues[QueueName.UNKNOWN, 0] == [event]
    assert {queue for queue, _ in queues} == {QueueName.TRADES, QueueName.QUOTES, QueueName.UNKNOWN}


def test_every_symbol_that_can_be_is_routed_and_every_other_set_aside() -> None:
    texts = [*SYMBOLS, *NO_SYMBOLS]
    routing = route(frame_of(*({"ev": "T", "sym": text} for text in texts)))

    routed = {
        event["sym"]
        for part in routing.parts
        if part.queue is QueueName.TRADES
        for event in json.loads(part.body)
    }
    assert routed == set(SYMBOLS)
    assert dict(routing.set_aside) == {"invalid_symbol": len(NO_SYMBOLS)}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "not_json"),
        ("no json", "not_json"),
        (b"\xff\xfe", "not_json"),
        ('["\ud800', "not_json"),
        ('{"ev":"T","sym":"IBM"}', "not_an_array"),
        ("17", "not_an_array"),
        ("[" * 5_000, "not_json"),
        ("[" + " " * MAX_FRAME_CHARACTERS + "]", "oversized_frame"),
    ],
    ids=["empty", "text", "bytes", "surrogate", "object", "number", "deep", "oversized"],
)
def test_a_frame_that_is_no_array_is_kept_as_an_excerpt(frame: str | bytes, reason: str) -> None:
    routing = route(frame)

    assert dict(routing.set_aside) == {reason: 1}
    (part,) = routing.parts
    (excerpt,) = json.loads(part.body)
    assert isinstance(excerpt, str)
    assert len(excerpt) <= 2_000


def test_statuses_are_taken_out_and_go_into_no_queue() -> None:
    status = {"ev": "status", "status": "success", "message": "subscribed to: T.*"}

    routing = route(frame_of(trade_wire("IBM"), status))

    assert routing.statuses == [StatusEvent("success", "subscribed to: T.*")]
    assert [part.event_count for part in routing.parts] == [1]


def test_what_was_taken_does_not_come_again() -> None:
    router = FrameRouter(SHARDS)
    router.add(frame_of(trade_wire("IBM"), {"ev": "nonsense"}))
    router.take()

    assert router.take() == Routing([], [], {})


def test_a_flood_of_invented_symbols_is_routed_like_any_other() -> None:
    names = [f"S{number}" for number in range(70_000)]
    routing = route(frame_of(*({"ev": "T", "sym": name} for name in names)), shard_count=2)

    assert sum(part.event_count for part in routing.parts) == len(names)
    for part in routing.parts:
        assert {shard_of(event["sym"], 2) for event in json.loads(part.body)} == {part.shard}


def test_the_statuses_of_a_small_frame_can_be_had_before_routing() -> None:
    frame = frame_of({"ev": "status", "status": "max_connections", "message": "too many"})

    assert statuses_of(frame) == [StatusEvent("max_connections", "too many")]
    assert statuses_of(frame.encode()) == [StatusEvent("max_connections", "too many")]
    assert statuses_of(frame_of(trade_wire("IBM"))) == []
    assert statuses_of('"status" but no array') == []


@given(
    frame=st.one_of(
        st.lists(known_events | odd_events, max_size=12).map(lambda events: frame_of(*events)),
        st.lists(known_events, max_size=3).map(lambda events: frame_of(*events)[:-1]),
        st.text(max_size=100),
        st.binary(max_size=100),
    )
)
def test_a_frame_that_is_given_up_is_counted_as_routing_would_have(frame: str | bytes) -> None:
    assert count_events(frame) == sum(part.event_count for part in route(frame).parts)


def test_a_long_frame_of_acknowledgements_is_read_and_a_long_frame_of_data_is_not_searched() -> None:
    acknowledged = [
        {"ev": "status", "status": "success", "message": f"subscribed to: T.S{number}"}
        for number in range(1_000)
    ]
    assert len(statuses_of(frame_of(*acknowledged))) == 1_000
    assert statuses_of(frame_of(*[trade_wire("IBM")] * 500, acknowledged[0])) == []


@pytest.mark.parametrize("frame", ["{0},{1}]", "{0}\n{1}", "null[{0},{1}]", "5[{0},{1}]"])
def test_a_frame_that_begins_oddly_keeps_its_events(frame: str) -> None:
    events = [json.dumps(trade_wire(symbol)) for symbol in ("A", "B")]
    router = FrameRouter(shard_count=1)
    router.add(frame.replace("{0}", events[0]).replace("{1}", events[1]))
    routing = router.take()
    assert sum(part.event_count for part in routing.parts if part.queue is QueueName.TRADES) == 2
