"""Frames to files, in a thread, so that the event loop never waits for a disk.

`record` only appends to a bounded list. The thread takes the waiting frames as blocks (of a megabyte or of
a second), compresses and writes them. If the disk is too slow, new frames are dropped while the list is
full. If the disk is full or broken, the current block is dropped. Both are counted, logged once a minute,
and noted in the next block that can be written.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import structs

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget, Frame
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.recording.directory import check_directory
from marketdata.recording.format import Metadata
from marketdata.recording.frames import FrameReader
from marketdata.recording.trading_days import next_day_start_ns
from marketdata.recording.writer import RecordingWriter

CAPACITY_BYTES: Final = 64 * 2**20
BLOCK_BYTES: Final = 2**20
BLOCK_SECONDS: Final = 1.0
SYNC_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0
DEFAULT_ROTATE_BYTES: Final = 512 * 2**20
MIN_ROTATE_BYTES: Final = 2**20

log = get_logger(__name__)


class RecorderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to write. A new file begins at `rotate_bytes`, and with `rotate_daily` at 04:00 in New York.

    `frame_reader` reads the format that `metadata` names.

    Raises:
        ConfigurationError: `rotate_bytes` is too small.
    """

    directory: Path
    metadata: Metadata
    frame_reader: FrameReader
    rotate_bytes: int = DEFAULT_ROTATE_BYTES
    rotate_daily: bool = True
    capacity_bytes: int = CAPACITY_BYTES
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        if self.rotate_bytes < MIN_ROTATE_BYTES:
            raise ConfigurationError(
                f"the size for a new file must be at least {MIN_ROTATE_BYTES} bytes, got {self.rotate_bytes}"
            )


