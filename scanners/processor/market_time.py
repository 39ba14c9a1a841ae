"""The market's time, which starts days and sessions. It follows the events, limited by the feed time.

Every event has two times. Its event time is the exchange's, and may be wrong. The *feed time* of its batch is
what the clock of the provider's feed said when the event arrived (`marketdata.feeds`). No event can be
later than that. So a later event time is refused, and no event moves the market's time beyond its feed time.
A wrong time of one event, symbol or frame cannot start a day or session too early.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketdata.feeds import AHEAD_TOLERANCE_MS
from marketdata.trading_calendar import CalendarRangeError, TradingCalendar
from scanners.analysis.contract import MarketPhase
from scanners.analysis.vectors import Instants

DISPUTE_NS: Final = 2_000_000_000
"""How long batches must contradict the market's time, by both clocks, before it counts as wrong."""

SLOWER_NS: Final = 1_000_000_000
"""A batch that waited this much longer than the first batch of its dispute proves nothing: its queue lags.

It is less than `DISPUTE_NS`, so queues that lag by different times cannot make up a dispute."""

FASTER_NS: Final = 250_000_000
"""A batch that waited this much less shows that the first batch had waited. It begins the dispute again."""

PATIENCE_NS: Final = 10_000_000_000
"""After this long the next batch begins the dispute again if it lags much more: a clock was set."""

CLOCK_WAS_SET_NS: Final = 3_600_000_000_000
"""No queue lags by an hour. A listener whose received times go back by more has had its clock set.

If it was set back by less, the market's time stays wrong only until received times have caught up."""

SOURCES_KEPT: Final = 16
"""For how many listeners the newest received time is kept: those that agreed last."""


class Present(msgspec.Struct, frozen=True, gc=False):
    """The present time by both clocks of our machine, in nanoseconds.

    `epoch_ns` is wall-clock time, which may be set. `monotonic_ns` is never set; its zero has no meaning.
    """

    epoch_ns: int
    monotonic_ns: int


class Advance(msgspec.Struct, frozen=True):
    """How a group of events changed the market's time.

    `current`: which events belong to the trading day. `ahead`: how many events have a time after their feed
    time, or after the end of a day that has not ended. All others are of another day. `corrected`: the
    market's time was wrong. Then the values computed from it cannot be trusted, and the day starts again.
    """

    current: NDArray[np.bool_]
    ahead: int = 0
    day_started: bool = False
    regular_session_started: bool = False
    corrected: bool = False


class MarketTime:
    """The newest event time of a shard, with its trading day and session.

    Wall-clock time is not used, so a recorded day gives the same result when it is replayed at any speed.
    Events of a day that has ended are not current.

    The market's time goes back only to correct an error: when, for some seconds, the feed time of all batches
    that did not wait is behind it (`ClockDispute`). The causes are a clock that was
    wrong, now or when the state was stored, and a simulated market that starts again.
    """

    def __init__(self, calendar: TradingCalendar) -> None:
        self._calendar = calendar
        self._newest_ms = 0
        self._phase: MarketPhase | None = None
        self._dispute = ClockDispute()

    @property
    def newest_ms(self) -> int:
        """The newest time of a current event, limited by its feed time; 0 before the first event."""
        return self._newest_ms

    @property
    def phase(self) -> MarketPhase | None:
        """The trading day and session of the market's time; None before the first event."""
        return self._phase

    def resume(self, newest_ms: int, received_ns: int) -> None:
        """Continue from a stored market's time, and from the received time of the newest batch in it.

        A time that the calendar does not cover is ignored.
        """
        self._dispute.resume(received_ns)
        try:
            day = self._calendar.trading_day(newest_ms)
        except CalendarRangeError:
            self._newest_ms, self._phase = 0, None
        else:
            self._newest_ms = newest_ms
            self._phase = MarketPhase(day, newest_ms >= day.regular_open_ms)

    def advance(
        self, times_ms: Instants, feed_times_ms: Instants, *, received_ns: Mapping[str, int], applied_ns: int
    ) -> Advance:
        """Advance by the times of some events (at least one), in any order, and by their feed times.

        `received_ns`: when each listener received its newest of these events (epoch nanoseconds, by its
        clock). `applied_ns`: the present time (nanoseconds, by a clock that is never set).
        """
        credible = times_ms <= feed_times_ms + AHEAD_TOLERANCE_MS
        reached_ms = np.minimum(times_ms, feed_times_ms)
        corrected = self._is_wrong(int(feed_times_ms.max()), credible, received_ns, applied_ns)
        if corrected:
            self._newest_ms, self._phase = 0, None
        started = self._enter_day(int(reached_ms[credible].max(initial=0)), int(feed_times_ms.max()))
        if self._phase is None:
            none = np.zeros(len(times_ms), dtype=np.bool_)
            return Advance(none, int(np.count_nonzero(~credible)), corrected=corrected)
        day = self._phase.day
        current = credible & (times_ms >= day.day_start_ms) & (times_ms < day.next_day_start_ms)
        if current.any():
            self._newest_ms = max(self._newest_ms, int(reached_ms[current].max()))
        opened = not self._phase.regular_session_reached and self._newest_ms >= day.regular_open_ms
        if opened:
            self._phase = MarketPhase(day, regular_session_reached=True)
        ahead = int(np.count_nonzero(~credible | (times_ms >= day.next_day_start_ms)))
        return Advance(current, ahead, started, opened, corrected)

    def _enter_day(self, reached_ms: int, feed_ms: int) -> bool:
        """Enter the trading day that the events have reached. Returns whether it is a new one.

        A day that has ended by the feed time is not entered: an old event that arrives first does not begin
        it.
        """
        phase = self._phase
        if phase is not None and reached_ms < phase.day.next_day_start_ms:
            return False
        try:
            day = self._calendar.trading_day(reached_ms)
        except CalendarRangeError:
            return False
        if feed_ms >= day.next_day_start_ms:
            return False
        # The end of the same day moves when the calendar learns of a closure during it.
        is_same = phase is not None and day.day_start_ms == phase.day.day_start_ms
        self._phase = MarketPhase(day, is_same and phase is not None and phase.regular_session_reached)
        return not is_same

    def _is_wrong(
        self, feed_ms: int, credible: NDArray[np.bool_], received_ns: Mapping[str, int], applied_ns: int
    ) -> bool:
        """Whether it is proved that the feed time has not reached the market's time.

        If most event times are ahead of the feed time, the feed time itself is behind, and proves nothing.
        """
        if self._newest_ms <= feed_ms + AHEAD_TOLERANCE_MS:
            self._dispute.agree(received_ns)
            return False
        if 2 * np.count_nonzero(credible) < len(credible):
            return False
        return self._dispute.contradict(received_ns, applied_ns)


