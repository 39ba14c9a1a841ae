"""The books of a recording say of each frame what the listener's say, also of a broken one."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.feeds import MAX_FRAME_CHARACTERS, Frame
from marketdata.providers.massive.emulator.fan_out import FanOut
from marketdata.providers.massive.emulator.protocol import Subscriptions
from marketdata.providers.massive.framing import FrameRouter, count_events
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.recording.clock import market_time_ms
from marketdata.recording.reader import RecordingReader
from marketdata.recording.summary import NO_TYPE, NOT_EVENTS, summarize
from tests.support.builders import quote_wire, trade_wire
from tests.unit.marketdata.recording.recordings import OPENING_MS, write_recording

TRADE = msgspec.json.encode(trade_wire("AAPL", timestamp_ms=OPENING_MS))
QUOTE = msgspec.json.encode(quote_wire("IBM", timestamp_ms=OPENING_MS + 1_000))
NAN = TRADE.replace(b"AAPL", b"NANX").replace(b'"p":', b'"p":NaN,"was":')
PIECES = [
    TRADE,
    QUOTE,
    NAN,
    b'{"ev":"ZZ"}',
    b'{"ev":"T"}',
    b"null",
    b"]",
    b'{"ev":"T","sym":7}',
    b'{"ev":"T"',
]
BOOKED_AS = {"trades": "T", "quotes": "Q"}


def listener_books(frame: bytes) -> tuple[Counter[str], Counter[str]]:
    """Events by type that reach the queues, and what is set aside, by reason."""
    router = FrameRouter(shard_count=1)
    router.add(frame)
    routing = router.take()
    routed: Counter[str] = Counter()
    for part in routing.parts:
        if part.queue.value in BOOKED_AS:
            routed[BOOKED_AS[part.queue.value]] += part.event_count
    return routed, Counter(routing.set_aside)


@pytest.mark.parametrize(
    "frame",
    [
        b"[" + TRADE + b"," + NAN + b"," + QUOTE + b"]",
        b"[" + TRADE + b"," + QUOTE + b"," + TRADE[:30],
        b"[" + TRADE + QUOTE + b"]",
        b"[" + TRADE + b"," + QUOTE + b',{"ev":"T","sym":"\xff"}]',
    ],
    ids=["NaN", "cut", "no comma", "not UTF-8"],
)
def test_the_good_events_of_a_broken_frame_are_in_the_books_of_both(frame: bytes, tmp_path: Path) -> None:
    path = write_recording(tmp_path, [[Frame(frame, OPENING_MS * 1_000_000)]])
    with RecordingReader(path) as reader:
        recorded = dict(summarize(reader, FORMAT).events)
    routed, set_aside = listener_books(frame)
    assert (recorded["T"], recorded["Q"]) == (routed["T"], routed["Q"])
    assert recorded.get(NO_TYPE, 0) == set_aside.total()
    assert routed.total() > 0
    assert market_time_ms(FORMAT, Frame(frame, 0), OPENING_MS + 2_000) == OPENING_MS + 1_000


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from([b",", b"", b" , "]), st.booleans())
def test_as_many_events_are_booked_as_the_listener_counts(
    pieces: list[bytes], between: bytes, is_ended: bool
) -> None:
    frame = b"[" + between.join(pieces) + (b"]" if is_ended else b"")
    headers = FORMAT.headers(frame)
    booked = 1 if headers is None else sum(not header.is_status for header in headers)
    assert booked == count_events(frame)


@pytest.mark.parametrize("frame", [TRADE, b'"text"', b"7", b" " * (MAX_FRAME_CHARACTERS + 1)])
def test_what_is_one_thing_to_the_listener_is_one_in_the_books(frame: bytes, tmp_path: Path) -> None:
    path = write_recording(tmp_path, [[Frame(frame, OPENING_MS * 1_000_000)]])
    with RecordingReader(path) as reader:
        assert dict(summarize(reader, FORMAT).events) == {NOT_EVENTS: 1}
    assert (count_events(frame), FORMAT.headers(frame)) == (1, None)


def test_a_time_of_the_wrong_type_costs_an_event_neither_type_nor_symbol() -> None:
    headers = FORMAT.headers(b'[{"ev":"T","sym":"A","t":"late"},{"ev":"T","sym":7,"t":1}]')
    assert headers is not None
    assert [(header.kind, header.symbol) for header in headers] == [("T", "A"), ("T", "")]


def test_a_broken_frame_is_replayed_as_it_came() -> None:
    frame = b"[" + TRADE + b"," + NAN + b"," + QUOTE + b"]"
    subscriptions = Subscriptions()
    assert (
        FanOut(FORMAT, frozenset({"T", "Q"}), frozenset({"IBM"})).outgoing(frame).part_for(subscriptions)
        == frame
    )
