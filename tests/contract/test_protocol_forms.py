"""What both forms of protocol 2 promise: the same messages, and an error for everything else."""

import json
import math
import struct
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.protocol_forms import FORMS, JSON, MESSAGE_PACK, Form
from widgets.data_state import DataState
from widgets.protocol import (
    LONGEST_MESSAGE_BYTES,
    MOST_FEEDS_PER_MESSAGE,
    Answer,
    ClientMessage,
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
    Unsubscribed,
    Welcome,
    Wish,
    negotiated,
)
from widgets.settings import WidgetLimits

NOW_NS = 4_000_000
HUGE = 2**32 - 1
MOST_ALLOCATED_BYTES = 1024 * 1024

forms = pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
numbers = st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0])


def refusal(form: Form, payload: str | bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as refused:
        form.version.parse(payload)
    return refused.value


@forms
@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ({"type": "subscribe", "feeds": ["a", "b"]}, Subscribe(["a", "b"])),
        (
            {
                "type": "subscribe",
                "feeds": ["a", {"feed": "é", "columns": ["c"], "hz": 0.5, "epoch": "9", "seq": 7}],
            },
            Subscribe(["a", Wish(feed="é", columns=["c"], hz=0.5, epoch="9", seq=7)]),
        ),
        ({"feeds": [], "type": "unsubscribe", "extra": [1, {"deep": None}]}, Unsubscribe([])),
        ({"type": "resync", "feeds": ["a"]}, Resync(["a"])),
        ({"type": "ping", "id": -(2**53)}, Ping(-(2**53))),
        ({"type": "ping", "id": "x"}, Ping("x")),
        ({"type": "ping"}, Ping(None)),
    ],
)
def test_a_message_of_a_client_is_understood(form: Form, message: Any, meant: ClientMessage) -> None:
    assert form.version.parse(form.write(message)) == meant


@forms
@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        "subscribe",
        {"type": "shout"},
        {"type": "subscribe"},
        {"type": "subscribe", "feeds": "halts"},
        {"type": "subscribe", "feeds": [1]},
        {"type": "subscribe", "feeds": [{"hz": 1}]},
        {"type": "unsubscribe", "feeds": [{"feed": "a"}]},
        {"type": "ping", "id": 1.5},
        {"type": "ping", "id": 2**63},
    ],
)
def test_what_is_no_message_is_refused_with_what_is_accepted(form: Form, wrong: Any) -> None:
    refused = refusal(form, form.write(wrong))
    assert refused.code is ErrorCode.BAD_MESSAGE
    assert "; accepted is a " in str(refused)
    assert '"subscribe"' in str(refused)


@pytest.mark.parametrize(
    ("form", "payload", "said"),
    [
        (JSON, b"{}", "a binary frame of 2 bytes; accepted is a JSON object in a text frame"),
        (
            MESSAGE_PACK,
            '{"a"',
            "a text frame of 4 characters; accepted is a MessagePack map in a binary frame",
        ),
    ],
)
def test_a_frame_of_the_other_kind_is_refused(form: Form, payload: str | bytes, said: str) -> None:
    refused = refusal(form, payload)
    assert refused.code is ErrorCode.BAD_MESSAGE
    assert said in str(refused)


