"""The feed's own clock: the current time at the source of the events. No event can be later.

The time of a live feed is the received time, less the delay of a delayed feed. A simulated or replayed feed
has its own day and speed. It declares its time before the events for which the time holds, in a status
`CLOCK_STATUS` whose message is the time in epoch milliseconds. Only a feed at an address that the operator
has set may declare a time. A provider's own feeds are live, so their declarations do not count.
"""

import re
from collections.abc import Iterable
from typing import Final

from marketdata.feeds import StatusEvent
from marketdata.units import NS_PER_MS

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


class FeedClock:
    """Gives the feed's time at an instant.

    `delay_ms`: the minimum delay of a live feed. `may_declare`: whether the feed may declare its own time.
    Until it does, it counts as live.
    """

    def __init__(self, *, delay_ms: int = 0, may_declare: bool = False) -> None:
        self._delay_ms = delay_ms
        self._may_declare = may_declare
        self._declared_ms: int | None = None
        self._declared_at_ns: int | None = None

    def apply_declarations(self, statuses: Iterable[StatusEvent]) -> list[StatusEvent]:
        """Apply the declarations among some statuses. Returns all other statuses.

        A declaration holds from the next received frame on. One that is not allowed or not readable is
        returned.
        """
        others = []
        for event in statuses:
            declared_ms = declared_time_ms(event) if self._may_declare else None
            if declared_ms is None:
                others.append(event)
            else:
                self._declared_ms, self._declared_at_ns = declared_ms, None
        return others

    def feed_time_ms(self, received_ns: int) -> int:
        """The feed's time (epoch milliseconds) for a frame that was received at `received_ns` (epoch)."""
        if self._declared_ms is not None:
            if self._declared_at_ns is None:
                self._declared_at_ns = received_ns
            if received_ns - self._declared_at_ns <= DECLARATION_LIFE_NS:
                return self._declared_ms
        return received_ns // NS_PER_MS - self._delay_ms


def declared_time_ms(event: StatusEvent) -> int | None:
    """The time that a status declares, epoch milliseconds; None if it is no readable declaration."""
    if event.status != CLOCK_STATUS or not _EPOCH_MS.fullmatch(event.message):
        return None
    declared_ms = int(event.message)
    return declared_ms if _EARLIEST_MS <= declared_ms < _LATEST_MS else None
