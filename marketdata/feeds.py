"""What goes to a feed and what comes from it: the target, the frames, and statuses among their events."""

from typing import Final

import msgspec

MAX_FRAME_CHARACTERS: Final = 16 * 2**20
"""A longer frame is not looked at."""


class FeedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What to listen to, in the words of the provider: what it accepts, its `validate` says.

    `generation`: another number asks for a new connection although nothing else changed.
    """

    feed: str
    market: str
    subscriptions: tuple[str, ...]
    generation: int = 0


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of the feed as it came off the wire, and when (epoch nanoseconds)."""

    data: str | bytes
    received_ns: int


class StatusEvent(msgspec.Struct, frozen=True, gc=False):
    """What the provider says about the connection itself, in its own words."""

    status: str
    message: str = ""
