"""The messages of the server that do not belong to a feed: greeting, answers, errors, and the status."""

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
    """The state of the shown data, and the reason.

    `age_ms`: age of the newest shown data, since it was received; null before there is any.
    `opens_ms`: when a closed market opens, in the market's own time; null where unknown, or not closed.
    `feed_delay_ms`: the planned delay of the provider's feed, which ages do not include.
    `lost_events`: the events that the listener received and could not pass on, since it started.
    `conflated`: the frames that newer ones replaced before this client took them, since its last status.
    """

    state: DataState
    age_ms: int | None
    detail: str
    opens_ms: int | None = None
    feed_delay_ms: int = 0
    lost_events: int = 0
    conflated: int = 0


class Error(msgspec.Struct, frozen=True, tag="error", kw_only=True, omit_defaults=True):
    """The fault of a message, or of one feed in it."""

    code: ErrorCode
    feed: str | None = None
    message: str


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to a ping."""

    id: PingId


Answer: TypeAlias = Welcome | Unsubscribed | Status | Error | Pong


def echo(name: str) -> str:
    """A text of the client, cut short enough to be sent back."""
    return name if len(name) <= LONGEST_ECHO else name[: LONGEST_ECHO - 1] + "…"
