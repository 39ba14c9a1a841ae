"""What goes into a recording comes out of it, and damage is found, bounded and told."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.errors import ContentError
from marketdata.feeds import Frame
from marketdata.recording.format import BLOCK_HEADER_BYTES, Metadata
from marketdata.recording.reader import RecordingReader
from tests.unit.marketdata.recording.recordings import (
    METADATA,
    OPENING_MS,
    frames_from,
    in_pairs,
    read_frames,
    write_recording,
)

FRAMES = st.builds(Frame, st.text() | st.binary(), st.integers(0, 2**62))
SIX_FRAMES = frames_from(OPENING_MS, 6)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A finished file of three blocks with two frames each."""
    path = write_recording(tmp_path_factory.mktemp("recording"), list(in_pairs(SIX_FRAMES)))
    return path.read_bytes()


@given(
    blocks=st.lists(st.lists(FRAMES, min_size=1, max_size=5), min_size=1, max_size=4), finish=st.booleans()
)
def test_every_frame_comes_back_with_its_time_and_kind(blocks: list[list[Frame]], finish: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = write_recording(Path(directory), blocks, finish=finish)
        with RecordingReader(path) as reader:
            assert [list(block) for block in reader.blocks()] == blocks
            assert (reader.metadata, reader.is_finished, reader.damage) == (METADATA, finish, [])


def test_an_unfinished_file_is_marked_by_its_name_and_finished_under_another(tmp_path: Path) -> None:
    finished = write_recording(tmp_path, [SIX_FRAMES])
    left_over = write_recording(tmp_path, [SIX_FRAMES], finish=False)
    assert finished.name == "stocks-20261120T143000.020000Z.mdprec"
    assert left_over.name == "stocks-20261120T143000.020001Z.mdprec.part"
    assert read_frames(left_over) == read_frames(finished) == SIX_FRAMES


@given(data=st.data())
def test_a_file_cut_anywhere_loads_up_to_the_cut_and_tells_what_is_lost(
    recording: bytes, data: st.DataObject
) -> None:
    starts = _block_starts(recording)
    cut = data.draw(st.integers(starts[1], len(recording) - 1))
    with tempfile.TemporaryDirectory() as directory:
        _check_cut(Path(directory) / "cut", recording, starts, cut)


def test_a_file_cut_at_every_byte_of_its_last_block_loads_up_to_the_cut(
    recording: bytes, tmp_path: Path
) -> None:
    starts = _block_starts(recording)
    for cut in range(starts[2], len(recording)):
        _check_cut(tmp_path / "cut", recording, starts, cut)


def _check_cut(path: Path, recording: bytes, starts: list[int], cut: int) -> None:
    path.write_bytes(recording[:cut])
    whole = sum(1 for end in starts[1:] if end <= cut)
    with RecordingReader(path) as reader:
        frames = [frame for block in reader.blocks() for frame in block]
        assert frames == SIX_FRAMES[: 2 * whole]
        assert not reader.is_finished
        blocks_end = starts[-1]
        if cut < blocks_end and cut not in starts:
            (damage,) = reader.damage
            assert damage.offset == starts[whole]
            assert damage.lost_bytes == cut - damage.offset
            header_is_whole = damage.lost_bytes >= BLOCK_HEADER_BYTES
            assert damage.lost_frames == (2 if header_is_whole else None)
        elif cut <= blocks_end:
            assert reader.damage == []


@given(data=st.data())
def test_a_flipped_bit_is_never_taken_for_data(recording: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(recording) - 1))
    flipped = bytearray(recording)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "flipped"
        path.write_bytes(flipped)
        try:
            reader = RecordingReader(path)
        except ContentError as error:
            assert error.reason in {"not_a_recording", "unknown_version"}  # noqa: PT017 - either is right
            return
        with reader:
            frames = [frame for block in reader.blocks() for frame in block]
            assert reader.damage or not reader.is_finished
    assert all(frame in SIX_FRAMES for frame in frames)
    lost = sum(damage.lost_frames or 0 for damage in reader.damage)
    unknown = any(damage.lost_frames is None for damage in reader.damage)
    assert len(frames) + lost == 6 or unknown
    assert len(frames) >= 4, "one flipped bit costs one block at most"


def test_a_damaged_header_in_the_middle_costs_one_block_even_without_an_index(
    recording: bytes, tmp_path: Path
) -> None:
    starts = _block_starts(recording)
    damaged = bytearray(recording[: starts[-1]])
    damaged[starts[1] + 9] ^= 0xFF
    path = tmp_path / "damaged"
    path.write_bytes(damaged)
    with RecordingReader(path) as reader:
        frames = [frame for block in reader.blocks() for frame in block]
        (damage,) = reader.damage
    assert frames == SIX_FRAMES[:2] + SIX_FRAMES[4:]
    assert (damage.offset, damage.lost_bytes, damage.lost_frames) == (starts[1], starts[2] - starts[1], 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not_a_recording"),
        (b"[{}]", "not_a_recording"),
        (b"MDPREC\r\n\x09\x00\x00\x00\x00\x00", "unknown_version"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ContentError, match=reason):
        RecordingReader(path)


def test_a_recording_carries_what_is_known_of_its_market(tmp_path: Path) -> None:
    metadata = Metadata(feed="Delayed", subscriptions=("A.*",), simulator_seed=7, simulator_symbols=100)
    with RecordingReader(write_recording(tmp_path, [SIX_FRAMES], metadata=metadata)) as reader:
        assert reader.metadata == metadata
        (entry,) = reader.entries
        assert entry.header.market_time_ms == OPENING_MS + 5_000
        assert entry.header.first_ns == SIX_FRAMES[0].received_ns


def _block_starts(recording: bytes) -> list[int]:
    """Where the three blocks begin, and where the last one ends."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "whole"
        path.write_bytes(recording)
        with RecordingReader(path) as reader:
            last = reader.entries[-1]
            end = last.offset + BLOCK_HEADER_BYTES + last.header.stored_bytes
            return [*(entry.offset for entry in reader.entries), end]
