"""Decides when the hub may emit again, by what the last walk cost."""

from typing import Final

LONGEST_PAUSE_SECONDS: Final = 1.0
LONGEST_GATHERING_SECONDS: Final = 0.05
REMEMBERED: Final = 0.9
"""Of the cost of earlier walks, after one more. One that writes nothing must not hide what the next costs."""


class Pace:
    """Sheds load: after a walk of some duration there is a pause of the same duration, but at most 1 s.

    So the walks take at most half of the time of the event loop, and announcements that arrive in the pause
    are merged. With few connections the pause is too short to matter. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._costly_seconds = 0.0
        self._next_at = 0.0

    def note_walk(self, started_at: float, ended_at: float) -> None:
        """Note the emissions and the walk that just ended."""
        seconds = ended_at - started_at
        self._costly_seconds = max(seconds, self._costly_seconds * REMEMBERED)
        self._next_at = ended_at + min(seconds, LONGEST_PAUSE_SECONDS)

    def seconds_to_wait(self, now: float) -> float:
        """How long the next emission must wait.

        If walks are costly, the emission also waits for the announcements that belong to the same tick of
        the scanner: one walk with all boards costs little more than one with a single board.
        """
        gathering = min(self._costly_seconds / 2, LONGEST_GATHERING_SECONDS)
        return max(self._next_at - now, gathering)