class _Dispute(msgspec.Struct, frozen=True):
    """The batch that began a dispute: when it was received and when it was applied, by different clocks."""

    received_ns: int
    applied_ns: int

    @property
    def lag_ns(self) -> int:
        """How long it waited, plus the difference between the clocks."""
        return self.applied_ns - self.received_ns


class ClockDispute:
    """Decides when batches that contradict the market's time prove it wrong, even if the clocks differ.

    The clock of a listener's machine may differ from ours by any amount. So the age of a batch, our clock
    less the listener's, proves nothing by itself. Two facts do not depend on the difference. First, the
    received times of one listener have an order: a batch received before one that agreed is only late.
    Second, while batches arrive without waiting, received times advance as fast as our clock. But batches
    that waited and are read together were received seconds apart and are applied moments apart.

    So it tracks for each listener whether its batches agree with the market's time or contradict it.

    Received times are epoch nanoseconds of the listener's machine. Our own instants are nanoseconds of a
    clock that is never set, from any beginning.
    """

    def __init__(self) -> None:
        self._agreed_ns: dict[str, int] = {}
        self._stored_ns = 0
        self._disputes: dict[str, _Dispute] = {}

    def resume(self, received_ns: int) -> None:
        """Continue from a stored market's time, which reflects batches received up to `received_ns`.

        Until a listener has agreed here, its batches are compared with that received time: a queue that
        lagged when the state was stored still lags.
        """
        self._stored_ns = received_ns

    def agree(self, received_ns: Mapping[str, int]) -> None:
        """Note listeners whose newest batches agree with the market's time. That ends all disputes."""
        self._disputes.clear()
        for source, newest_ns in received_ns.items():
            agreed_ns = self._agreed_ns.pop(source, newest_ns)
            was_set = newest_ns < agreed_ns - CLOCK_WAS_SET_NS
            self._agreed_ns[source] = newest_ns if was_set else max(newest_ns, agreed_ns)
        while len(self._agreed_ns) > SOURCES_KEPT:
            del self._agreed_ns[next(iter(self._agreed_ns))]

    def contradict(self, received_ns: Mapping[str, int], applied_ns: int) -> bool:
        """Note listeners whose newest batches contradict it. Returns whether it is now proved wrong."""
        proofs = [self._is_proof(source, newest_ns, applied_ns) for source, newest_ns in received_ns.items()]
        if any(proofs):
            self._disputes.clear()
            self._agreed_ns.clear()
            self._stored_ns = 0
        return any(proofs)

    def _is_proof(self, source: str, received_ns: int, applied_ns: int) -> bool:
        agreed_ns = self._agreed_ns.get(source, self._stored_ns)
        if agreed_ns - CLOCK_WAS_SET_NS <= received_ns <= agreed_ns:
            return False
        batch, first = _Dispute(received_ns, applied_ns), self._disputes.get(source)
        if first is None or received_ns < first.received_ns or batch.lag_ns < first.lag_ns - FASTER_NS:
            self._disputes[source] = batch
            return False
        if batch.lag_ns <= first.lag_ns + SLOWER_NS:
            return min(received_ns - first.received_ns, applied_ns - first.applied_ns) >= DISPUTE_NS
        if applied_ns - first.applied_ns >= PATIENCE_NS:
            self._disputes[source] = batch
        return False
