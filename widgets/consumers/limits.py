"""Checks the limits of connections, and counts what a client sends against them."""

from marketdata.errors import ConfigurationError
from widgets.protocol import (
    LONGEST_MESSAGE_BYTES,
    MOST_FEEDS_PER_MESSAGE,
)
from widgets.settings import WidgetLimits


def check_limits(limits: WidgetLimits) -> None:
    """Check limits that are right only together.

    Raises:
        ConfigurationError: a client could never send the longest message, or could not wait as long as told.
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
    first_ms = max(limits.reconnect_restart_ms, limits.reconnect_lost_ms)
    if limits.reconnect_longest_ms < first_ms:
        raise ConfigurationError(
            f"reconnect_longest_ms is {limits.reconnect_longest_ms}; accepted: at least {first_ms} ms, "
            "the longer of reconnect_restart_ms and reconnect_lost_ms"
        )


class Allowance:
    """How far a client is ahead of the permitted average of messages, bytes and feeds.

    Each message moves an instant (monotonic seconds) forward by the time that it may take on average. The
    instant may be ahead of now by the burst. (This is the generic cell rate algorithm, ITU-T I.371.)
    """

    __slots__ = ("_bytes_until", "_feeds_until", "_messages_until")

    def __init__(self) -> None:
        self._messages_until = 0.0
        self._bytes_until = 0.0
        self._feeds_until = 0.0

    def spend(self, size: int, now: float, limits: WidgetLimits) -> bool:
        """Count a message of `size` bytes. Returns whether the client is still within the limits."""
        self._messages_until = max(self._messages_until, now) + 1 / limits.messages_per_second
        self._bytes_until = max(self._bytes_until, now) + size / limits.message_bytes_per_second
        return max(self._messages_until, self._bytes_until) <= now + limits.message_burst_seconds

    def spend_feeds(self, count: int, now: float, limits: WidgetLimits) -> bool:
        """Count the feeds that a message names. Returns whether the client is still within the limits."""
        self._feeds_until = max(self._feeds_until, now) + count / limits.message_feeds_per_second
        return self._feeds_until <= now + limits.message_burst_seconds
