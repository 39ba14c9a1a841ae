"""Writes one recording file. Synchronous, so it runs in a thread.

Every block is written to the operating system as soon as it is complete: a crash of the process loses only
the frames of the unfinished block. `sync` and `finish` force the blocks to the disk: a loss of power loses
only the frames after the last such call.
"""

import contextlib
import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from marketdata.feeds import Frame
from marketdata.recording.clock import RecordedClock, market_time_ms
from marketdata.recording.format import (
    IndexEntry,
    Metadata,
    encode_block,
    encode_file_header,
    encode_index,
)
from marketdata.recording.frames import FrameReader

SUFFIX: Final = ".mdprec"
UNFINISHED_SUFFIX: Final = ".mdprec.part"


class RecordingWriter:
    """Appends blocks to a new file. Raises `OSError` if the disk fails; complete blocks stay readable.

    `frame_reader` reads the format that the metadata names. It gives the market time of each block.

    Attributes: `path` (of the unfinished file), `size_bytes`, `frame_count`.
    """

    def __init__(
        self, directory: Path, metadata: Metadata, started_ns: int, frame_reader: FrameReader
    ) -> None:
        self.path, self._descriptor = _create(directory, metadata.market, started_ns)
        self.size_bytes = 0
        self.frame_count = 0
        self._entries: list[IndexEntry] = []
        self._synced_bytes = 0
        self._frame_reader = frame_reader
        self._clock = RecordedClock(frame_reader)
        try:
            self._append(encode_file_header(metadata))
        except OSError:
            self.abandon()
            raise

    def write(self, frames: Sequence[Frame], *, dropped_frames: int = 0) -> None:
        """Append a block of frames, at least one."""
        header, data = encode_block(
            frames,
            first_frame=self.frame_count,
            market_time_ms=self._last_market_time_ms(frames),
            dropped_frames=dropped_frames,
        )
        offset = self.size_bytes
        self._append(data)
        self._entries.append(IndexEntry(offset, header))
        self.frame_count += len(frames)

    def _last_market_time_ms(self, frames: Sequence[Frame]) -> int:
        """The event time of the last frame that has one; 0 if none has."""
        feed_times_ms = list(map(self._clock.follow, frames))
        timed = zip(reversed(frames), reversed(feed_times_ms), strict=True)
        times_ms = (market_time_ms(self._frame_reader, frame, feed_ms) for frame, feed_ms in timed)
        return next(filter(None, times_ms), 0)

    def sync(self) -> None:
        """Force what was written to the disk."""
        if self._synced_bytes < self.size_bytes:
            os.fdatasync(self._descriptor)
            self._synced_bytes = self.size_bytes

    def finish(self) -> Path:
        """Append the index, force the file to the disk, and give it its final name.

        If the disk has no space for the index, the file is finished without one: readers find the blocks by
        their headers.
        """
        try:
            with contextlib.suppress(OSError):
                self._append(encode_index(self._entries, self.size_bytes))
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
        final = self.path.with_name(self.path.name.removesuffix(UNFINISHED_SUFFIX) + SUFFIX)
        self.path.rename(final)
        _sync_directory(final.parent)
        return final

    def abandon(self) -> None:
        """Close the file without finishing it. It keeps its unfinished name; an empty file is removed."""
        os.close(self._descriptor)
        if not self._entries:
            self.path.unlink(missing_ok=True)

    def _append(self, data: bytes) -> None:
        """Write all of `data`, or nothing if the disk fails: half a block would be damage."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            os.lseek(self._descriptor, self.size_bytes, os.SEEK_SET)
            raise
        self.size_bytes += len(data)


def _create(directory: Path, market: str, started_ns: int) -> tuple[Path, int]:
    """Create a file named after the first received time; a microsecond is added while the name is taken."""
    started = dt.datetime.fromtimestamp(started_ns // 1_000 / 1e6, tz=dt.UTC)
    while True:
        stem = f"{market}-{started:%Y%m%dT%H%M%S.%fZ}"
        path = directory / (stem + UNFINISHED_SUFFIX)
        if not (directory / (stem + SUFFIX)).exists():
            with contextlib.suppress(FileExistsError):
                return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        started += dt.timedelta(microseconds=1)


def _sync_directory(directory: Path) -> None:
    """Force a directory to the disk: only then does a new file name survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
