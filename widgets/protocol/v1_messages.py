"""The messages of a client of version 1, and the answers to them. `docs/protocol-v1.md` specifies them."""

from typing import Final, TypeAlias

import msgspec

from widgets.protocol.messages import LONGEST_MESSAGE_BYTES, fault

AUTHORIZED: Final = "authorized"
INVALID_KEY: Final = "invalid key"
UNAUTHORIZED: Final = "unauthorized"
SUBSCRIBED: Final = "subscribed"
UNSUBSCRIBED: Final = "unsubscribed"
INVALID_ACTION: Final = "invalid action"
UNKNOWN_FEED: Final = "unknown feed"
FORBIDDEN_FEED: Final = "forbidden feed"
TOO_MANY_FEEDS: Final = "too many feeds"
UNKNOWN_CACHE: Final = "unknown cache"
FORBIDDEN_CACHE: Final = "forbidden cache"
INVALID_LIMIT: Final = "invalid limit"
NOT_READ: Final = "earlier answers not read"
TRY_AGAIN: Final = "try again later"
"""The texts of `status` in answers. The first six are those that existing clients know."""

SUCCESSES: Final = frozenset({AUTHORIZED, SUBSCRIBED, UNSUBSCRIBED})


class InvalidActionError(ValueError):
    """A message that is not one of version 1. `is_too_large`: the connection must end."""

    def __init__(self, reason: str, *, is_too_large: bool = False) -> None:
        super().__init__(reason)
        self.is_too_large = is_too_large


class Auth(msgspec.Struct, frozen=True, tag_field="action", tag="auth"):
    """Logs in with a personal API token."""

    api_key: str


class SubscribeFeed(msgspec.Struct, frozen=True, tag_field="action", tag="subscribe"):
    """Asks for the data of a feed from now on."""

    feed: str


class UnsubscribeFeed(msgspec.Struct, frozen=True, tag_field="action", tag="unsubscribe"):
    """Ends the subscription to a feed."""

    feed: str


class GetCache(msgspec.Struct, frozen=True, tag_field="action", tag="get"):
    """Asks once for the newest state of a feed. `limit` is the greatest number of rows."""

    cache: str
    limit: object = None


Action: TypeAlias = Auth | SubscribeFeed | UnsubscribeFeed | GetCache


class StatusAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a message, with the name that it was about."""

    status: str
    feed: str | None = None
    cache: str | None = None
    message: str | None = None


class CacheAnswer(msgspec.Struct, frozen=True):
    """The answer to `get`. `data` is encoded already; it is null if there is no data."""

    cache: str
    data: msgspec.Raw


_decoder: msgspec.json.Decoder[Action] = msgspec.json.Decoder(Action)


def parse_action(text: str | bytes) -> Action:
    """The message in a frame.

    Raises:
        InvalidActionError: it is not one, or it is too large.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
        if len(data) > LONGEST_MESSAGE_BYTES:
            raise InvalidActionError(f"a message may have {LONGEST_MESSAGE_BYTES} bytes", is_too_large=True)
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidActionError(fault(error, text)) from error
