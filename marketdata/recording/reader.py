"""Reads one recording file, also an unfinished, cut or damaged one, and reports its unreadable parts.

Opening reads the index. Without an index it reads the block headers, by seeking from each to the next. Blocks
are decompressed one at a time, so the memory does not depend on the size of the file.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from marketdata.errors import ContentError
from marketdata.feeds import Frame
from marketdata.recording.format import (
    BLOCK_HEADER_BYTES,
    BLOCK_MAGIC,
    FILE_MAGIC,
    INDEX_MAGIC,
    TRAILER_BYTES,
    IndexEntry,
    Metadata,
    decode_block,
    decode_block_header,
    decode_file_header,
    decode_index,
    encode_block_header,
    index_offset,
)

_FILE_HEADER_READ_BYTES: Final = 2 * 2**20
_SEARCH_BYTES: Final = 2**20


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that cannot be read. `lost_frames` is None if the number is unknown."""

    reason: str
    offset: int
    lost_bytes: int
    lost_frames: int | None


class RecordingReader:
    """An open recording; a context manager.

    Attributes: `path`, `size_bytes`, `metadata`, `entries` (the readable blocks in order), `is_finished`
    (whether the recorder finished the file), `damage` (grows while damaged blocks are found).

    Raises:
        OSError: the file cannot be opened.
        ContentError: the file is not a recording, or has an unknown version.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.damage: Final[list[Damage]] = []
        self.metadata = Metadata()
        with contextlib.ExitStack() as opening:
            self._file: BinaryIO = opening.enter_context(path.open("rb"))
            self.size_bytes: Final = os.fstat(self._file.fileno()).st_size
            start = self._read_file_header()
            indexed = self._read_index()
            self.is_finished: Final = indexed is not None
            self.entries: Final[Sequence[IndexEntry]] = (
                indexed if indexed is not None else list(self._scan(start))
            )
            opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    @property
    def frame_count(self) -> int:
        """Frames in the blocks that look readable."""
        return sum(entry.header.frame_count for entry in self.entries)

    @property
    def stored_bytes(self) -> int:
        """Compressed bytes of those blocks."""
        return sum(entry.header.stored_bytes for entry in self.entries)

    @property
    def dropped_frames(self) -> int:
        """Frames that the recorder received and did not record."""
        return sum(entry.header.dropped_frames for entry in self.entries)

    def read(self, entry: IndexEntry) -> Sequence[Frame]:
        """The frames of a block. A damaged block has none, and is added to `damage`."""
        header = entry.header
        data = self._read_at(entry.offset, BLOCK_HEADER_BYTES + header.stored_bytes)
        try:
            frames = decode_block(header, data[BLOCK_HEADER_BYTES:])
        except ContentError as error:
            self._note(error.reason, entry.offset, len(data), header.frame_count)
            return ()
        if data[:BLOCK_HEADER_BYTES] != encode_block_header(header):
            # The index has the same facts, so nothing is lost. But damage here means a bad disk: report it.
            self._note("damaged_block_header", entry.offset, BLOCK_HEADER_BYTES, 0)
        return frames

    def blocks(self) -> Iterator[Sequence[Frame]]:
        """The frames of all blocks, block by block."""
        return map(self.read, self.entries)

    def _read_file_header(self) -> int:
        """Read the metadata; returns the offset of the first block. A damaged header costs only metadata."""
        beginning = self._read_at(0, _FILE_HEADER_READ_BYTES)
        try:
            self.metadata, length = decode_file_header(beginning)
        except ContentError as error:
            if error.reason not in {"cut_file_header", "damaged_file_header"}:
                raise
            start = self._next_block(len(FILE_MAGIC))
            self._note(error.reason, 0, start, 0 if start < self.size_bytes else None)
            return start
        return length

    def _read_index(self) -> list[IndexEntry] | None:
        """The blocks that the index lists; None if there is no valid index."""
        end = self.size_bytes - TRAILER_BYTES
        offset = index_offset(self._read_at(max(0, end), TRAILER_BYTES))
        return None if offset is None or offset >= end else decode_index(self._read_at(offset, end - offset))

    def _scan(self, offset: int) -> Iterator[IndexEntry]:
        """The blocks with a valid header; other bytes are skipped."""
        frames_before = 0
        while offset < self.size_bytes:
            beginning = self._read_at(offset, BLOCK_HEADER_BYTES)
            header = decode_block_header(beginning)
            if header is None:
                if beginning.startswith(INDEX_MAGIC):
                    return
                following = self._next_block(offset + 1)
                lost_frames = self._frames_until(following, frames_before)
                self._note("unreadable", offset, following - offset, lost_frames)
                offset = following
                continue
            frames_before = header.first_frame + header.frame_count
            end = offset + BLOCK_HEADER_BYTES + header.stored_bytes
            if end > self.size_bytes:
                self._note("cut_block", offset, self.size_bytes - offset, header.frame_count)
                return
            yield IndexEntry(offset, header)
            offset = end

    def _next_block(self, offset: int) -> int:
        """The offset of the next valid block header, from `offset` on; the end of the file without one."""
        while offset < self.size_bytes:
            chunk = self._read_at(offset, _SEARCH_BYTES + BLOCK_HEADER_BYTES)
            found = chunk.find(BLOCK_MAGIC)
            while 0 <= found < _SEARCH_BYTES:
                if decode_block_header(chunk[found : found + BLOCK_HEADER_BYTES]) is not None:
                    return offset + found
                found = chunk.find(BLOCK_MAGIC, found + 1)
            offset += _SEARCH_BYTES
        return self.size_bytes

    def _frames_until(self, offset: int, frames_before: int) -> int | None:
        """How many frames are missing before the block at `offset`, by their numbers; None at the end."""
        header = decode_block_header(self._read_at(offset, BLOCK_HEADER_BYTES))
        return None if header is None else max(0, header.first_frame - frames_before)

    def _read_at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _note(self, reason: str, offset: int, lost_bytes: int, lost_frames: int | None) -> None:
        self.damage.append(
            Damage(reason=reason, offset=offset, lost_bytes=lost_bytes, lost_frames=lost_frames)
        )
