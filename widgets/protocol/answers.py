"""The messages of the server that do not belong to a feed: greeting, answers, errors, and the status."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from widgets.data_state import DataState
from widgets.protocol.messages import (
    LONGEST_ECHO,
    LONGEST_MESSAGE_BYTES,
    MOST_CHOICES_PER_CONNECTION,
    MOST_FEEDS_PER_MESSAGE,
    ErrorCode,
    PingId,
)
from widgets.settings import SHORTEST_LOST_MS, SHORTEST_RESTART_MS, WidgetLimits


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a connection at its beginning, as `welcome` lists them."""

    message_bytes: int
    feeds_per_message: int
    feeds_per_connection: int
    choices_per_connection: int
    connections_per_user: int
    messages_per_second: float
    message_bytes_per_second: float
    message_feeds_per_second: float
    feeds_per_user: int
    user_messages_per_second: float
    user_message_bytes_per_second: float
    user_message_feeds_per_second: float
    message_burst_seconds: float

    @classmethod
    def of(cls, settings: WidgetLimits) -> "Limits":
        """Those that hold now, and those that never change."""
        return cls(
            message_bytes=LONGEST_MESSAGE_BYTES,
            feeds_per_message=MOST_FEEDS_PER_MESSAGE,
            feeds_per_connection=settings.feeds_per_connection,
            choices_per_connection=MOST_CHOICES_PER_CONNECTION,
            connections_per_user=settings.connections_per_user,
            messages_per_second=settings.messages_per_second,
            message_bytes_per_second=settings.message_bytes_per_second,
            message_feeds_per_second=settings.message_feeds_per_second,
            feeds_per_user=settings.feeds_per_user,
            user_messages_per_second=settings.user_messages_per_second,
            user_message_bytes_per_second=settings.user_message_bytes_per_second,
            user_message_feeds_per_second=settings.user_message_feeds_per_second,
            message_burst_seconds=settings.message_burst_seconds,
        )


class Reconnect(msgspec.Struct, frozen=True, kw_only=True):
    """How clients spread their reconnections.

    The wait is random in a range: `restart_ms` after close code 1001, 1012 or 1013, `lost_ms` after any other
    loss. It doubles after each failed attempt, up to `longest_ms`.
    """

    restart_ms: tuple[int, int]
    lost_ms: tuple[int, int]
    longest_ms: int

    @classmethod
    def of(cls, settings: WidgetLimits) -> "Reconnect":
        """The waits that hold now."""
        return cls(
            restart_ms=(SHORTEST_RESTART_MS, settings.reconnect_restart_ms),
            lost_ms=(SHORTEST_LOST_MS, settings.reconnect_lost_ms),
            longest_ms=settings.reconnect_longest_ms,
        )


class Welcome(msgspec.Struct, frozen=True, tag="welcome", kw_only=True):
    """The first frame of a connection.

    `server`: the version of the server. `feeds`: the names and patterns of all feeds that the user may see.
    """

    protocol: str
    server: str
    server_time_ms: int
    user: str
    feeds: Sequence[str]
    limits: Limits
    reconnect: Reconnect


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """The client has all frames of the feed up to this position. `age_ms` is the present age of its data."""

    feed: str
    epoch: str
    seq: int
    age_ms: int | None
    hz: float


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
    `banner`: a text of an operator for all users, plain; empty if there is none.
    """

    state: DataState
    age_ms: int | None
    detail: str
    opens_ms: int | None = None
    feed_delay_ms: int = 0
    lost_events: int = 0
    conflated: int = 0
    banner: str = ""


class Error(msgspec.Struct, frozen=True, tag="error", kw_only=True, omit_defaults=True):
    """The fault of a message, or of one feed in it."""

    code: ErrorCode
    feed: str | None = None
    message: str


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to a ping."""

    id: PingId


Answer: TypeAlias = Welcome | Resumed | Unsubscribed | Status | Error | Pong


def echo(name: str) -> str:
    """A text of the client, cut short enough to be sent back."""
    return name if len(name) <= LONGEST_ECHO else name[: LONGEST_ECHO - 1] + "…"
