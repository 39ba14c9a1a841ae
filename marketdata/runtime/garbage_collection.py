"""Garbage collection of long-running processes: rare, over few objects, and measured."""

import gc
import time
from typing import Final

from marketdata.observability import metrics

# A batch allocates thousands of objects that reference counting frees a moment later. The default first
# threshold (700) would start a collection for each batch, and visit all live rows every few seconds, in vain:
# cycles are rare here, so one collection per 100,000 surviving allocations is enough.
GC_THRESHOLDS: Final = (100_000, 50, 1_000)


class _Pauses:
    """The pauses of this process. It takes no lock: a collection can begin while any lock is held."""

    def __init__(self) -> None:
        self.longest_seconds = 0.0
        self._began_at = 0.0

    def note(self, phase: str, _info: dict[str, int]) -> None:
        """A callback of `gc.callbacks`."""
        if phase == "start":
            self._began_at = time.perf_counter()
        else:
            self.longest_seconds = max(self.longest_seconds, time.perf_counter() - self._began_at)


_pauses: Final = _Pauses()


def tune_garbage_collection() -> None:
    """Exclude all current objects (modules, tables) from later collections, and collect less often.

    The longest pause from now on is a metric. Call it again when many objects have come that stay: an object
    that is excluded is freed only by its reference count.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    if _pauses.note not in gc.callbacks:
        gc.callbacks.append(_pauses.note)
        metrics.GC_LONGEST_PAUSE.set_function(lambda: _pauses.longest_seconds)
