"""What is exchanged with a provider's feed: the target to connect to, frames, and statuses.

A status is a message in a frame about the connection, not about the market.
"""

from typing import Final

import msgspec

MAX_FRAME_CHARACTERS: Final = 16 * 2**20
"""A longer frame is set aside without being read."""


class ConnectionTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What the listener connects to, in the provider's own terms. The provider's `validate` checks it.

    A target with another `generation` asks for a new connection, even if all else is the same.
    """

    feed: str
    market: str
    subscriptions: tuple[str, ...]
    generation: int = 0


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One WebSocket message of the provider, unchanged, and when it was received (epoch nanoseconds).

    A text frame has a text as its `data`, a binary frame has bytes.
    """

    data: str | bytes
    received_ns: int


class StatusEvent(msgspec.Struct, frozen=True, gc=False):
    """A provider's message about the connection: the name of the status, and the provider's text."""

    status: str
    message: str = ""
