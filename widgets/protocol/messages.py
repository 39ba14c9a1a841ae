"""The messages of a client with their limits, and the codes of errors.

A message is a JSON object in a text frame, or a MessagePack map in a binary frame, with the same members.
"""

import contextlib
import enum
import json
import re
from collections.abc import Iterable
from typing import Annotated, Final, TypeAlias

import msgspec

LONGEST_MESSAGE_BYTES: Final = 64 * 1024
MOST_FEEDS_PER_MESSAGE: Final = 200
MOST_CHOICES_PER_CONNECTION: Final = 8
LONGEST_ECHO: Final = 64


class ErrorCode(enum.StrEnum):
    """The fault of a message. The socket stays open, except after `too_large`."""

    BAD_MESSAGE = "bad_message"
    UNKNOWN_FEED = "unknown_feed"
    FORBIDDEN_FEED = "forbidden_feed"
    BAD_CHOICE = "bad_choice"
    TOO_MANY_CHOICES = "too_many_choices"
    TOO_MANY_FEEDS = "too_many_feeds"
    TOO_LARGE = "too_large"


class ProtocolError(ValueError):
    """A message that is not accepted. `code` is sent to the client with the text."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class LastPosition(msgspec.Struct, frozen=True):
    """The position of the last frame of a feed that a client has applied."""

    epoch: str
    seq: int


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A feed with the columns and the rate that a client chose, and its last position; None: the usual."""

    feed: str
    columns: list[str] | None = None
    hz: float | None = None
    epoch: str | None = None
    seq: int | None = None

    @property
    def last(self) -> LastPosition | None:
        """The position, if the client has one."""
        if self.epoch is None or self.seq is None:
            return None
        return LastPosition(self.epoch, self.seq)


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Asks for a snapshot of each feed, and then for its deltas."""

    feeds: list[str | Wish]

    @property
    def wishes(self) -> Iterable[Wish]:
        """The entries. If a feed is named twice, the last entry counts."""
        wishes = (Wish(feed=each) if isinstance(each, str) else each for each in self.feeds)
        return {wish.feed: wish for wish in wishes}.values()


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    """Ends subscriptions."""

    feeds: list[str]


class Resync(msgspec.Struct, frozen=True, tag="resync"):
    """Asks for new snapshots of subscribed feeds."""

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

_MEMBERS: Final = (
    '{"type": "unsubscribe" | "resync", "feeds": [text, ...]}, '
    '{"type": "subscribe", "feeds": [text or {"feed": text, "columns": [text, ...], "hz": number, '
    '"epoch": text, "seq": integer}, ...]} or {"type": "ping", "id": integer | text}'
)

ACCEPTED: Final = f"a JSON object in a text frame: {_MEMBERS}"
ACCEPTED_PACKED: Final = f"a MessagePack map in a binary frame, with the members of: {_MEMBERS}"

HALF_OF_PAIR: Final = re.compile(r"[\ud800-\udfff]")

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_unpacker: msgspec.msgpack.Decoder[ClientMessage] = msgspec.msgpack.Decoder(ClientMessage)


def parse_message(text: str) -> ClientMessage:
    """The message in a text frame.

    Raises:
        ProtocolError: `too_large`, `bad_message`, or `too_many_feeds`. Nothing of the message is applied.
    """
    _check_size(len(text))  # a character is at least a byte: no need to encode a huge text
    try:
        data = text.encode()
        message = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ProtocolError(ErrorCode.BAD_MESSAGE, f"{fault(error, text)}; accepted is {ACCEPTED}") from error
    _check_size(len(data))
    return _checked(message)


def fault(error: Exception, text: str | bytes) -> str:
    """What is wrong with a text that msgspec has refused.

    Of half a surrogate pair msgspec says that the text is truncated or malformed, depending on what follows.
    But it is JSON (RFC 8259, section 8.2), so its author would look for another mistake.
    """
    if not isinstance(error, msgspec.ValidationError):
        with contextlib.suppress(ValueError, RecursionError):
            understood = json.dumps(json.loads(text), ensure_ascii=False)
            if HALF_OF_PAIR.search(understood):
                return "a text has half of a surrogate pair (\\ud800 to \\udfff without the other half)"
    return str(error)


def parse_packed(data: bytes) -> ClientMessage:
    """The message in a binary frame.

    msgspec compares the declared length of an array with the bytes that are there before it allocates. So a
    short message with a huge length costs nothing.

    Raises:
        ProtocolError: `too_large`, `bad_message`, or `too_many_feeds`. Nothing of the message is applied.
    """
    _check_size(len(data))
    try:
        message = _unpacker.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(ErrorCode.BAD_MESSAGE, f"{error}; accepted is {ACCEPTED_PACKED}") from error
    return _checked(message)


def _check_size(size_bytes: int) -> None:
    if size_bytes > LONGEST_MESSAGE_BYTES:
        raise ProtocolError(ErrorCode.TOO_LARGE, f"a message may have {LONGEST_MESSAGE_BYTES} bytes")


def _checked(message: ClientMessage) -> ClientMessage:
    if not isinstance(message, Ping) and len(message.feeds) > MOST_FEEDS_PER_MESSAGE:
        raise ProtocolError(
            ErrorCode.TOO_MANY_FEEDS,
            f"{len(message.feeds)} feeds in one message; at most {MOST_FEEDS_PER_MESSAGE} are accepted",
        )
    return message
