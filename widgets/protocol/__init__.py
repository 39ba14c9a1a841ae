"""The WebSocket protocol, without a socket, a feed's storage or a user: `docs/protocol.md` specifies it.

Client messages become structs or a `ProtocolError` that says what is accepted (`messages`). What the server
says stands in structs of our own (`answers`, `emissions`), which a `ProtocolVersion` (`version`) turns into
text: `v2` does now. `versions` lists them and negotiates which one a connection speaks. Version 1 (no
subprotocol) will stand beside it with the same close codes.
"""

from widgets.protocol.answers import Answer, Error, Pong, Status, Unsubscribed, Welcome, echo
from widgets.protocol.emissions import (
    EmittedRows,
    FeedAlert,
    FeedAppend,
    FeedDelta,
    FeedEmission,
    FeedPosition,
    FeedSnapshot,
)
from widgets.protocol.messages import (
    ACCEPTED,
    LONGEST_MESSAGE_BYTES,
    MOST_FEEDS_PER_CONNECTION,
    MOST_FEEDS_PER_MESSAGE,
    ClientMessage,
    CloseCode,
    ErrorCode,
    Ping,
    ProtocolError,
    Resync,
    Subscribe,
    Unsubscribe,
    parse_message,
)
from widgets.protocol.v2 import SUBPROTOCOL_V2, VERSION_2
from widgets.protocol.version import EmissionTexts, ProtocolVersion
from widgets.protocol.versions import SUBPROTOCOLS, negotiated

__all__ = [
    "ACCEPTED",
    "LONGEST_MESSAGE_BYTES",
    "MOST_FEEDS_PER_CONNECTION",
    "MOST_FEEDS_PER_MESSAGE",
    "SUBPROTOCOLS",
    "SUBPROTOCOL_V2",
    "VERSION_2",
    "Answer",
    "ClientMessage",
    "CloseCode",
    "EmissionTexts",
    "EmittedRows",
    "Error",
    "ErrorCode",
    "FeedAlert",
    "FeedAppend",
    "FeedDelta",
    "FeedEmission",
    "FeedPosition",
    "FeedSnapshot",
    "Ping",
    "Pong",
    "ProtocolError",
    "ProtocolVersion",
    "Resync",
    "Status",
    "Subscribe",
    "Unsubscribe",
    "Unsubscribed",
    "Welcome",
    "echo",
    "negotiated",
    "parse_message",
]
