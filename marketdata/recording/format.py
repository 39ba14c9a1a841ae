"""The bytes of a recording, version 1, without I/O; docs/recording.md is the specification.

A file is a file header, blocks, and, once it is finished, an index and a trailer. Every part carries its own
length and checksum (CRC-32). So a file that a crash or a bad disk damaged can be read before and after the
damage. Each block is an independent zstd frame.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from marketdata.errors import ContentError
from marketdata.feeds import Frame
from marketdata.recording.compression import zstd

VERSION: Final = 1
# The line ending is changed by a transfer in text mode, so such damage is recognized.
FILE_MAGIC: Final = b"MDPREC\r\n"
BLOCK_MAGIC: Final = b"MDPBLOCK"
INDEX_MAGIC: Final = b"MDPINDEX"
TRAILER_MAGIC: Final = b"MDPTRAIL"
COMPRESSION_LEVEL: Final = 1  # a day's peak must use only a part of one core; higher levels save little
MAX_BLOCK_BYTES: Final = 256 * 2**20  # a greater length is damage: no memory is allocated for it
_MAX_METADATA_BYTES: Final = 2**20
_BINARY_FLAG: Final = 1 << 31
# A WebSocket text frame is valid UTF-8. Lone surrogates can only come from a test or a bug.
_SURROGATES: Final = "surrogatepass"

_FILE_HEADER: Final = struct.Struct("<8sHI")  # magic, version, metadata length; then metadata, checksum
_BLOCK_HEADER: Final = struct.Struct("<8sIIIIQqqqI")
_CHECKSUM: Final = struct.Struct("<I")
_INDEX_HEADER: Final = struct.Struct("<8sI")  # magic, entries; then the entries, checksum
_TRAILER: Final = struct.Struct("<8sQI")  # magic, offset of the index, checksum of both
BLOCK_HEADER_BYTES: Final = _BLOCK_HEADER.size + _CHECKSUM.size
TRAILER_BYTES: Final = _TRAILER.size
_FRAME_TABLE: Final = np.dtype([("received_ns", "<i8"), ("length", "<u4")])


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a recording, at the beginning of its file.

    `format` names the provider of the frames; it is empty in older files. `feed`, `market` and
    `subscriptions` are those of the recorded connection. A recording of a simulator may have its
    `simulator_seed` and `simulator_symbols`: a replay draws the same reference data from them.
    """

    format: str = ""
    feed: str = ""
    market: str = "stocks"
    subscriptions: tuple[str, ...] = ()
    created_ns: int = 0
    simulator_seed: int | None = None
    simulator_symbols: int | None = None


class BlockHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The facts about a block that can be read without decompressing it.

    `first_frame` is the number of its first frame within the file, from 0. `first_ns` and `last_ns` are the
    earliest and the latest received time. `market_time_ms` is the latest event time in it, 0 if it has none.
    `dropped_frames` is the number of frames that were received right before this block and not recorded.
    """

    stored_bytes: int
    frame_bytes: int
    frame_count: int
    dropped_frames: int
    first_frame: int
    first_ns: int
    last_ns: int
    market_time_ms: int
    checksum: int


class IndexEntry(msgspec.Struct, frozen=True, gc=False):
    """Where a block begins, and its header."""

    offset: int
    header: BlockHeader


def encode_file_header(metadata: Metadata) -> bytes:
    """The beginning of a file."""
    text = msgspec.json.encode(metadata)
    body = _FILE_HEADER.pack(FILE_MAGIC, VERSION, len(text)) + text
    return body + _checksum_of(body)


def decode_file_header(data: bytes) -> tuple[Metadata, int]:
    """The metadata, and the length of the header in bytes. `data` is the beginning of a file.

    Raises:
        ContentError: `not_a_recording`, `unknown_version`, `cut_file_header` or `damaged_file_header`.
    """
    if data[: len(FILE_MAGIC)] != FILE_MAGIC:
        raise ContentError("not_a_recording", f"it begins with {bytes(data[:8])!r}, not {FILE_MAGIC!r}")
    if len(data) < _FILE_HEADER.size:
        raise ContentError("cut_file_header")
    _, version, length = _FILE_HEADER.unpack_from(data)
    if version != VERSION:
        raise ContentError("unknown_version", f"version {version}; this program reads version {VERSION}")
    end = _FILE_HEADER.size + length
    if length > _MAX_METADATA_BYTES:
        raise ContentError("damaged_file_header")
    if len(data) < end + _CHECKSUM.size:
        raise ContentError("cut_file_header")
    if not _is_sound(data[: end + _CHECKSUM.size]):
        raise ContentError("damaged_file_header")
    try:
        metadata = msgspec.json.decode(data[_FILE_HEADER.size : end], type=Metadata)
    except msgspec.MsgspecError as error:
        raise ContentError("damaged_file_header", str(error)) from error
    return metadata, end + _CHECKSUM.size


def encode_block(
    frames: Sequence[Frame], *, first_frame: int, market_time_ms: int = 0, dropped_frames: int = 0
) -> tuple[BlockHeader, bytes]:
    """A block of at least one frame: its header, and all its bytes."""
    bodies = [
        frame.data if isinstance(frame.data, bytes) else frame.data.encode(errors=_SURROGATES)
        for frame in frames
    ]
    table = np.empty(len(frames), _FRAME_TABLE)
    table["received_ns"] = [frame.received_ns for frame in frames]
    table["length"] = [
        len(body) | (_BINARY_FLAG if isinstance(frame.data, bytes) else 0)
        for frame, body in zip(frames, bodies, strict=True)
    ]
    content = b"".join([table.tobytes(), *bodies])
    stored = zstd.compress(content, COMPRESSION_LEVEL)
    header = BlockHeader(
        stored_bytes=len(stored),
        frame_bytes=len(content),
        frame_count=len(frames),
        dropped_frames=dropped_frames,
        first_frame=first_frame,
        first_ns=int(table["received_ns"].min()),
        last_ns=int(table["received_ns"].max()),
        market_time_ms=market_time_ms,
        checksum=zlib.crc32(stored),
    )
    return header, encode_block_header(header) + stored


def decode_block_header(data: bytes) -> BlockHeader | None:
    """The header in the first `BLOCK_HEADER_BYTES` of `data`; None if these are not a valid header."""
    data = data[:BLOCK_HEADER_BYTES]
    if len(data) < BLOCK_HEADER_BYTES or not data.startswith(BLOCK_MAGIC) or not _is_sound(data):
        return None
    _, *fields = _BLOCK_HEADER.unpack_from(data)
    header = BlockHeader(**dict(zip(BlockHeader.__struct_fields__, fields, strict=True)))
    return None if max(header.stored_bytes, header.frame_bytes) > MAX_BLOCK_BYTES else header


def decode_block(header: BlockHeader, stored: bytes) -> list[Frame]:
    """The frames of a block.

    Raises:
        ContentError: `damaged_block`: the bytes differ from those that were written.
    """
    if len(stored) != header.stored_bytes or zlib.crc32(stored) != header.checksum:
        raise ContentError("damaged_block", "the checksum differs")
    try:
        content = zstd.decompress(stored)
    except zstd.ZstdError as error:
        raise ContentError("damaged_block", str(error)) from error
    start = header.frame_count * _FRAME_TABLE.itemsize
    if len(content) != header.frame_bytes or len(content) < start:
        raise ContentError("damaged_block", "the length differs")
    table = np.frombuffer(content, _FRAME_TABLE, header.frame_count)
    frames: list[Frame] = []
    for received_ns, flagged in table.tolist():
        end = start + (flagged & ~_BINARY_FLAG)
        body = content[start:end]
        frames.append(Frame(body if flagged & _BINARY_FLAG else body.decode(errors=_SURROGATES), received_ns))
        start = end
    return frames


def encode_index(entries: Sequence[IndexEntry], offset: int) -> bytes:
    """Index and trailer, to be written at `offset`: the last bytes of a finished file."""
    headers = b"".join(
        struct.pack("<Q", entry.offset) + encode_block_header(entry.header) for entry in entries
    )
    body = _INDEX_HEADER.pack(INDEX_MAGIC, len(entries)) + headers
    body += _checksum_of(body)
    trailer = TRAILER_MAGIC + struct.pack("<Q", offset)
    return body + trailer + _checksum_of(trailer)


def index_offset(trailer: bytes) -> int | None:
    """The offset of the index, from the last `TRAILER_BYTES` of a file; None if these are not a trailer."""
    if len(trailer) != TRAILER_BYTES or not trailer.startswith(TRAILER_MAGIC) or not _is_sound(trailer):
        return None
    offset: int = _TRAILER.unpack(trailer)[1]
    return offset


def decode_index(data: bytes) -> list[IndexEntry] | None:
    """The entries of an index, given without its trailer; None if it is damaged."""
    if len(data) < _INDEX_HEADER.size or not data.startswith(INDEX_MAGIC) or not _is_sound(data):
        return None
    entries = list(_index_entries(data[_INDEX_HEADER.size : -_CHECKSUM.size]))
    return entries if len(entries) == _INDEX_HEADER.unpack_from(data)[1] else None


def _index_entries(data: bytes) -> Iterator[IndexEntry]:
    step = 8 + BLOCK_HEADER_BYTES
    for start in range(0, len(data) - step + 1, step):
        header = decode_block_header(data[start + 8 : start + step])
        if header is not None:
            yield IndexEntry(struct.unpack_from("<Q", data, start)[0], header)


def encode_block_header(header: BlockHeader) -> bytes:
    """The `BLOCK_HEADER_BYTES` before a block."""
    body = _BLOCK_HEADER.pack(BLOCK_MAGIC, *(getattr(header, name) for name in header.__struct_fields__))
    return body + _checksum_of(body)


def _checksum_of(data: bytes) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(data))


def _is_sound(data: bytes) -> bool:
    """Whether the last four bytes are the checksum of those before."""
    return _checksum_of(data[: -_CHECKSUM.size]) == data[-_CHECKSUM.size :]
