"""Detects a listener's clock that is behind: most events are stamped ahead of it."""

from typing import Final

PERIOD_NS: Final = 10_000_000_000
CLOCK_IS_BEHIND: Final = (
    "most events are stamped ahead of the feed's clock and are refused: "
    "the clock of the listener's machine is behind; synchronise it (NTP)"
)


class ClockAgreement:
    """Compares the events refused as ahead with those applied, period by period. Times are epoch ns."""

    def __init__(self) -> None:
        self._began_ns = 0
        self._applied = self._ahead = 0
        self._disagreed_in_last = False

    def note(self, now_ns: int, *, applied: int, ahead: int) -> None:
        """Count events that were applied, and events that were refused as ahead."""
        self._enter_period(now_ns)
        self._applied += applied
        self._ahead += ahead

    def failure(self, now_ns: int) -> str:
        """What is wrong, judged by the last full period and the present one; empty if nothing is wrong."""
        self._enter_period(now_ns)
        disagrees = self._ahead > self._applied
        return CLOCK_IS_BEHIND if disagrees or (self._disagreed_in_last and not self._applied) else ""

    def _enter_period(self, now_ns: int) -> None:
        if 0 <= now_ns - self._began_ns < PERIOD_NS:
            return
        is_next = 0 <= now_ns - self._began_ns < 2 * PERIOD_NS
        self._disagreed_in_last = is_next and self._ahead > self._applied
        self._began_ns, self._applied, self._ahead = now_ns, 0, 0
