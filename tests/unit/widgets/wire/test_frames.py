"""Prepared frames, read by the WebSocket library that clients use."""

from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as ReceivedFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader

from widgets.wire import PreparedFrame
from widgets.wire.frames import SMALLEST_PACKED_BYTES

payloads = st.one_of(
    st.text(),
    st.binary(),
    st.integers(0, 70_000).map(lambda size: "ab" * size),
    st.integers(0, 70_000).map(bytes),
)


def received(wire: bytes, extension: PerMessageDeflate) -> str | bytes:
    """The message that a client reads from these bytes, which must hold exactly one frame."""
    reader = StreamReader()
    reader.feed_data(wire)
    reader.feed_eof()
    parsing = ReceivedFrame.parse(reader.read_exact, mask=False, max_size=None, extensions=[extension])
    try:
        while True:
            next(parsing)
    except StopIteration as end:
        frame: ReceivedFrame = end.value
    assert frame.fin
    return bytes(frame.data).decode() if frame.opcode is Opcode.TEXT else bytes(frame.data)


def without_context() -> PerMessageDeflate:
    return PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )


@given(payloads)
def test_both_wire_forms_are_read_as_the_payload(payload: str | bytes) -> None:
    frame = PreparedFrame(payload)
    assert received(frame.plain(), without_context()) == payload
    assert received(frame.packed(), without_context()) == payload


@given(st.lists(payloads, min_size=2, max_size=4))
def test_packed_frames_do_not_depend_on_earlier_frames(sent: list[str | bytes]) -> None:
    client = without_context()
    assert [received(PreparedFrame(each).packed(), client) for each in sent] == sent


def test_a_short_message_is_never_compressed() -> None:
    frame = PreparedFrame("a" * (SMALLEST_PACKED_BYTES - 1))
    assert frame.packed() is frame.plain()


def test_a_long_message_is_compressed_once() -> None:
    frame = PreparedFrame("a" * 10_000)
    assert len(frame.packed()) < 100
    assert frame.packed() is frame.packed()
