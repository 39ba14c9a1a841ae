"""The market's own time, as told by events: it starts days and sessions, and only ever goes forward."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.trading_calendar import CalendarRangeError, TradingCalendar, TradingDay
from scanners.analyzers.base import MarketPhase
from scanners.analyzers.columns import Instants


class Advance(msgspec.Struct, frozen=True):
    """What a group of events did to the market's time. `current`: which of them belong to the trading day."""

    current: NDArray[np.bool_]
    day_started: bool = False
    regular_session_started: bool = False


class MarketTime:
    """The newest event time of a shard, with the trading day and session that it lies in.

    Event time alone counts, never the wall clock, so a recorded day replays at any speed with the
    same result. Events of another trading day are not current: late ones after 04:00, and those
    whose time is too far ahead to be believed.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self._newest_ms = 0
        self._phase: MarketPhase | None = None

    @property
    def newest_ms(self) -> int:
        """The newest time of an event that was current; 0 before the first."""
        return self._newest_ms

    @property
    def phase(self) -> MarketPhase | None:
        """Where the market's time stands; None before the first event."""
        return self._phase

    def resume(self, newest_ms: int) -> None:
        """Continue from a stored time. One that the calendar does not cover is forgotten."""
        try:
            day = self._calendar.trading_day(newest_ms)
        except CalendarRangeError:
            self._newest_ms, self._phase = 0, None
        else:
            self._newest_ms = newest_ms
            self._phase = MarketPhase(day, newest_ms >= day.regular_open_ms)

    def advance(self, times_ms: Instants) -> Advance:
        """Take note of the times of some events (at least one), in any order."""
        started = self._day_to_start(times_ms)
        if started is not None:
            self._phase = MarketPhase(started, regular_session_reached=False)
        if self._phase is None:
            return Advance(np.zeros(len(times_ms), dtype=np.bool_))
        day = self._phase.day
        current = (times_ms >= day.day_start_ms) & (times_ms < day.next_day_start_ms)
        if current.any():
            self._newest_ms = max(self._newest_ms, int(times_ms[current].max()))
        opened = not self._phase.regular_session_reached and self._newest_ms >= day.regular_open_ms
        if opened:
            self._phase = MarketPhase(day, regular_session_reached=True)
        return Advance(current, started is not None, opened)

    def _day_to_start(self, times_ms: Instants) -> TradingDay | None:
        """The later trading day that these events begin, if any.

        One event suffices to begin the next trading day. To begin any other day takes the median of
        the events, so that a single wrong timestamp cannot send the market into the future.
        """
        newest_ms = int(times_ms.max())
        if self._phase is not None and newest_ms < self._phase.day.next_day_start_ms:
            return None
        try:
            if self._phase is not None:
                following = self._calendar.trading_day(self._phase.day.next_day_start_ms)
                if newest_ms < following.next_day_start_ms:
                    return following
            day = self._calendar.trading_day(int(np.median(times_ms)))
        except CalendarRangeError:
            return None
        later = self._phase is None or day.day_start_ms > self._phase.day.day_start_ms
        return day if later else None
