"""Small recordings for tests."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from marketdata.feeds import Frame
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.recording.format import Metadata
from marketdata.recording.reader import RecordingReader
from marketdata.recording.writer import RecordingWriter
from marketdata.units import NS_PER_MS
from tests.support.builders import batch_body, new_york_ms, quote_wire, trade_wire

METADATA = Metadata(feed="127.0.0.1:9400", subscriptions=("T.*", "Q.*"))
OPENING_MS = new_york_ms("2026-11-20", "09:30:00")


def frame_at(time_ms: int, symbol: str = "AAPL", *, delay_ms: int = 20) -> Frame:
    """A frame with a trade and a quote of one instant, received a moment later."""
    events = [trade_wire(symbol, timestamp_ms=time_ms), quote_wire(symbol, timestamp_ms=time_ms)]
    return Frame(batch_body(events).decode(), (time_ms + delay_ms) * NS_PER_MS)


def frames_from(start_ms: int, count: int, *, step_ms: int = 1_000) -> list[Frame]:
    return [frame_at(start_ms + index * step_ms) for index in range(count)]


def write_recording(
    directory: Path,
    blocks: Sequence[Sequence[Frame]],
    *,
    metadata: Metadata = METADATA,
    finish: bool = True,
) -> Path:
    """A file of these blocks; without `finish` as a crashed recorder leaves it."""
    writer = RecordingWriter(directory, metadata, blocks[0][0].received_ns, FORMAT)
    for block in blocks:
        writer.write(block)
    if finish:
        return writer.finish()
    writer.abandon()
    return writer.path


def read_frames(path: Path) -> list[Frame]:
    with RecordingReader(path) as reader:
        return [frame for block in reader.blocks() for frame in block]


def in_pairs(frames: Sequence[Frame]) -> Iterator[Sequence[Frame]]:
    """Blocks of two frames each."""
    for start in range(0, len(frames), 2):
        yield frames[start : start + 2]
