"""The pace of a stream: when its next emission may be sent."""

from typing import Final

from marketdata.clock import Clock
from marketdata.runtime.average_pace import AveragePace
from marketdata.units import NS_PER_SECOND
from widgets.hub.feeds.feed import Feed


class FeedPace:
    """Lets the stream of a feed emit at most `hz` times a second, on average.

    A feed with the rate of its ticks follows them. A slower one emits the first tick in each interval of the
    wall clock. So all web processes choose the same ticks, and a client finds its position again on another
    process.
    """

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._clock = clock
        self._interval_ns: Final = round(NS_PER_SECOND / feed.hz)
        self._ticks: Final = AveragePace(1 / feed.hz, clock) if feed.hz >= feed.tick_hz else None
        self._interval = -1

    def note_emission(self) -> None:
        """Note that the stream emits now."""
        if self._ticks is not None:
            self._ticks.note()
        else:
            self._interval = self._clock.time_ns() // self._interval_ns

    def seconds_until_due(self) -> float:
        """How long the next emission must wait."""
        if self._ticks is not None:
            return self._ticks.seconds_until_due()
        interval, elapsed_ns = divmod(self._clock.time_ns(), self._interval_ns)
        return 0.0 if interval != self._interval else (self._interval_ns - elapsed_ns) / NS_PER_SECOND
