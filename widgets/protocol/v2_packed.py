"""Version 2 of the protocol in MessagePack, for programs: the same messages in binary frames."""

from typing import Any, ClassVar, Final

import msgspec
import numpy as np

from widgets.protocol.answers import Answer
from widgets.protocol.emissions import EmittedRows, FeedEmission
from widgets.protocol.messages import (
    ACCEPTED_PACKED,
    ClientMessage,
    ErrorCode,
    ProtocolError,
    parse_packed,
)
from widgets.protocol.v2 import feed_frame, row_lists
from widgets.protocol.version import ProtocolVersion

SUBPROTOCOL_V2_PACKED: Final = "mdp.v2.msgpack"

_encoder = msgspec.msgpack.Encoder()


class PackedVersion2(ProtocolVersion):
    """`mdp.v2.msgpack`: one MessagePack map in a binary frame, with the members of `mdp.v2`."""

    subprotocol: ClassVar[str] = SUBPROTOCOL_V2_PACKED

    def parse(self, payload: str | bytes) -> ClientMessage:
        """The message in a client's frame.

        Raises:
            ProtocolError: a text frame, or a message that is not accepted.
        """
        if isinstance(payload, str):
            text = f"a text frame of {len(payload)} characters; accepted is {ACCEPTED_PACKED}"
            raise ProtocolError(ErrorCode.BAD_MESSAGE, text)
        return parse_packed(payload)

    def encode_answer(self, answer: Answer) -> bytes:
        """The frame's bytes."""
        return _encoder.encode(answer)

    def encode_emission(self, emission: FeedEmission, now_ns: int) -> bytes:
        """The frame's bytes. The encoded rows are copied into it."""
        return _encoder.encode(feed_frame(emission, self.rows_text(emission.rows), now_ns))

    def encode_rows(self, rows: EmittedRows) -> msgspec.Raw:
        """An array of `[symbol, value, ...]`. MessagePack can write NaN; the protocol has null for it."""
        lists: list[Any] = [*row_lists(rows)] if rows.symbols else []
        absent = ~np.isfinite(rows.values)
        if absent.any():
            lists = [list(row) for row in lists]
            for row, column in np.argwhere(absent).tolist():
                lists[row][1 + column] = None
        return msgspec.Raw(_encoder.encode(lists))


VERSION_2_PACKED: Final = PackedVersion2()
