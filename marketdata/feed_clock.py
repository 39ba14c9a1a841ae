"""The feed's own clock: what time it is where the events come from, which no event can be ahead of.

A live feed is on the time of the world: the received time, less the delay of a delayed feed. A simulated or
replayed feed has a day and a speed of its own. It declares its time before the events that it bounds, in a
status `CLOCK_STATUS` whose message is the time in epoch milliseconds. Only a feed at an address of the
operator's choice may declare one: a provider's own feeds are live, whatever they say.
"""

import re
from collections.abc import Iterable
from typing import Final

from marketdata.feeds import StatusEvent

CLOCK_STATUS: Final = "clock"
AHEAD_TOLERANCE_MS: Final = 5_000
"""By how much a stamp may be ahead of the feed's time: clocks of exchange, provider and listener differ."""

DECLARED_EVERY_MS: Final = 1_000
"""How far a feed's time may go on before it is declared again: well within what a stamp may be ahead."""

DECLARATION_LIFE_NS: Final = 10_000_000_000
"""A feed that has declared nothing for so long is taken for a live one again."""

# From 2000 to 2100: no market has another time.
_EARLIEST_MS: Final = 946_684_800_000
_LATEST_MS: Final = 4_102_444_800_000
_EPOCH_MS: Final = re.compile(r"[0-9]{1,13}")
_NANOSECONDS_PER_MS: Final = 1_000_000


class FeedClock:
    """Tells the feed time of what is received.

    `delay_ms`: by how much a live feed is late at least. `may_declare`: whether the feed may have a time of
    its own; until it declares one, it is taken for a live feed.
    """

    def __init__(self, *, delay_ms: int = 0, may_declare: bool = False) -> None:
        self._delay_ms = delay_ms
        self._may_declare = may_declare
        self._declared_ms: int | None = None
        self._declared_at_ns: int | None = None

    def take(self, statuses: Iterable[StatusEvent]) -> list[StatusEvent]:
        """Learn from the declarations among some statuses; all others, and declarations that do not count.

        They are as of what is received next.
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
        """The feed's time (epoch milliseconds) as of something received at an instant (epoch nanoseconds)."""
        if self._declared_ms is not None:
            if self._declared_at_ns is None:
                self._declared_at_ns = received_ns
            if received_ns - self._declared_at_ns <= DECLARATION_LIFE_NS:
                return self._declared_ms
        return received_ns // _NANOSECONDS_PER_MS - self._delay_ms


def declared_time_ms(event: StatusEvent) -> int | None:
    """The time that a status declares, epoch milliseconds; None where it declares none that can be read."""
    if event.status != CLOCK_STATUS or not _EPOCH_MS.fullmatch(event.message):
        return None
    declared_ms = int(event.message)
    return declared_ms if _EARLIEST_MS <= declared_ms < _LATEST_MS else None
