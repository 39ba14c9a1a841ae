"""Passes settings from a process on to its forked children, in memory that they share."""

import mmap
import struct
import zlib
from typing import Final, Generic

import msgspec

from marketdata.errors import ContentError
from marketdata.runtime.live_settings import put_into_effect
from marketdata.runtime.settings import S, read_settings

CAPACITY_BYTES: Final = 65_536
_HEAD: Final = struct.Struct("<II")
"""The length of the settings in bytes, and their CRC-32."""


class PassedOn(Generic[S]):
    """Settings that the parent puts, and that each of its children reads. To be made before they are forked.

    There is no lock: a child that is killed while it holds one would stop the parent for ever. A child that
    reads while the parent writes sees a wrong checksum, keeps what it has, and reads again the next time.
    """

    def __init__(self, own: S) -> None:
        self._memory = mmap.mmap(-1, CAPACITY_BYTES)
        self._seen = b""
        self._current = own
        self.put(own)

    def put(self, applied: S) -> None:
        """Pass these settings on.

        Raises:
            ValueError: they are larger than the shared memory.
        """
        content = msgspec.json.encode(applied)
        if len(content) > CAPACITY_BYTES - _HEAD.size:
            raise ValueError(f"settings of {len(content)} bytes; at most {CAPACITY_BYTES - _HEAD.size} fit")
        end = _HEAD.size + len(content)
        self._memory[_HEAD.size : end] = content
        self._memory[: _HEAD.size] = _HEAD.pack(len(content), zlib.crc32(content))

    @property
    def current(self) -> S:
        """The settings that were put last. New ones take effect in this process."""
        length, checksum = _HEAD.unpack(self._memory[: _HEAD.size])
        content = self._memory[_HEAD.size : _HEAD.size + length]
        if content != self._seen and zlib.crc32(content) == checksum:
            self._take(content)
        return self._current

    def _take(self, content: bytes) -> None:
        self._seen = content
        try:
            before, self._current = self._current, read_settings(content, self._current)
        except ContentError:  # memory that another program wrote; the parent's next change corrects it
            return
        put_into_effect(before, self._current)
