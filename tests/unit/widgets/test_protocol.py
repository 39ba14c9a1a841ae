"""Client messages in, server frames out."""

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.data_state import DataState
from widgets.protocol import (
    ACCEPTED,
    LONGEST_MESSAGE_BYTES,
    MOST_FEEDS_PER_MESSAGE,
    Delta,
    Error,
    ErrorCode,
    Ping,
    Pong,
    ProtocolError,
    Resync,
    Snapshot,
    Status,
    Subscribe,
    Unsubscribe,
    Welcome,
    echo,
    encode_answer,
    encode_frame,
    encode_rows,
    parse_message,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"subscribe","feeds":["a","b"]}', Subscribe(["a", "b"])),
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
        '{"type":"ping","id":1.5}',
        '{"type":"ping","id":99999999999999999999999}',
        "[" * 10_000,
        '{"type":"ping","x":' + "[" * 10_000,
        '"\ud800"',
    ],
    ids=range(13),
)
def test_what_is_no_message_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_message(text)
    assert refused.value.code is ErrorCode.BAD_MESSAGE
    assert ACCEPTED in str(refused.value)


@pytest.mark.parametrize("letter", ["x", "é", "€"])
def test_a_message_is_bounded_in_bytes(letter: str) -> None:
    frame = '{"type":"subscribe","feeds":["%s"]}'
    fits = (LONGEST_MESSAGE_BYTES - len(frame) + 2) // len(letter.encode())
    assert parse_message(frame % (letter * fits)) == Subscribe([letter * fits])
    with pytest.raises(ProtocolError) as refused:
        parse_message(frame % (letter * (fits + 1)))
    assert refused.value.code is ErrorCode.TOO_LARGE


def test_the_feeds_of_a_message_are_bounded() -> None:
    feeds = ["a"] * MOST_FEEDS_PER_MESSAGE
    assert parse_message(json.dumps({"type": "subscribe", "feeds": feeds})) == Subscribe(feeds)
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
        sent = json.loads(encode_answer(Error(code=error.code, message=str(error))))
        assert sent["code"] in list(ErrorCode)
        return
    if isinstance(message, Ping):
        assert json.loads(encode_answer(Pong(message.id))) == {"type": "pong", "id": message.id}


def test_answers_have_the_names_of_the_specification() -> None:
    assert json.loads(encode_answer(Welcome(server_time_ms=5, user="ada"))) == {
        "type": "welcome",
        "protocol": "mdp.v2",
        "server_time_ms": 5,
        "user": "ada",
    }
    assert json.loads(encode_answer(Status(state=DataState.LIVE, age_ms=None, detail=""))) == {
        "type": "status",
        "state": "live",
        "age_ms": None,
        "detail": "",
        "opens_ms": None,
        "feed_delay_ms": 0,
    }
    assert json.loads(encode_answer(Error(code=ErrorCode.UNKNOWN_FEED, feed="x", message="no"))) == {
        "type": "error",
        "code": "unknown_feed",
        "feed": "x",
        "message": "no",
    }


def test_frames_of_rows_have_the_names_of_the_specification() -> None:
    rows = encode_rows(["AAPL"], np.array([[1.0, 190.2]]), [0, 4])
    position: dict[str, Any] = {"feed": "f", "epoch": "9", "seq": 2, "age_ms": 3, "market_time_ms": 4}
    snapshot = encode_frame(Snapshot(**position, columns=("volume", "close"), rows=rows))
    assert json.loads(snapshot) == {
        "type": "snapshot", **position, "columns": ["volume", "close"], "rows": [["AAPL", 1, 190.2]],
    }  # fmt: skip
    delta = encode_frame(Delta(**position, rows=rows, removed=("XYZ",)))
    assert json.loads(delta) == {
        "type": "delta", **position, "rows": [["AAPL", 1, 190.2]], "removed": ["XYZ"],
    }  # fmt: skip
    reordered = encode_frame(Delta(**position, rows=rows, removed=(), order=("MSFT", "AAPL")))
    assert json.loads(reordered)["order"] == ["MSFT", "AAPL"]


def text_of(rows: msgspec.Raw) -> str:
    return bytes(rows).decode()


def test_integers_have_no_fraction_and_absent_values_are_null() -> None:
    values = np.array([[1.0, 0.1, 1_795_000_000_000.0], [np.nan, np.nan, np.inf]])
    assert text_of(encode_rows(["A", "B"], values, [0, 4, 0])) == (
        '[["A",1,0.1,1795000000000],["B",null,null,null]]'
    )


@given(st.lists(st.tuples(st.floats(-1e9, 1e9) | st.just(math.nan), st.integers(0, 2**53)), max_size=20))
def test_numbers_survive_the_wire(pairs: list[tuple[float, int]]) -> None:
    symbols = [f"S{index}" for index in range(len(pairs))]
    values = np.array(pairs, dtype=np.float64).reshape(len(pairs), 2)
    received = json.loads(text_of(encode_rows(symbols, values, [4, 0])))
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
