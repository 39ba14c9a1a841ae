"""A summary of a recording: times, frames, events by type, size, damage."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from marketdata.recording.format import Metadata
from marketdata.recording.frames import EventHeader, FrameReader
from marketdata.recording.reader import Damage, RecordingReader

NOT_EVENTS = "(not an array of events)"
NO_TYPE = "(no type)"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A recording in figures. Times are epoch nanoseconds, market times epoch milliseconds; 0 if it is empty.

    `frame_bytes` is the uncompressed size of the frames, `file_bytes` the size of the file. `dropped_frames`
    were received and not recorded. `damage` was recorded and cannot be read.
    """

    metadata: Metadata
    is_finished: bool
    file_bytes: int
    frame_bytes: int
    blocks: int
    frames: int
    dropped_frames: int
    first_ns: int
    last_ns: int
    first_market_time_ms: int
    last_market_time_ms: int
    events: Mapping[str, int]
    damage: Sequence[Damage]


def summarize(
    reader: RecordingReader,
    frame_reader: FrameReader,
    progress: Callable[[int], object] | None = None,
) -> Summary:
    """Read the whole file; `progress` is called with the stored bytes of each block.

    `frame_reader` reads the format that the recording names.
    """
    events: Counter[str] = Counter()
    frames = frame_bytes = 0
    headers = [entry.header for entry in reader.entries]
    for entry in reader.entries:
        for frame in reader.read(entry):
            frames += 1
            frame_bytes += len(frame.data)
            _count(frame_reader.headers(frame.data), events)
        if progress is not None:
            progress(entry.header.stored_bytes)
    market_times = [header.market_time_ms for header in headers if header.market_time_ms]
    return Summary(
        metadata=reader.metadata,
        is_finished=reader.is_finished,
        file_bytes=reader.size_bytes,
        frame_bytes=frame_bytes,
        blocks=len(headers),
        frames=frames,
        dropped_frames=reader.dropped_frames,
        first_ns=min((header.first_ns for header in headers), default=0),
        last_ns=max((header.last_ns for header in headers), default=0),
        first_market_time_ms=min(market_times, default=0),
        last_market_time_ms=max(market_times, default=0),
        events=dict(events.most_common()),
        damage=tuple(reader.damage),
    )


def _count(headers: Sequence[EventHeader] | None, events: Counter[str]) -> None:
    if headers is None:
        events[NOT_EVENTS] += 1
    else:
        events.update(header.kind or NO_TYPE for header in headers)
