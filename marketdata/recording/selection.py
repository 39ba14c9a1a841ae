"""The part of some recordings between two market times, block by block."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeAlias

import msgspec

from marketdata.errors import ConfigurationError, ContentError
from marketdata.feeds import Frame
from marketdata.recording.clock import RecordedClock, market_time_ms
from marketdata.recording.format import IndexEntry
from marketdata.recording.frames import FrameReader
from marketdata.recording.reader import Damage, RecordingReader
from marketdata.recording.trading_days import new_york_date, new_york_instant_ms, new_york_time
from marketdata.units import NS_PER_MS

FrameReaders: TypeAlias = Callable[[str], FrameReader]
"""Finds the reader of the format that a recording names; the name may be empty.

It raises a `ContentError` for an unknown format.
"""


class _Block(msgspec.Struct, frozen=True):
    reader: RecordingReader
    entry: IndexEntry
    market_time_ms: int


class Selection:
    """Frames of some files in order of time, between two market times. A context manager.

    Market time comes from the events. So the times are right for a recording of a simulator or of a delayed
    feed, too. `start` and `end` are New York times such as `09:25`, or with a date `2026-11-20T09:25`. A time
    without a date is on the recording's first day. The index gives the block of `start`: earlier blocks are
    not decompressed. `frame_readers` gives the reader of each format.

    Raises:
        ConfigurationError: a file cannot be read, a time is invalid, or the selection is empty.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        frame_readers: FrameReaders,
        *,
        start: str | None = None,
        end: str | None = None,
    ) -> None:
        self._frame_readers = frame_readers
        self._open_files = contextlib.ExitStack()
        with contextlib.ExitStack() as opening:
            self.readers = sorted(
                (opening.enter_context(_open(path, frame_readers)) for path in paths), key=_first_ns
            )
            blocks = _with_market_times(self.readers)
            if not blocks:
                raise ConfigurationError(f"no frame can be read in {', '.join(map(str, paths))}")
            date = new_york_date(blocks[0].market_time_ms)
            self._start_ms = _instant_ms(start, date)
            self._end_ms = _instant_ms(end, date)
            self._blocks = [block for block in blocks if self._may_matter(block)]
            if not self._blocks or (self._end_ms or self._start_ms or 0) < (self._start_ms or 0):
                raise ConfigurationError(_nothing_selected(blocks, start, end))
            self._open_files = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._open_files.close()

    @property
    def frame_count(self) -> int:
        """Frames in the blocks that hold the selection: a little more than the selection itself."""
        return sum(block.entry.header.frame_count for block in self._blocks)

    @property
    def first_market_time_ms(self) -> int:
        """Market time before the first frame, epoch milliseconds."""
        return self._start_ms or self._blocks[0].market_time_ms

    @property
    def damage(self) -> Sequence[tuple[Path, Damage]]:
        """The unreadable parts found so far."""
        return [(reader.path, damage) for reader in self.readers for damage in reader.damage]

    def blocks(self) -> Iterator[Sequence[Frame]]:
        """The selected frames, block by block. Each block is read only when the iteration reaches it."""
        started = self._start_ms is None
        for block in self._blocks:
            frames = block.reader.read(block.entry)
            if not started:
                frames = frames[self._first_at(block, frames, self._start_ms or 0) :]
                started = bool(frames)
            if self._end_ms is not None and block.market_time_ms >= self._end_ms:
                yield frames[: self._first_at(block, frames, self._end_ms)]
                return
            yield frames

    def _may_matter(self, block: _Block) -> bool:
        return self._start_ms is None or block.market_time_ms >= self._start_ms

    def _first_at(self, block: _Block, frames: Sequence[Frame], time_ms: int) -> int:
        """The index of the first frame that reaches a market time; the number of frames if none does."""
        reader = self._frame_readers(block.reader.metadata.format)
        clock = RecordedClock(reader)
        reached = (market_time_ms(reader, frame, clock.follow(frame)) >= time_ms for frame in frames)
        return next((index for index, is_there in enumerate(reached) if is_there), len(frames))


@contextlib.contextmanager
def _open(path: Path, frame_readers: FrameReaders) -> Iterator[RecordingReader]:
    try:
        reader = RecordingReader(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    except ContentError as error:
        raise ConfigurationError(f"{path} is not a recording that can be read: {error}") from error
    with reader:
        try:
            frame_readers(reader.metadata.format)
        except ContentError as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
        yield reader


def _first_ns(reader: RecordingReader) -> int:
    return reader.entries[0].header.first_ns if reader.entries else 0


def _with_market_times(readers: Sequence[RecordingReader]) -> list[_Block]:
    """All blocks. A block without events (only statuses) gets the market time of the block before it."""
    blocks: list[_Block] = []
    time_ms = 0
    for reader in readers:
        for entry in reader.entries:
            time_ms = entry.header.market_time_ms or time_ms or entry.header.first_ns // NS_PER_MS
            blocks.append(_Block(reader, entry, time_ms))
    return blocks


def _instant_ms(text: str | None, date: dt.date) -> int | None:
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return new_york_instant_ms(date, dt.time.fromisoformat(text))
    with contextlib.suppress(ValueError):
        local = dt.datetime.fromisoformat(text)
        if local.tzinfo is None:
            return new_york_instant_ms(local.date(), local.time())
    raise ConfigurationError(f"{text!r} is not a New York time such as 09:25 or 2026-11-20T09:25:30")


def _nothing_selected(blocks: Sequence[_Block], start: str | None, end: str | None) -> str:
    first, last = (new_york_time(block.market_time_ms) for block in (blocks[0], blocks[-1]))
    return (
        f"nothing is recorded from {start or 'the beginning'} to {end or 'the end'}: "
        f"the recording goes from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} New York time"
    )
