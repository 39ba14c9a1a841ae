"""A WebSocket message of the server, prepared once for all connections that receive it."""

import zlib
from typing import Final

SMALLEST_PACKED_BYTES: Final = 200
"""Shorter messages are never compressed: it would save less than it costs."""
COMPRESSION_LEVEL: Final = 6

_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
_TEXT, _BINARY = 0x1, 0x2
_SYNC_MARKER: Final = b"\x00\x00\xff\xff"


class PreparedFrame:
    """A message in one unmasked, unfragmented frame (RFC 6455, section 5.2).

    `payload` is a text, or bytes for a binary message. Both wire forms are made when they are first needed,
    and then shared by all connections. A frame does not change.
    """

    __slots__ = ("_packed", "_plain", "payload")

    def __init__(self, payload: str | bytes) -> None:
        self.payload: Final = payload
        self._plain: bytes | None = None
        self._packed: bytes | None = None

    def plain(self) -> bytes:
        """The frame without compression."""
        if self._plain is None:
            self._plain = self._framed(self._body())
        return self._plain

    def packed(self) -> bytes:
        """The frame compressed without context takeover (RFC 7692, sections 7.1.1.1 and 7.2.1).

        Every such frame starts with an empty window, so the same bytes are valid on every connection that
        agreed on `permessage-deflate` with a window of 15 bits. A short message is sent without compression,
        which the extension permits for any message.
        """
        if self._packed is None:
            body = self._body()
            if len(body) < SMALLEST_PACKED_BYTES:
                self._packed = self.plain()
            else:
                packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
                packed = packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH)
                self._packed = self._framed(packed.removesuffix(_SYNC_MARKER), _COMPRESSED)
        return self._packed

    def _body(self) -> bytes:
        return self.payload.encode() if isinstance(self.payload, str) else self.payload

    def _framed(self, body: bytes, flags: int = 0) -> bytes:
        kind = _TEXT if isinstance(self.payload, str) else _BINARY
        first, size = _FINAL | flags | kind, len(body)
        if size < 126:
            head = bytes((first, size))
        elif size < 1 << 16:
            head = bytes((first, 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((first, 127)) + size.to_bytes(8, "big")
        return head + body
