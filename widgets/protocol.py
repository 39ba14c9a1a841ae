"""The WebSocket protocol, version 2, as pure functions: `docs/protocol.md` is its specification.

Client messages become structs or a `ProtocolError` that says what is accepted; server frames
become text. Nothing here knows a socket, a feed's storage or a user. Version 1 (no
subprotocol) will stand beside these structs with the same close codes.
"""

import enum
import math
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from widgets.data_state import DataState

SUBPROTOCOL_V2: Final = "mdp.v2"

LONGEST_MESSAGE_BYTES: Final = 64 * 1024
MOST_FEEDS_PER_MESSAGE: Final = 200
MOST_FEEDS_PER_CONNECTION: Final = 500
LONGEST_ECHO: Final = 64


class CloseCode(enum.IntEnum):
    """Why the server ends a connection. The comment says what a client should do."""

    GOING_AWAY = 1001  # reconnect with jittered backoff
    RESTART = 1012  # reconnect with jittered backoff
    SESSION_ENDED = 4401  # stop, and log in again
    TOO_SLOW = 4408  # reconnect, subscribe to less
    MESSAGE_TOO_LARGE = 4409  # stop: a defect of the client
    TOO_MANY_CONNECTIONS = 4429  # stop, tell the user


class ErrorCode(enum.StrEnum):
    """What was wrong with a message. The socket stays open, except after `too_large`."""

    BAD_MESSAGE = "bad_message"
    UNKNOWN_FEED = "unknown_feed"
    FORBIDDEN_FEED = "forbidden_feed"
    TOO_MANY_FEEDS = "too_many_feeds"
    TOO_LARGE = "too_large"


class ProtocolError(ValueError):
    """A message that cannot be followed; `code` goes to the client with the text."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- Client to server ---------------------------------------------------------------------------------------


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Asks for a snapshot of each feed, then its deltas."""

    feeds: list[str]


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    """Ends feeds."""

    feeds: list[str]


class Resync(msgspec.Struct, frozen=True, tag="resync"):
    """Asks for new snapshots of feeds that are subscribed to."""

    feeds: list[str]


# Integers that every client's JSON parser holds exactly.
PingId: TypeAlias = (
    Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
    | Annotated[str, msgspec.Meta(max_length=LONGEST_ECHO)]
    | None
)


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Asks for a `pong` with the same id."""

    id: PingId = None


ClientMessage: TypeAlias = Subscribe | Unsubscribe | Resync | Ping

ACCEPTED: Final = (
    'a JSON object in a text frame: {"type": "subscribe" | "unsubscribe" | "resync", "feeds": [text, ...]} '
    'or {"type": "ping", "id": integer | text}'
)

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


def parse_message(text: str) -> ClientMessage:
    """The message in a text frame.

    Raises:
        ProtocolError: `too_large`, `bad_message`, or `too_many_feeds`; nothing of the message counts then.
    """
    if len(text) > LONGEST_MESSAGE_BYTES:  # a character is at least a byte: no need to encode a huge text
        raise ProtocolError(ErrorCode.TOO_LARGE, f"a message may have {LONGEST_MESSAGE_BYTES} bytes")
    try:
        data = text.encode()
        message = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ProtocolError(ErrorCode.BAD_MESSAGE, f"{error}; accepted is {ACCEPTED}") from error
    if len(data) > LONGEST_MESSAGE_BYTES:
        raise ProtocolError(ErrorCode.TOO_LARGE, f"a message may have {LONGEST_MESSAGE_BYTES} bytes")
    if not isinstance(message, Ping) and len(message.feeds) > MOST_FEEDS_PER_MESSAGE:
        raise ProtocolError(
            ErrorCode.TOO_MANY_FEEDS,
            f"{len(message.feeds)} feeds in one message; at most {MOST_FEEDS_PER_MESSAGE} are accepted",
        )
    return message


# --- Server to client: answers ------------------------------------------------------------------------------


class Welcome(msgspec.Struct, frozen=True, tag="welcome", kw_only=True):
    """The first frame of a connection."""

    protocol: str = SUBPROTOCOL_V2
    server_time_ms: int
    user: str


class Unsubscribed(msgspec.Struct, frozen=True, tag="unsubscribed"):
    """No frame of the feed follows, unless it is subscribed to again."""

    feed: str


class Status(msgspec.Struct, frozen=True, tag="status", kw_only=True):
    """What state the shown data is in, and why.

    `age_ms`: age of the newest data that is shown, since it was received; null before there is any.
    `opens_ms`: when a closed market opens, in the market's own time; null where unknown, or not closed.
    `feed_delay_ms`: by how much the provider's feed is late by its plan; ages do not count it.
    """

    state: DataState
    age_ms: int | None
    detail: str
    opens_ms: int | None = None
    feed_delay_ms: int = 0


class Error(msgspec.Struct, frozen=True, tag="error", kw_only=True, omit_defaults=True):
    """What was wrong with a message, or with one feed of it."""

    code: ErrorCode
    feed: str | None = None
    message: str


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to a ping."""

    id: PingId


Answer: TypeAlias = Welcome | Unsubscribed | Status | Error | Pong

_encoder = msgspec.json.Encoder()


def encode_answer(answer: Answer) -> str:
    """The frame's text."""
    return _encoder.encode(answer).decode()


def echo(name: str) -> str:
    """A client's own words, short enough to be sent back."""
    return name if len(name) <= LONGEST_ECHO else name[: LONGEST_ECHO - 1] + "…"


# --- Server to client: rows ---------------------------------------------------------------------------------


class FeedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where a frame stands: `seq` counts the frames of a feed within an epoch; ages as in `Snapshot`."""

    feed: str
    epoch: str
    seq: int
    age_ms: int | None
    market_time_ms: int


class Snapshot(FeedPosition, frozen=True, tag="snapshot", kw_only=True, omit_defaults=True):
    """All rows of a feed; replaces whatever the client holds. `age_ms` is null before there was any data.

    A feed of events has a `limit`: it holds its newest so many rows, oldest first.
    """

    columns: Sequence[str]
    rows: msgspec.Raw
    limit: int | None = None


class Delta(FeedPosition, frozen=True, tag="delta", kw_only=True, omit_defaults=True):
    """Whole rows that changed or are new, and the symbols that left; `order` only where it changed."""

    rows: msgspec.Raw
    removed: Sequence[str]
    order: Sequence[str] | None = None


class Alert(FeedPosition, frozen=True, tag="alert", kw_only=True):
    """What happened since the frame before: rows to append, of which a symbol may have several."""

    rows: msgspec.Raw


class Append(FeedPosition, frozen=True, tag="append", kw_only=True):
    """Rows to append to those of a list, such as trades."""

    rows: msgspec.Raw


def encode_frame(frame: Snapshot | Delta | Alert | Append) -> str:
    """The frame's text; its encoded rows are copied in as they are."""
    return _encoder.encode(frame).decode()


def encode_rows(symbols: Sequence[str], values: NDArray[np.float64], decimals: Sequence[int]) -> msgspec.Raw:
    """Rows as a JSON array of `[symbol, value, ...]`, from a matrix with one row per symbol.

    NaN and infinities become null. Columns with 0 `decimals` hold integers; the others become the
    shortest text that reads back as the same float64.
    """
    columns = values.T.tolist()
    for index, places in enumerate(decimals):
        if places == 0:
            columns[index] = [int(number) if math.isfinite(number) else None for number in columns[index]]
    return msgspec.Raw(_encoder.encode(list(zip(symbols, *columns, strict=True))))
