"""Checks the limits of connections, and counts what clients send against those of a connection and a user."""

from marketdata.errors import ConfigurationError
from widgets.protocol import (
    LONGEST_MESSAGE_BYTES,
    MOST_FEEDS_PER_MESSAGE,
)
from widgets.settings import WidgetLimits


def check_limits(limits: WidgetLimits) -> None:
    """Check limits that are right only together.

    Raises:
        ConfigurationError: a client could never send the longest message, could not wait as long as told, or
            a user would have less than each connection of the user.
    """
    if limits.message_bytes_per_second * limits.message_burst_seconds < LONGEST_MESSAGE_BYTES:
        raise ConfigurationError(
            f"message_bytes_per_second is {limits.message_bytes_per_second} for "
            f"message_burst_seconds {limits.message_burst_seconds}; "
            f"accepted: enough for a message of {LONGEST_MESSAGE_BYTES} bytes"
        )
    if limits.messages_per_second * limits.message_burst_seconds < 1:
        raise ConfigurationError(
            f"messages_per_second is {limits.messages_per_second} for "
            f"message_burst_seconds {limits.message_burst_seconds}; accepted: enough for one message"
        )
    if limits.message_feeds_per_second * limits.message_burst_seconds < MOST_FEEDS_PER_MESSAGE:
        raise ConfigurationError(
            f"message_feeds_per_second is {limits.message_feeds_per_second} for "
            f"message_burst_seconds {limits.message_burst_seconds}; "
            f"accepted: enough for a message of {MOST_FEEDS_PER_MESSAGE} feeds"
        )
    for name, of_user, of_connection in (
        ("feeds_per_user", limits.feeds_per_user, limits.feeds_per_connection),
        ("user_messages_per_second", limits.user_messages_per_second, limits.messages_per_second),
        (
            "user_message_bytes_per_second",
            limits.user_message_bytes_per_second,
            limits.message_bytes_per_second,
        ),
        (
            "user_message_feeds_per_second",
            limits.user_message_feeds_per_second,
            limits.message_feeds_per_second,
        ),
    ):
        if of_user < of_connection:
            raise ConfigurationError(
                f"{name} is {of_user}; accepted: at least {of_connection}, what one connection may have"
            )
    first_ms = max(limits.reconnect_restart_ms, limits.reconnect_lost_ms)
    if limits.reconnect_longest_ms < first_ms:
        raise ConfigurationError(
            f"reconnect_longest_ms is {limits.reconnect_longest_ms}; accepted: at least {first_ms} ms, "
            "the longer of reconnect_restart_ms and reconnect_lost_ms"
        )


class Allowance:
    """How far somebody is ahead of the permitted averages of messages, bytes and feeds.

    Each message moves an instant (monotonic seconds) forward by the time that it may take on average. The
    instant may be ahead of now by the burst. (This is the generic cell rate algorithm, ITU-T I.371.)
    """

    __slots__ = ("_bytes_until", "_feeds_until", "_messages_until")

    def __init__(self) -> None:
        self._messages_until = 0.0
        self._bytes_until = 0.0
        self._feeds_until = 0.0

    def message_time(self, seconds: float, now: float) -> float:
        """Count a message that may take so long. Returns the instant up to which the messages are ahead."""
        self._messages_until = max(self._messages_until, now) + seconds
        return self._messages_until

    def bytes_time(self, seconds: float, now: float) -> float:
        """The same for the bytes of a message."""
        self._bytes_until = max(self._bytes_until, now) + seconds
        return self._bytes_until

    def feeds_time(self, seconds: float, now: float) -> float:
        """The same for the feeds that a message names."""
        self._feeds_until = max(self._feeds_until, now) + seconds
        return self._feeds_until

    def is_unused(self, now: float) -> bool:
        """Whether it is as good as new: nothing is ahead of now."""
        return max(self._messages_until, self._bytes_until, self._feeds_until) <= now


def spend_message(
    connection: Allowance, user: Allowance | None, size_bytes: int, now: float, limits: WidgetLimits
) -> str | None:
    """Count a message for its connection, and for the user if there is one yet.

    Returns the name of the limit that it exceeds, if any.
    """
    latest = now + limits.message_burst_seconds
    exceeded = None
    if user is not None:
        if user.bytes_time(size_bytes / limits.user_message_bytes_per_second, now) > latest:
            exceeded = "user_message_bytes_per_second"
        if user.message_time(1 / limits.user_messages_per_second, now) > latest:
            exceeded = "user_messages_per_second"
    if connection.bytes_time(size_bytes / limits.message_bytes_per_second, now) > latest:
        exceeded = "message_bytes_per_second"
    if connection.message_time(1 / limits.messages_per_second, now) > latest:
        exceeded = "messages_per_second"
    return exceeded


def spend_feeds(
    connection: Allowance, user: Allowance | None, count: int, now: float, limits: WidgetLimits
) -> str | None:
    """Count the feeds that a message names. Returns as `spend_message`."""
    latest = now + limits.message_burst_seconds
    exceeded = None
    if user is not None and user.feeds_time(count / limits.user_message_feeds_per_second, now) > latest:
        exceeded = "user_message_feeds_per_second"
    if connection.feeds_time(count / limits.message_feeds_per_second, now) > latest:
        exceeded = "message_feeds_per_second"
    return exceeded
