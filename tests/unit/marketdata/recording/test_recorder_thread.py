"""The recorder: rotation, a disk that is slow, full or missing, and never a wait for whoever records."""

import errno
import os
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import structs

from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget, Frame
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.recording.reader import RecordingReader
from marketdata.recording.recorder import MIN_ROTATE_BYTES, Recorder, RecorderConfig
from marketdata.recording.writer import SUFFIX, RecordingWriter
from marketdata.units import NS_PER_MS
from tests.support.builders import new_york_ms
from tests.support.deadlines import eventually_sync
from tests.unit.marketdata.recording.recordings import (
    METADATA,
    OPENING_MS,
    frame_at,
    frames_from,
    read_frames,
)


def config(directory: Path, **changes: object) -> RecorderConfig:
    values = {"metadata": METADATA, "frame_reader": FORMAT} | changes
    return RecorderConfig(directory=directory, **values)  # type: ignore[arg-type]


def recordings(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{SUFFIX}"))


def test_everything_recorded_is_in_a_finished_file_at_the_end(tmp_path: Path) -> None:
    frames = frames_from(OPENING_MS, 50)
    with Recorder(config(tmp_path / "new")) as recorder:
        recorder.record(frames[:20])
        recorder.record(frames[20:])
    (path,) = recordings(tmp_path / "new")
    assert read_frames(path) == frames


def test_what_comes_while_it_is_switched_off_is_in_no_file(tmp_path: Path) -> None:
    frames = frames_from(OPENING_MS, 30)
    with Recorder(config(tmp_path)) as recorder:
        recorder.record(frames[:10])
        recorder.switch(on=False)
        recorder.record(frames[10:20])
        eventually_sync(lambda: len(recordings(tmp_path)) == 1, 5.0)
        recorder.switch(on=True)
        recorder.record(frames[20:])
    assert [read_frames(path) for path in recordings(tmp_path)] == [frames[:10], frames[20:]]


def test_recordings_are_their_owners_alone(tmp_path: Path) -> None:
    with Recorder(config(tmp_path / "new")) as recorder:
        recorder.record(frames_from(OPENING_MS, 2))
    (path,) = recordings(tmp_path / "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_new_file_begins_at_the_size_and_names_sort_by_time(tmp_path: Path) -> None:
    frames = [
        Frame(os.urandom(MIN_ROTATE_BYTES // 2), (OPENING_MS + index) * NS_PER_MS) for index in range(6)
    ]
    with Recorder(config(tmp_path, rotate_bytes=MIN_ROTATE_BYTES, block_bytes=2**18)) as recorder:
        recorder.record(frames)
    paths = recordings(tmp_path)
    assert [len(read_frames(path)) for path in paths] == [2, 2, 2]
    assert [frame for path in paths for frame in read_frames(path)] == frames


@pytest.mark.parametrize(("daily", "files"), [(True, 2), (False, 1)])
def test_a_trading_day_begins_at_four_in_new_york(tmp_path: Path, daily: bool, files: int) -> None:
    day_start = new_york_ms("2026-11-23", "04:00:00")
    before, after = frame_at(day_start - 60_000, delay_ms=0), frame_at(day_start, delay_ms=0)
    with Recorder(config(tmp_path, rotate_daily=daily, block_bytes=1)) as recorder:
        recorder.record([before])
        recorder.record([after])
    paths = recordings(tmp_path)
    assert len(paths) == files
    assert [frame for path in paths for frame in read_frames(path)] == [before, after]


def test_a_finished_connection_finishes_its_file(tmp_path: Path) -> None:
    with Recorder(config(tmp_path)) as recorder:
        recorder.record(frames_from(OPENING_MS, 3))
        recorder.finish_file()
        eventually_sync(lambda: recordings(tmp_path), 5)
        recorder.record(frames_from(OPENING_MS + 60_000, 2))
    assert [len(read_frames(path)) for path in recordings(tmp_path)] == [3, 2]


def test_another_target_begins_a_file_that_names_it(tmp_path: Path) -> None:
    frames = frames_from(OPENING_MS, 30)
    simulator = structs.replace(METADATA, simulator_seed=7, simulator_symbols=200)
    same = ConnectionTarget(feed=METADATA.feed, market=METADATA.market, subscriptions=METADATA.subscriptions)
    fewer = structs.replace(same, subscriptions=("T.AAPL",))
    elsewhere = structs.replace(fewer, feed="RealTime")
    with Recorder(config(tmp_path, metadata=simulator, block_bytes=1)) as recorder:
        for number, target in enumerate((same, fewer, elsewhere)):
            recorder.set_target(target)
            eventually_sync(lambda: len(recordings(tmp_path)) == number, 10)  # noqa: B023
            recorder.record(frames[10 * number : 10 * number + 10])
            eventually_sync(lambda: list(tmp_path.glob("*.part")), 10)
    described = []
    for path in recordings(tmp_path):
        with RecordingReader(path) as reader:
            described.append(reader.metadata)
    assert [metadata.subscriptions for metadata in described] == [same.subscriptions, *[("T.AAPL",)] * 2]
    assert [metadata.feed for metadata in described] == [METADATA.feed, METADATA.feed, "RealTime"]
    assert [metadata.simulator_seed for metadata in described] == [7, 7, None]
    assert [frame for path in recordings(tmp_path) for frame in read_frames(path)] == frames


class StuckDisk(RecordingWriter):
    """A disk that takes a block only when it is told to."""

    released = threading.Event()

    def write(self, frames: Sequence[Frame], *, dropped_frames: int = 0) -> None:
        self.released.wait(30)
        super().write(frames, dropped_frames=dropped_frames)


def test_a_slow_disk_costs_frames_and_a_count_but_no_time(tmp_path: Path) -> None:
    StuckDisk.released.clear()
    frames = frames_from(OPENING_MS, 1_000)
    capacity = 100 * len(frames[0].data)
    with Recorder(config(tmp_path, capacity_bytes=capacity, block_bytes=1), open_file=StuckDisk) as recorder:
        started = time.thread_time()
        for frame in frames:
            recorder.record([frame])
        assert time.thread_time() - started < 1.0
        assert recorder.failure
        StuckDisk.released.set()
        eventually_sync(lambda: not recorder._pending, 10)
        recorder.record([frames[-1]])
    (path,) = recordings(tmp_path)
    with RecordingReader(path) as reader:
        kept = reader.frame_count
        assert 100 <= kept <= 300
        assert kept + reader.dropped_frames == len(frames) + 1, "every frame is either there or counted"


class FullDisk(RecordingWriter):
    """A disk without room while `full` is set."""

    full = False

    def write(self, frames: Sequence[Frame], *, dropped_frames: int = 0) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(frames, dropped_frames=dropped_frames)


def test_a_full_disk_costs_the_frames_of_that_time_and_recording_goes_on(tmp_path: Path) -> None:
    frames = frames_from(OPENING_MS, 6)
    with Recorder(config(tmp_path, block_bytes=1), open_file=FullDisk) as recorder:
        recorder.record(frames[:2])
        eventually_sync(lambda: recorder._file and recorder._file.frame_count == 2, 5)
        FullDisk.full = True
        recorder.record(frames[2:4])
        eventually_sync(lambda: "No space left" in recorder.failure, 5)
        FullDisk.full = False
        recorder.record(frames[4:])
    assert recorder.failure == ""
    (path,) = recordings(tmp_path)
    with RecordingReader(path) as reader:
        assert [frame for block in reader.blocks() for frame in block] == frames[:2] + frames[4:]
        assert reader.dropped_frames == 2


def test_a_disk_that_is_well_again_is_no_trouble_although_the_feed_is_quiet(tmp_path: Path) -> None:
    with Recorder(config(tmp_path, block_bytes=1), open_file=FullDisk) as recorder:
        FullDisk.full = True
        recorder.record(frames_from(OPENING_MS, 2))
        eventually_sync(lambda: "No space left" in recorder.failure, 5)
        FullDisk.full = False
        eventually_sync(lambda: not recorder.failure, 5)


def test_half_a_block_is_taken_back_when_the_disk_refuses_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = frames_from(OPENING_MS, 4)
    writer = RecordingWriter(tmp_path, METADATA, frames[0].received_ns, FORMAT)
    writer.write(frames[:2])
    real_write, calls = os.write, iter([10])

    def write_some(descriptor: int, data: bytes) -> int:
        for size in calls:
            return real_write(descriptor, bytes(data)[:size])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_some)
        with pytest.raises(OSError, match="No space left"):
            writer.write(frames[2:])
    writer.write(frames[2:])
    path = writer.finish()
    with RecordingReader(path) as reader:
        assert [frame for block in reader.blocks() for frame in block] == frames
        assert reader.damage == []


def test_a_directory_that_cannot_be_written_is_named_before_anything_starts(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(ConfigurationError, match=f"recordings cannot be written to {in_the_way}"):
        Recorder(config(in_the_way)).__enter__()
    with pytest.raises(ConfigurationError, match="at least"):
        config(tmp_path, rotate_bytes=1)
