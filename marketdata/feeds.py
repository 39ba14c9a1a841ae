"""The target of a provider's feed, the frames that it delivers, and the statuses in these."""

from typing import Final

import msgspec

MAX_FRAME_CHARACTERS: Final = 16 * 2**20
"""A longer frame is refused unread."""


class FeedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What to listen to, in the provider's own terms. The provider's `validate` checks it.

    `generation`: any change of this number requests a new connection.
    """

    feed: str
    market: str
    subscriptions: tuple[str, ...]
    generation: int = 0


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of the feed, unchanged, and when it was received (epoch nanoseconds)."""

    data: str | bytes
    received_ns: int


class StatusEvent(msgspec.Struct, frozen=True, gc=False):
    """A provider's message about the connection itself."""

    status: str
    message: str = ""