class Recorder:
    """Writes frames to files. A context manager: leaving it writes the waiting frames and finishes the file.

    Concurrency: `record`, `set_target` and `finish_file` are called from one thread (the event loop's). They
    never wait.
    Side effects: a thread and files, from entering to leaving.

    Raises (when entered):
        ConfigurationError: the directory cannot be written, or its disk is full.
    """

    def __init__(
        self,
        config: RecorderConfig,
        *,
        clock: Clock | None = None,
        open_file: Callable[[Path, Metadata, int, FrameReader], RecordingWriter] = RecordingWriter,
    ) -> None:
        self._config = config
        self._metadata = config.metadata
        self._clock = clock or SystemClock()
        self._open_file = open_file
        self._pending: list[Frame] = []
        self._pending_bytes = 0
        self._dropped_pending = 0
        self._finish_asked = self._closing = False
        self._is_on = True
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._file: RecordingWriter | None = None
        self._day_ends_ns = 0
        self._synced_at = 0.0
        self._dropped_before_block = 0
        self._log = RateLimitedLog(log)
        self.failure = ""

    def __enter__(self) -> Self:
        check_directory(self._config.directory)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.error("recording not finished", reason="disk too slow", waited_seconds=STOP_SECONDS)

    def record(self, frames: Sequence[Frame]) -> None:
        """Take the frames, or drop them if too many wait for the disk. Never waits."""
        if not self._is_on:
            return
        size = sum([len(frame.data) for frame in frames])
        with self._wake:
            if self._pending_bytes + size > self._config.capacity_bytes:
                self._dropped_pending += len(frames)
            else:
                self._pending += frames
                self._pending_bytes += size
                if self._pending_bytes >= self._config.block_bytes:
                    self._wake.notify()
                return
        self._count_dropped(len(frames), "disk_too_slow", "the disk is slower than the feed")

    def set_target(self, target: ConnectionTarget) -> None:
        """What the next frames are of; where it is something else, they begin a file that says so.

        The few frames that were received and not recorded yet count as the next ones. What is known of a
        recorded simulator holds for that feed only.
        """
        described = structs.replace(
            self._metadata, feed=target.feed, market=target.market, subscriptions=target.subscriptions
        )
        if described == self._metadata:
            return
        if described.feed != self._metadata.feed:
            described = structs.replace(described, simulator_seed=None, simulator_symbols=None)
        self._metadata = described
        self.finish_file()

    def switch(self, *, on: bool) -> None:
        """Record from now on, or not. Switched off, it finishes the current file."""
        if self._is_on and not on:
            self.finish_file()
        self._is_on = on

    def finish_file(self) -> None:
        """Finish the current file when the waiting frames are in it. The next frames begin another file."""
        with self._wake:
            self._finish_asked = True
            self._wake.notify()

    def _write_all(self) -> None:
        """The thread's work: runs until closing, and then until no frames wait."""
        last = False
        while not last:
            with self._wake:
                if not self._closing:
                    self._wake.wait_for(self._has_work, BLOCK_SECONDS)
                frames, self._pending, self._pending_bytes = self._pending, [], 0
                self._dropped_before_block += self._dropped_pending
                self._dropped_pending = 0
                last, finish = self._closing, self._finish_asked or self._closing
                self._finish_asked = False
            if self.failure and not frames:
                self._ask_disk()
            for block in _blocks(frames, self._config.block_bytes):
                self._write_block(block)
            if finish:
                self._finish()
            self._sync_if_due()

    def _ask_disk(self) -> None:
        """Check a failed disk again: a quiet feed writes no blocks that would show its recovery."""
        try:
            check_directory(self._config.directory)
        except ConfigurationError as error:
            self.failure = str(error)
        else:
            self.failure = ""

    def _has_work(self) -> bool:
        return self._closing or self._finish_asked or self._pending_bytes >= self._config.block_bytes

    def _write_block(self, frames: Sequence[Frame]) -> None:
        try:
            self._file_for(frames[0].received_ns).write(frames, dropped_frames=self._dropped_before_block)
        except OSError as error:
            self._dropped_before_block += len(frames)
            self._count_dropped(len(frames), "disk_error", str(error))
            return
        self._dropped_before_block = 0
        self.failure = ""
        metrics.RECORDER_FRAMES.inc(len(frames))

    def _file_for(self, received_ns: int) -> RecordingWriter:
        """The current file, or a new one if that is due."""
        file, config = self._file, self._config
        if file is not None and (
            file.size_bytes >= config.rotate_bytes
            or (config.rotate_daily and received_ns >= self._day_ends_ns)
        ):
            self._finish()
            file = None
        if file is None:
            metadata = structs.replace(self._metadata, created_ns=self._clock.time_ns())
            file = self._file = self._open_file(config.directory, metadata, received_ns, config.frame_reader)
            self._day_ends_ns = next_day_start_ns(received_ns)
            log.info("recording begun", path=str(file.path))
        return file

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            path = file.finish()
        except OSError as error:
            self._warn("recording not finished", "disk_error", path=str(file.path), error=str(error))
            return
        log.info("recording finished", path=str(path), frames=file.frame_count, file_bytes=file.size_bytes)

    def _sync_if_due(self) -> None:
        now = self._clock.monotonic()
        if self._file is None or now - self._synced_at < SYNC_SECONDS:
            return
        self._synced_at = now
        try:
            self._file.sync()
        except OSError as error:
            self._warn("recording not forced to disk", "disk_error", error=str(error))

    def _count_dropped(self, frames: int, reason: str, failure: str) -> None:
        metrics.RECORDER_DROPPED.labels(reason=reason).inc(frames)
        self.failure = failure
        self._warn("frames not recorded", reason, frames=frames, error=failure)

    def _warn(self, event: str, reason: str, **fields: object) -> None:
        self._log.warning(event, reason=reason, **fields)


def _blocks(frames: Sequence[Frame], block_bytes: int) -> list[Sequence[Frame]]:
    """Divide frames into blocks of about `block_bytes`, so that a backlog does not become one huge block."""
    blocks: list[Sequence[Frame]] = []
    start = size = 0
    for index, frame in enumerate(frames):
        size += len(frame.data)
        if size >= block_bytes:
            blocks.append(frames[start : index + 1])
            start, size = index + 1, 0
    if start < len(frames):
        blocks.append(frames[start:])
    return blocks
