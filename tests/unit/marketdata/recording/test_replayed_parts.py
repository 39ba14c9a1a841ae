"""What of a recording is played, when, and to whom."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ConfigurationError
from marketdata.feeds import Frame
from marketdata.providers.massive.emulator.fan_out import FanOut, recorded_channels
from marketdata.providers.massive.emulator.protocol import Subscriptions, parse_subscriptions
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.providers.registry import recorded_format
from marketdata.recording.format import IndexEntry
from marketdata.recording.pacing import Pacing
from marketdata.recording.reader import RecordingReader
from marketdata.recording.selection import Selection
from tests.support.builders import aggregate_wire, batch_body, quote_wire, trade_wire
from tests.support.manual_clock import ManualClock
from tests.unit.marketdata.recording.recordings import OPENING_MS, frames_from, in_pairs, write_recording

FIVE_MINUTES = frames_from(OPENING_MS - 120_000, 300)


@pytest.fixture
def five_minutes(tmp_path: Path) -> Path:
    """From 09:28 to 09:33, a frame a second, two frames a block."""
    return write_recording(tmp_path, list(in_pairs(FIVE_MINUTES)))


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (None, None, 0, 300),
        ("09:30", None, 120, 300),
        ("09:30:01", "09:30:04", 121, 124),
        ("2026-11-20T09:29", "09:31", 60, 180),
        (None, "09:28:30", 0, 30),
        ("08:00", "20:00", 0, 300),
    ],
)
def test_a_selection_is_cut_by_market_time(
    five_minutes: Path, start: str | None, end: str | None, first: int, last: int
) -> None:
    with Selection([five_minutes], recorded_format, start=start, end=end) as selection:
        assert [frame for block in selection.blocks() for frame in block] == FIVE_MINUTES[first:last]
        assert last - first <= selection.frame_count


def test_a_later_start_decompresses_nothing_before_it(
    five_minutes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offsets: list[int] = []
    read = RecordingReader.read

    def noted_read(reader: RecordingReader, entry: IndexEntry) -> Sequence[Frame]:
        offsets.append(entry.offset)
        return read(reader, entry)

    monkeypatch.setattr(RecordingReader, "read", noted_read)
    with Selection([five_minutes], recorded_format, start="09:32:58") as selection:
        assert [frame for block in selection.blocks() for frame in block] == FIVE_MINUTES[298:]
        assert offsets == [selection.readers[0].entries[-1].offset]


def test_files_are_played_in_order_of_time_whatever_their_order(tmp_path: Path) -> None:
    later = write_recording(tmp_path, [FIVE_MINUTES[100:]])
    earlier = write_recording(tmp_path, [FIVE_MINUTES[:100]])
    with Selection([later, earlier], recorded_format) as selection:
        assert [frame for block in selection.blocks() for frame in block] == FIVE_MINUTES


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("10:00", None, "goes from 2026-11-20 09:28:01 to 2026-11-20 09:32:59"),
        ("09:31", "09:30", "nothing is recorded from 09:31 to 09:30"),
        ("early", None, "'early' is not a New York time"),
    ],
)
def test_an_empty_or_impossible_selection_is_refused(
    five_minutes: Path, start: str, end: str | None, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Selection([five_minutes], recorded_format, start=start, end=end)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.mdprec cannot be read"):
        Selection([tmp_path / "missing.mdprec"], recorded_format)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ConfigurationError, match="is not a recording"):
        Selection([tmp_path / "text"], recorded_format)


@given(gaps_ms=st.lists(st.integers(0, 5_000), min_size=1, max_size=20), speed=st.sampled_from([1.0, 10.0]))
def test_the_gaps_between_frames_are_kept_and_divided_by_the_speed(gaps_ms: list[int], speed: float) -> None:
    clock = ManualClock()
    pacing = Pacing(clock, speed)
    assert pacing.seconds_until(0) == 0
    received_ms, started = 0, clock.monotonic()
    for gap_ms in gaps_ms:
        received_ms += gap_ms
        clock.advance(pacing.seconds_until(received_ms * 1_000_000))
        assert clock.monotonic() - started == pytest.approx(received_ms / 1_000 / speed, abs=1e-6)


def test_a_late_frame_is_due_at_once_and_the_rest_keeps_its_time() -> None:
    clock = ManualClock()
    pacing = Pacing(clock, 1.0)
    pacing.seconds_until(0)
    clock.advance(3)
    assert pacing.seconds_until(1_000_000_000) == 0
    assert pacing.seconds_until(5_000_000_000) == pytest.approx(2)
    pacing.restart()
    assert pacing.seconds_until(6_000_000_000) == 0
    assert pacing.seconds_until(7_000_000_000) == pytest.approx(1)


def test_at_full_speed_every_frame_is_due_at_once() -> None:
    pacing = Pacing(ManualClock(), None)
    assert [pacing.seconds_until(time_ns) for time_ns in (0, 10**12, 10**15)] == [0, 0, 0]
    with pytest.raises(ConfigurationError, match="speed must be max or"):
        Pacing(ManualClock(), -1.0)


def part(data: str | bytes, wanted: str, *, symbols: frozenset[str] | None = None) -> bytes | None:
    """What a client with these subscriptions gets of a recording of T.* and Q.*."""
    subscriptions = Subscriptions()
    for channel, ticker in parse_subscriptions(wanted):
        subscriptions.add(channel, ticker)
    return FanOut(FORMAT, recorded_channels(["T.*", "Q.*"]), symbols).outgoing(data).part_for(subscriptions)


MIXED = json.dumps([trade_wire("AAPL"), quote_wire("MSFT"), {"ev": "ZZ", "x": 1}, trade_wire("MSFT")])


def test_a_client_of_everything_gets_the_frame_byte_for_byte() -> None:
    for data in (MIXED, MIXED.encode(), "not json", b"\xff\x00", '{"ev":"T"}', "[]", "[ ]"):
        encoded = data.encode() if isinstance(data, str) else data
        assert part(data, "T.*,Q.*") == encoded


@pytest.mark.parametrize(
    ("wanted", "symbols", "expected"),
    [
        ("T.*", None, ["T", "ZZ", "T"]),
        ("T.AAPL,Q.*", None, ["T", "Q", "ZZ"]),
        ("T.*,Q.*", frozenset({"MSFT"}), ["Q", "T"]),
        ("Q.MSFT", frozenset({"AAPL", "MSFT"}), ["Q"]),
    ],
)
def test_subscriptions_and_symbols_filter_events(
    wanted: str, symbols: frozenset[str] | None, expected: list[str]
) -> None:
    got = part(MIXED, wanted, symbols=symbols)
    assert got is not None
    assert [event["ev"] for event in json.loads(got)] == expected


def test_statuses_of_the_recorded_connection_are_kept_back() -> None:
    status = {"ev": "status", "status": "max_connections", "message": "gone"}
    assert part(json.dumps([status]), "T.*,Q.*") is None
    got = part(json.dumps([status, trade_wire()]), "T.*,Q.*")
    assert got == b"[" + json.dumps(trade_wire()).encode() + b"]"


def test_an_event_that_is_not_understood_reaches_whoever_does_not_filter_symbols() -> None:
    odd = batch_body([trade_wire(t="yesterday"), aggregate_wire()])
    assert part(odd, "Q.*") == odd
    assert part(odd, "Q.*", symbols=frozenset({"MSFT"})) is None


def test_the_frame_table_of_a_mixed_recording_keeps_kinds_apart(tmp_path: Path) -> None:
    frames = [Frame("[]", 1), Frame(b"[]", 2)]
    with RecordingReader(write_recording(tmp_path, [frames])) as reader:
        assert [type(frame.data) for block in reader.blocks() for frame in block] == [str, bytes]
