"""Which batches are fresh, on machines whose clocks differ: those that waited no longer than others did."""

from typing import Final

FRESH_NS: Final = 1_000_000_000
PERIOD_NS: Final = 10_000_000_000


class Freshness:
    """Compares the age of a batch with the least age in this period and the one before.

    An age is the present here less the received time there. So it has the difference of the two clocks in it,
    which is the same in all ages. Instants are epoch nanoseconds.
    """

    def __init__(self) -> None:
        self._began_ns = 0
        self._least: int | None = None
        self._least_before: int | None = None

    def is_fresh(self, received_ns: int, now_ns: int) -> bool:
        """Take note of a batch; whether it waited at most `FRESH_NS` longer than the least of late."""
        age_ns = now_ns - received_ns
        if not 0 <= now_ns - self._began_ns < PERIOD_NS:
            is_next = 0 <= now_ns - self._began_ns < 2 * PERIOD_NS
            self._least_before = self._least if is_next else None
            self._began_ns, self._least = now_ns, None
        self._least = age_ns if self._least is None else min(self._least, age_ns)
        least = self._least if self._least_before is None else min(self._least, self._least_before)
        return age_ns - least <= FRESH_NS
