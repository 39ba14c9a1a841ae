"""What one web process grants to connections, users and addresses."""

import math
from typing import Final

import msgspec

from marketdata.errors import ConfigurationError
from widgets.protocol import LONGEST_MESSAGE_BYTES, MOST_FEEDS_PER_CONNECTION, MOST_FEEDS_PER_MESSAGE


class WidgetLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one web process.

    `connections_per_address` is generous, because a company's browsers may share one address.
    `messages_per_second` and `bytes_per_second` limit what a client sends, on average. A client may be ahead
    of the average by `burst_seconds`: after a reconnection it subscribes to all its feeds at once.
    `feeds_per_second` limits the feeds that its messages name, because each feed is work of its own.

    A client of version 1 logs in by a message. Until then its connection counts as unauthenticated, and it
    must have sent its key after `authentication_seconds`.
    """

    connections_per_user: int = 20
    connections_per_address: int = 4_000
    connections_per_process: int = 12_000
    unauthenticated_per_address: int = 50
    unauthenticated_per_process: int = 500
    authentication_seconds: float = 10.0
    feeds_per_connection: int = MOST_FEEDS_PER_CONNECTION
    messages_per_second: float = 50.0
    bytes_per_second: float = LONGEST_MESSAGE_BYTES
    feeds_per_second: float = MOST_FEEDS_PER_MESSAGE
    burst_seconds: float = 10.0

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ConfigurationError: a limit is not a positive number, or does not permit the longest message.
        """
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not (0 < value < math.inf):
                raise ConfigurationError(f"{name} is {value}; accepted: a positive number")
        if self.bytes_per_second * self.burst_seconds < LONGEST_MESSAGE_BYTES:
            raise ConfigurationError(
                f"bytes_per_second is {self.bytes_per_second} for {self.burst_seconds} s; "
                f"accepted: enough for a message of {LONGEST_MESSAGE_BYTES} bytes"
            )
        if self.messages_per_second * self.burst_seconds < 1:
            raise ConfigurationError(
                f"messages_per_second is {self.messages_per_second} for {self.burst_seconds} s; "
                "accepted: enough for one message"
            )
        if self.feeds_per_second * self.burst_seconds < MOST_FEEDS_PER_MESSAGE:
            raise ConfigurationError(
                f"feeds_per_second is {self.feeds_per_second} for {self.burst_seconds} s; "
                f"accepted: enough for a message of {MOST_FEEDS_PER_MESSAGE} feeds"
            )


DEFAULT_LIMITS: Final = WidgetLimits()


class Allowance:
    """How far a client is ahead of the permitted average of messages, bytes and feeds.

    Each message moves an instant (monotonic seconds) forward by the time that it may take on average. The
    instant may be ahead of now by `burst_seconds`. (This is the generic cell rate algorithm, ITU-T I.371.)
    """

    __slots__ = ("_bytes_until", "_feeds_until", "_messages_until")

    def __init__(self) -> None:
        self._messages_until = 0.0
        self._bytes_until = 0.0
        self._feeds_until = 0.0

    def spend(self, size: int, now: float, limits: WidgetLimits) -> bool:
        """Count a message of `size` bytes. Returns whether the client is still within the limits."""
        self._messages_until = max(self._messages_until, now) + 1 / limits.messages_per_second
        self._bytes_until = max(self._bytes_until, now) + size / limits.bytes_per_second
        return max(self._messages_until, self._bytes_until) <= now + limits.burst_seconds

    def spend_feeds(self, count: int, now: float, limits: WidgetLimits) -> bool:
        """Count the feeds that a message names. Returns whether the client is still within the limits."""
        self._feeds_until = max(self._feeds_until, now) + count / limits.feeds_per_second
        return self._feeds_until <= now + limits.burst_seconds