@forms
def test_the_size_of_a_message_and_its_feeds_are_bounded(form: Form) -> None:
    feeds = ["a"] * MOST_FEEDS_PER_MESSAGE
    assert form.version.parse(form.write({"type": "resync", "feeds": feeds})) == Resync(feeds)
    too_many = refusal(form, form.write({"type": "resync", "feeds": [*feeds, "a"]}))
    too_large = refusal(form, form.write({"type": "resync", "feeds": ["é" * (LONGEST_MESSAGE_BYTES // 2)]}))
    assert (too_many.code, too_large.code) == (ErrorCode.TOO_MANY_FEEDS, ErrorCode.TOO_LARGE)


def packed_head(member: bytes, head: bytes) -> bytes:
    """A `resync` whose last member has this name, and begins with `head`."""
    return b"\x82\xa4type\xa6resync" + bytes([0xA0 + len(member)]) + member + head


@pytest.mark.parametrize("head", [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"])
@pytest.mark.parametrize("member", [b"feeds", b"other"])
def test_a_declared_length_without_the_bytes_is_refused_and_takes_no_memory(
    head: bytes, member: bytes
) -> None:
    payload = packed_head(member, head + struct.pack(">I", HUGE) + b"\xa1a")
    tracemalloc.start()
    try:
        refused = refusal(MESSAGE_PACK, payload)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.code is ErrorCode.BAD_MESSAGE
    assert peak_bytes < MOST_ALLOCATED_BYTES


@pytest.mark.parametrize("nested", [b"\x91", b"\x81\xa1a"])
@pytest.mark.parametrize("member", [b"feeds", b"other"])
def test_a_message_of_depth_without_end_is_refused(nested: bytes, member: bytes) -> None:
    assert refusal(MESSAGE_PACK, packed_head(member, nested * 20_000)).code is ErrorCode.BAD_MESSAGE


PIECES = (
    *(b"\x82", b"\x81", b"\x91", b"\xdc\x00\x02", b"\xc0", b"\xc1"),
    *(b"\xa4type", b"\xa6resync", b"\xa9subscribe", b"\xa4ping", b"\xa2id", b"\xa5feeds", b"\xa1a"),
    *(b"\xd6\xff\x00\x00\x00\x00", b"\xcf" + b"\xff" * 8, b"\xa2\xff\xff"),
)
pieces = st.lists(st.sampled_from(PIECES) | st.binary(max_size=5)).map(b"".join)


@given(st.binary() | pieces)
def test_any_bytes_are_a_message_or_an_error_that_can_be_sent(payload: bytes) -> None:
    try:
        message = MESSAGE_PACK.version.parse(payload)
    except ProtocolError as error:
        answer: Answer = Error(code=error.code, message=str(error))
    else:
        answer = Pong(message.id if isinstance(message, Ping) else None)
    sent = MESSAGE_PACK.read(MESSAGE_PACK.version.encode_answer(answer))
    assert sent == msgspec.to_builtins(answer)


@pytest.mark.parametrize(
    "answer",
    [
        Welcome(
            protocol="p",
            server="0.1.0",
            server_time_ms=5,
            user="ada",
            feeds=("halts", "quote:{symbol}"),
            limits=Limits.of(WidgetLimits()),
            reconnect=Reconnect.of(WidgetLimits()),
        ),
        Resumed("halts", "9", 5, age_ms=None, hz=0.5),
        Unsubscribed("halts"),
        Status(state=DataState.LIVE, age_ms=3, detail="é"),
        Error(code=ErrorCode.UNKNOWN_FEED, message="no"),
        Error(code=ErrorCode.BAD_CHOICE, message="no", feed="halts"),
        Pong(7),
        Pong("x"),
        Pong(None),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_an_answer_is_the_same_in_both_forms(answer: Answer) -> None:
    one, other = (form.read(form.version.encode_answer(answer)) for form in FORMS.values())
    assert one == other


@given(st.lists(st.tuples(numbers, numbers), max_size=4))
def test_an_emission_is_the_same_in_both_forms_and_absent_values_are_null(
    pairs: list[tuple[float, float]],
) -> None:
    values = np.array(pairs, dtype=np.float64).reshape(len(pairs), 2)
    decimals = (0, 4)
    rows = EmittedRows([f"S{index}" for index in range(len(pairs))], ("volume", "close"), decimals, values)
    cells = EmittedCells(np.arange(len(pairs)), np.ones((len(pairs), 2), dtype=bool), values, decimals)
    at = FeedPosition("f", "9", 2, received_ns=1_000_000, market_time_ms=4)
    after = FeedPosition("f", "9", 5, received_ns=0, market_time_ms=4, prev=2)
    emissions: tuple[FeedEmission, ...] = (
        FeedSnapshot(at, rows, 4),
        FeedSnapshot(at, rows, 0.5, limit=200),
        FeedDelta(after, rows, cells, order=None),
        FeedDelta(after, rows, cells, order=("S0", (3, 2))),
        FeedAlert(after, rows),
        FeedAppend(after, rows),
    )
    for emission in emissions:
        one, other = (form.read(form.version.encode_emission(emission, NOW_NS)) for form in FORMS.values())
        assert one == other
        assert json.dumps(one, allow_nan=False) == json.dumps(other, allow_nan=False)  # integers, too
    frames = EmissionFrames(FeedAlert(after, rows), NOW_NS)
    assert {frame.payload for form in FORMS.values() for frame in frames[form.version] or ()} == {
        form.version.encode_emission(frames.emission, NOW_NS) for form in FORMS.values()
    }


@forms
def test_a_handshake_that_offers_only_one_form_gets_it(form: Form) -> None:
    assert negotiated(["chat", form.subprotocol]) is form.version
    assert negotiated(list(FORMS)) is JSON.version
