"""Client messages in, server frames out."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.data_state import DataState
from widgets.protocol import (
    LONGEST_MESSAGE_BYTES,
    MOST_FEEDS_PER_MESSAGE,
    VERSION_2,
    EmissionFrames,
    EmittedCells,
    EmittedRows,
    Error,
    ErrorCode,
    FeedAlert,
    FeedAppend,
    FeedDelta,
    FeedEmission,
    FeedPosition,
    FeedSnapshot,
    Limits,
    Ping,
    Pong,
    ProtocolError,
    Reconnect,
    Resumed,
    Resync,
    Status,
    Subscribe,
    Unsubscribe,
    Welcome,
    Wish,
    echo,
    negotiated,
    versions,
)
from widgets.protocol.messages import ACCEPTED, parse_message
from widgets.protocol.v1_messages import InvalidActionError, parse_action
from widgets.protocol.v2 import Version2
from widgets.settings import WidgetLimits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"subscribe","feeds":["a","b"]}', Subscribe(["a", "b"])),
        (
            '{"type":"subscribe","feeds":["a",{"feed":"b","columns":["c"],"hz":0.5,"epoch":"9","seq":7}]}',
            Subscribe(["a", Wish(feed="b", columns=["c"], hz=0.5, epoch="9", seq=7)]),
        ),
        ('{"type":"unsubscribe","feeds":[]}', Unsubscribe([])),
        ('{"feeds":["a"],"type":"resync","extra":[1]}', Resync(["a"])),
        ('{"type":"ping","id":7}', Ping(7)),
        ('{"type":"ping","id":"x"}', Ping("x")),
        ('{"type":"ping"}', Ping(None)),
    ],
)
def test_a_message_is_understood(text: str, message: object) -> None:
    assert parse_message(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type":"shout"}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","feeds":"scanners:top_gainers"}',
        '{"type":"subscribe","feeds":[1]}',
        '{"type":"subscribe","feeds":[{"hz":1}]}',
        '{"type":"subscribe","feeds":[{"feed":"a","columns":"close"}]}',
        '{"type":"unsubscribe","feeds":[{"feed":"a"}]}',
        '{"type":"ping","id":1.5}',
        '{"type":"ping","id":99999999999999999999999}',
        "[" * 10_000,
        '{"type":"ping","x":' + "[" * 10_000,
        '"\ud800"',
    ],
    ids=range(16),
)
def test_what_is_no_message_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_message(text)
    assert refused.value.code is ErrorCode.BAD_MESSAGE
    assert ACCEPTED in str(refused.value)


@pytest.mark.parametrize("text", [r"\ud800", r"x\udbff", r"\ud800\ud800", r"\udc00", r"\ud800 and more"])
@pytest.mark.parametrize("parse", [parse_message, parse_action])
def test_half_a_surrogate_pair_is_named_and_not_called_truncated(
    parse: Callable[[str], object], text: str
) -> None:
    message = f'{{"type":"ping","action":"auth","api_key":"{text}","id":"{text}"}}'
    with pytest.raises((ProtocolError, InvalidActionError), match="surrogate") as refused:
        parse(message)
    assert "truncated" not in str(refused.value)
    with pytest.raises((ProtocolError, InvalidActionError), match="truncated"):
        parse('{"type":"ping","action":"auth"')


@pytest.mark.parametrize("letter", ["x", "é", "€"])
def test_a_message_is_bounded_in_bytes(letter: str) -> None:
    frame = '{"type":"subscribe","feeds":["%s"]}'
    fits = (LONGEST_MESSAGE_BYTES - len(frame) + 2) // len(letter.encode())
    assert parse_message(frame % (letter * fits)) == Subscribe([letter * fits])
    with pytest.raises(ProtocolError) as refused:
        parse_message(frame % (letter * (fits + 1)))
    assert refused.value.code is ErrorCode.TOO_LARGE


def test_of_a_feed_that_is_named_twice_the_last_entry_counts() -> None:
    message = parse_message('{"type":"subscribe","feeds":["a",{"feed":"b","hz":1},{"feed":"a","seq":1},"b"]}')
    assert isinstance(message, Subscribe)
    assert list(message.wishes) == [Wish(feed="a", seq=1), Wish(feed="b")]
    assert [wish.last for wish in message.wishes] == [None, None], "a position has an epoch and a seq"


def test_the_feeds_of_a_message_are_bounded() -> None:
    feeds = ["a"] * MOST_FEEDS_PER_MESSAGE
    assert parse_message(json.dumps({"type": "unsubscribe", "feeds": feeds})) == Unsubscribe(feeds)
    with pytest.raises(ProtocolError) as refused:
        parse_message(json.dumps({"type": "subscribe", "feeds": [*feeds, "a"]}))
    assert refused.value.code is ErrorCode.TOO_MANY_FEEDS


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["type", "feeds", "id"]) | st.text(), inner)
    ),
)
types = st.sampled_from(["subscribe", "unsubscribe", "resync", "ping"]) | st.text()


@given(
    st.text(st.characters(exclude_categories=()))
    | anything.map(json.dumps)
    | st.fixed_dictionaries({"type": types}, optional={"feeds": anything, "id": anything}).map(json.dumps)
)
def test_any_text_is_a_message_or_an_error_that_can_be_sent(text: str) -> None:
    try:
        message = parse_message(text)
    except ProtocolError as error:
        sent = json.loads(VERSION_2.encode_answer(Error(code=error.code, message=str(error))))
        assert sent["code"] in list(ErrorCode)
        return
    if isinstance(message, Ping):
        assert json.loads(VERSION_2.encode_answer(Pong(message.id))) == {"type": "pong", "id": message.id}


def test_answers_have_the_names_of_the_specification() -> None:
    welcome = Welcome(
        protocol="mdp.v2",
        server="0.1.0",
        server_time_ms=5,
        user="ada",
        feeds=("halts",),
        limits=Limits.of(WidgetLimits()),
        reconnect=Reconnect.of(WidgetLimits()),
    )
    assert json.loads(VERSION_2.encode_answer(welcome)) == {
        "type": "welcome",
        "protocol": "mdp.v2",
        "server": "0.1.0",
        "server_time_ms": 5,
        "user": "ada",
        "feeds": ["halts"],
        "limits": {
            "message_bytes": 65536,
            "feeds_per_message": 200,
            "feeds_per_connection": 500,
            "choices_per_connection": 8,
            "connections_per_user": 20,
            "messages_per_second": 50.0,
            "message_bytes_per_second": 65536.0,
            "message_feeds_per_second": 200.0,
            "feeds_per_user": 2000,
            "user_messages_per_second": 200.0,
            "user_message_bytes_per_second": 262144.0,
            "user_message_feeds_per_second": 800.0,
            "message_burst_seconds": 10.0,
        },
        "reconnect": {"restart_ms": [500, 20000], "lost_ms": [250, 5000], "longest_ms": 30000},
    }
    assert json.loads(VERSION_2.encode_answer(Resumed("halts", "9", 5, age_ms=7, hz=0.5))) == {
        "type": "resumed",
        "feed": "halts",
        "epoch": "9",
        "seq": 5,
        "age_ms": 7,
        "hz": 0.5,
    }
    assert json.loads(VERSION_2.encode_answer(Status(state=DataState.LIVE, age_ms=None, detail=""))) == {
        "type": "status",
        "state": "live",
        "age_ms": None,
        "detail": "",
        "opens_ms": None,
        "feed_delay_ms": 0,
        "lost_events": 0,
        "conflated": 0,
        "banner": "",
    }
    assert json.loads(
        VERSION_2.encode_answer(Error(code=ErrorCode.UNKNOWN_FEED, feed="x", message="no"))
    ) == {
        "type": "error",
        "code": "unknown_feed",
        "feed": "x",
        "message": "no",
    }


def rows_of(symbols: Sequence[str], values: Any, decimals: Sequence[int]) -> EmittedRows:
    columns = tuple(f"column {index}" for index in range(len(decimals)))
    return EmittedRows(symbols, columns, tuple(decimals), np.array(values, dtype=np.float64))


def test_frames_of_rows_have_the_names_and_the_order_of_the_specification() -> None:
    rows = EmittedRows(["AAPL"], ("volume", "close"), (0, 4), np.array([[1.0, 190.2]]))
    at = FeedPosition("f", "9", 2, received_ns=1_000_000, market_time_ms=4)
    after = FeedPosition("f", "9", 5, received_ns=1_000_000, market_time_ms=4, prev=2)
    cells = EmittedCells(np.array([7]), np.array([[True, False]]), np.array([[2.0, 190.2]]), decimals=(0, 4))
    start = '"feed":"f","epoch":"9","seq":2,"age_ms":3,"market_time_ms":4,'
    following = '"feed":"f","epoch":"9","prev":2,"seq":5,"age_ms":3,"market_time_ms":4,'
    sent = '"rows":[["AAPL",1,190.2]]'
    for emission, text in (
        (
            FeedSnapshot(at, rows, 4),
            f'{{"type":"snapshot",{start}"hz":4,"columns":["volume","close"],{sent}}}',
        ),
        (
            FeedSnapshot(at, rows, 0.5, limit=200),
            f'{{"type":"snapshot",{start}"hz":0.5,"columns":["volume","close"],{sent},"limit":200}}',
        ),
        (
            FeedDelta(after, rows, cells, order=None),
            f'{{"type":"delta",{following}{sent},"cells":[[7,1,2]]}}',
        ),
        (
            FeedDelta(after, rows, cells, order=("AAPL", (3, 2))),
            f'{{"type":"delta",{following}{sent},"cells":[[7,1,2]],"order":["AAPL",[3,2]]}}',
        ),
        (
            FeedDelta(after, rows, cells, order=()),
            f'{{"type":"delta",{following}{sent},"cells":[[7,1,2]],"order":[]}}',
        ),
        (FeedAlert(after, rows), f'{{"type":"alert",{following}{sent}}}'),
        (FeedAppend(after, rows), f'{{"type":"append",{following}{sent}}}'),
    ):
        assert VERSION_2.encode_emission(emission, now_ns=4_000_000) == text


def test_an_emission_without_data_has_no_age_and_a_clock_that_is_behind_makes_none_negative() -> None:
    for received_ns, now_ns, age_ms in ((0, 5, None), (9_000_000, 2_000_000, 0), (9_000_000, 11_900_000, 2)):
        at = FeedPosition("f", "9", 1, received_ns=received_ns, market_time_ms=0)
        assert at.age_ms(now_ns) == age_ms


class CountingVersion(Version2):
    """Another version of the protocol, as to its name; counts what it encodes."""

    def __init__(self, name: str) -> None:
        self.subprotocol = name  # type: ignore[misc] # a constant of the class, except here
        self.rows_encoded = 0
        self.frames_encoded = 0

    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        self.rows_encoded += 1
        return super().encode_rows(rows)

    def encode_emission(self, emission: FeedEmission, now_ns: int) -> str:
        self.frames_encoded += 1
        return super().encode_emission(emission, now_ns)


def test_an_emission_is_encoded_once_for_each_version_that_somebody_speaks() -> None:
    rows = rows_of(["AAPL"], [[1.0]], [0])
    alert = FeedAlert(FeedPosition("f", "9", 2, received_ns=1, market_time_ms=4), rows)
    one, two, unspoken = (CountingVersion(name) for name in ("one", "two", "unspoken"))
    texts = EmissionFrames(alert, now_ns=5)
    assert texts[one] is texts[one] is texts[one]
    assert texts[two] is not texts[one]
    assert [version.frames_encoded for version in (one, two, unspoken)] == [1, 1, 0]


def test_the_rows_of_a_snapshot_are_encoded_once_for_each_version_and_its_age_is_that_of_the_moment() -> None:
    rows = rows_of(["AAPL"], [[1.0]], [0])
    snapshot = FeedSnapshot(FeedPosition("f", "9", 2, received_ns=1, market_time_ms=4), rows, 4)
    one, two = CountingVersion("one"), CountingVersion("two")
    ages = [
        json.loads(version.encode_emission(snapshot, now_ns))["age_ms"]
        for version in (one, two)
        for now_ns in (1_000_001, 7_000_001)
    ]
    assert ages == [1, 7, 1, 7]
    assert (one.rows_encoded, two.rows_encoded) == (1, 1)


def encoded(symbols: Sequence[str], values: Any, decimals: Sequence[int]) -> str:
    return bytes(VERSION_2.encode_rows(rows_of(symbols, values, decimals))).decode()


def test_integers_have_no_fraction_and_absent_values_are_null() -> None:
    values = np.array([[1.0, 0.1, 1_795_000_000_000.0], [np.nan, np.nan, np.inf], [-np.inf, 2.0, -0.0]])
    rows = ('["A",1,0.1,1795000000000]', '["B",null,null,null]', '["C",null,2.0,0]')
    assert encoded("ABC", values, [0, 4, 0]) == f"[{','.join(rows)}]"
    for index, row in enumerate(rows):
        assert encoded("ABC"[index], values[index : index + 1], [0, 4, 0]) == f"[{row}]"
    assert encoded("", values[:0], [0, 4, 0]) == "[]"


@given(st.lists(st.tuples(st.floats(-1e9, 1e9) | st.just(math.nan), st.integers(0, 2**53)), max_size=20))
def test_numbers_survive_the_wire(pairs: list[tuple[float, int]]) -> None:
    symbols = [f"S{index}" for index in range(len(pairs))]
    values = np.array(pairs, dtype=np.float64).reshape(len(pairs), 2)
    received = json.loads(encoded(symbols, values, [4, 0]))
    assert received == [
        [symbol, None if math.isnan(price) else price, shares]
        for symbol, (price, shares) in zip(symbols, pairs, strict=True)
    ]
    assert all(isinstance(row[2], int) for row in received)


@given(st.text())
def test_an_echo_is_short_and_says_when_it_was_cut(name: str) -> None:
    echoed = echo(name)
    assert len(echoed) <= 64
    assert echoed == name or echoed.endswith("…")


def test_a_connection_speaks_the_preferred_version_that_both_sides_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Version3(Version2):
        subprotocol = "mdp.v3"

    version_3 = Version3()
    assert negotiated(["mdp.v3", "mdp.v2"]) is VERSION_2
    monkeypatch.setattr(versions, "VERSIONS", (version_3, VERSION_2))
    assert negotiated(["mdp.v2", "mdp.v3"]) is version_3
    assert negotiated(["chat", "mdp.v2"]) is VERSION_2
    assert negotiated(["chat"]) is None
    assert negotiated([]) is None
