"""What the server says that is no feed: greetings, answers, errors, and the state of the data."""

from typing import TypeAlias

import msgspec

from widgets.data_state import DataState
from widgets.protocol.messages import LONGEST_ECHO, ErrorCode, PingId


class Welcome(msgspec.Struct, frozen=True, tag="welcome", kw_only=True):
    """The first frame of a connection."""

    protocol: str
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


def echo(name: str) -> str:
    """A client's own words, short enough to be sent back."""
    return name if len(name) <= LONGEST_ECHO else name[: LONGEST_ECHO - 1] + "…"
