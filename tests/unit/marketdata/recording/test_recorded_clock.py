"""The clock of a recorded feed bounds market times: its own where it had one, else the time of arrival."""

import json

from marketdata.feeds import Frame
from marketdata.providers.massive.emulator.protocol import clock_frame
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.recording.clock import RecordedClock, market_time_ms
from tests.support.builders import trade_wire

START_MS = 1_700_000_000_000


def live(after_ms: int, *stamps_ms: int) -> Frame:
    """A frame of trades, received so long after the start."""
    return Frame(
        json.dumps([trade_wire(timestamp_ms=stamp) for stamp in stamps_ms]), (START_MS + after_ms) * 1_000_000
    )


def test_a_live_recording_is_on_the_time_of_its_arrival() -> None:
    clock = RecordedClock(FORMAT)
    assert [clock.follow(live(after_ms)) - START_MS for after_ms in (0, 400, 60_000)] == [0, 400, 60_000]


def test_a_clock_that_was_recorded_counts_from_there_on() -> None:
    clock = RecordedClock(FORMAT)
    assert (
        clock.follow(Frame(clock_frame(1_500_000_000_000).decode(), START_MS * 1_000_000))
        == 1_500_000_000_000
    )
    assert clock.follow(live(3_600_000)) == 1_500_000_000_000, "the time of arrival says nothing any more"
    assert clock.follow(Frame(clock_frame(1_500_000_000_100), 1)) == 1_500_000_000_100


def test_frames_that_nobody_understands_declare_nothing() -> None:
    clock = RecordedClock(FORMAT)
    clock.follow(Frame(clock_frame(1_500_000_000_000), 1))
    for data in ('["status"', '{"status":"clock"}', '[{"ev":"status","status":"clock"}]', b"\xff[status"):
        assert clock.follow(Frame(data, 1)) == 1_500_000_000_000


def test_a_stamp_ahead_of_the_feed_is_no_market_time() -> None:
    frame = live(0, START_MS - 50, START_MS + 86_400_000, START_MS - 2_000)
    assert market_time_ms(FORMAT, frame, START_MS) == START_MS - 50
    assert market_time_ms(FORMAT, live(0, START_MS + 86_400_000), START_MS) == 0
