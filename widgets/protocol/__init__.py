"""The WebSocket protocol, independent of sockets, storage and users. `docs/protocol.md` specifies it.

`messages` parses a client's message into a struct, or raises a `ProtocolError` that says what is accepted.
The messages of the server are structs (`answers`, `emissions`). A `ProtocolVersion` (`version`) encodes them;
`v2` is the present one, in JSON, and `v2_packed` the same in MessagePack.
`versions` lists the versions that have a subprotocol, and negotiates the one of a connection. `v1` and
`v1_messages` are version 1, for existing clients. `closing` has the close codes, which all versions share.
"""

from widgets.protocol.answers import (
    Answer,
    Error,
    Limits,
    Pong,
    Reconnect,
    Resumed,
    Status,
    Unsubscribed,
    Welcome,
    echo,
)
from widgets.protocol.closing import CloseAction, CloseCode
from widgets.protocol.emissions import (
    NO_MARKS,
    ColumnMarks,
    EmittedCells,
    EmittedRows,
    FeedAlert,
    FeedAppend,
    FeedDelta,
    FeedEmission,
    FeedPosition,
    FeedSnapshot,
)
from widgets.protocol.messages import (
    LONGEST_MESSAGE_BYTES,
    MOST_CHOICES_PER_CONNECTION,
    MOST_FEEDS_PER_MESSAGE,
    ClientMessage,
    ErrorCode,
    LastPosition,
    Ping,
    ProtocolError,
    Resync,
    Subscribe,
    Unsubscribe,
    Wish,
)
from widgets.protocol.v1 import VERSION_1
from widgets.protocol.v2 import SUBPROTOCOL_V2, VERSION_2
from widgets.protocol.v2_packed import SUBPROTOCOL_V2_PACKED, VERSION_2_PACKED
from widgets.protocol.version import EmissionFrames, ProtocolVersion
from widgets.protocol.versions import SUBPROTOCOLS, Dialogue2, negotiated

__all__ = [
    "LONGEST_MESSAGE_BYTES",
    "MOST_CHOICES_PER_CONNECTION",
    "MOST_FEEDS_PER_MESSAGE",
    "NO_MARKS",
    "SUBPROTOCOLS",
    "SUBPROTOCOL_V2",
    "SUBPROTOCOL_V2_PACKED",
    "VERSION_1",
    "VERSION_2",
    "VERSION_2_PACKED",
    "Answer",
    "ClientMessage",
    "CloseAction",
    "CloseCode",
    "ColumnMarks",
    "Dialogue2",
    "EmissionFrames",
    "EmittedCells",
    "EmittedRows",
    "Error",
    "ErrorCode",
    "FeedAlert",
    "FeedAppend",
    "FeedDelta",
    "FeedEmission",
    "FeedPosition",
    "FeedSnapshot",
    "LastPosition",
    "Limits",
    "Ping",
    "Pong",
    "ProtocolError",
    "ProtocolVersion",
    "Reconnect",
    "Resumed",
    "Resync",
    "Status",
    "Subscribe",
    "Unsubscribe",
    "Unsubscribed",
    "Welcome",
    "Wish",
    "echo",
    "negotiated",
]
