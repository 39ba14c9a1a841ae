"""A limit on log entries that strangers can cause without effort."""

import threading
from dataclasses import dataclass
from typing import Final

from marketdata.clock import Clock, SystemClock

MAX_ENTRIES: Final = 100
INTERVAL_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Interval:
    """The entries of one kind since `began_at` (monotonic seconds)."""

    began_at: float
    written: int = 0
    kept_back: int = 0
    """How many entries were not written."""


class LogBudget:
    """Limits the log entries of each kind. The kinds are words of this program, so there are only a few.

    Concurrency: safe to use from several threads.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._intervals: dict[str, _Interval] = {}
        self._lock = threading.Lock()

    def take(self, kind: str) -> int | None:
        """Ask to write an entry. None: do not write it. Otherwise write it, with the returned number.

        The number counts the entries of this kind that were not written in the interval before.
        """
        now = self._clock.monotonic()
        with self._lock:
            interval = self._intervals.get(kind)
            kept_back = 0
            if interval is None or now >= interval.began_at + INTERVAL_SECONDS:
                kept_back = 0 if interval is None else interval.kept_back
                interval = self._intervals[kind] = _Interval(began_at=now)
            if interval.written >= MAX_ENTRIES:
                interval.kept_back += 1
                return None
            interval.written += 1
            return kept_back
