"""The forms of protocol 2, JSON and MessagePack, as a client reads and writes them.

The readers are not the library that the server uses.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import msgpack
import msgspec
from websockets.typing import Subprotocol

from widgets.protocol import SUBPROTOCOL_V2, SUBPROTOCOL_V2_PACKED, VERSION_2, VERSION_2_PACKED, Dialogue2


class Form(msgspec.Struct, frozen=True):
    """One form: how a client writes a message as the payload of a frame, and reads the server's."""

    version: Dialogue2
    write: Callable[[Any], str | bytes]
    read: Callable[[str | bytes], Any]

    @property
    def subprotocol(self) -> Subprotocol:
        """The name in the handshake."""
        return Subprotocol(self.version.subprotocol)


def _unpacked(payload: str | bytes) -> Any:
    assert isinstance(payload, bytes), "a text frame on a MessagePack connection"
    return msgpack.unpackb(payload, strict_map_key=True)


def _parsed(payload: str | bytes) -> Any:
    assert isinstance(payload, str), "a binary frame on a JSON connection"
    return json.loads(payload)


JSON: Final = Form(VERSION_2, json.dumps, _parsed)
MESSAGE_PACK: Final = Form(VERSION_2_PACKED, msgpack.packb, _unpacked)
FORMS: Final = {SUBPROTOCOL_V2: JSON, SUBPROTOCOL_V2_PACKED: MESSAGE_PACK}
