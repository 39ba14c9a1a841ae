"""What is exchanged with a provider's feed: the target to connect to, frames, statuses, and declared times.

A status is a message in a frame about the connection, not about the market. A simulated or replayed feed has
its own day and speed. It declares its time before the events for which the time holds, in a status
`CLOCK_STATUS` whose message is the time in epoch milliseconds.
"""

import re
from typing import Final

import msgspec

MAX_FRAME_CHARACTERS: Final = 16 * 2**20
"""A longer frame is set aside without being read."""

CLOCK_STATUS: Final = "clock"
AHEAD_TOLERANCE_MS: Final = 5_000
"""By how much a timestamp may be ahead of the feed's time, since clocks of exchange and listener differ."""

DECLARED_EVERY_MS: Final = 1_000
"""The interval of declarations, in the feed's time. Well below `AHEAD_TOLERANCE_MS`."""

DECLARATION_LIFE_NS: Final = 10_000_000_000
"""A feed without a declaration for this long counts as live again."""

# From 2000 to 2100: any other time is an error.
_EARLIEST_MS: Final = 946_684_800_000
_LATEST_MS: Final = 4_102_444_800_000
_EPOCH_MS: Final = re.compile(r"[0-9]{1,13}")


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


def declared_time_ms(event: StatusEvent) -> int | None:
    """The time that a status declares, epoch milliseconds; None if it is no readable declaration."""
    if event.status != CLOCK_STATUS or not _EPOCH_MS.fullmatch(event.message):
        return None
    declared_ms = int(event.message)
    return declared_ms if _EARLIEST_MS <= declared_ms < _LATEST_MS else None
