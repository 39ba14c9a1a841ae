"""Decides when the shards of a process tick: often while that is cheap, and more rarely when it is not."""

import math
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from statistics import fmean
from typing import Any, Final, Generic, TypeVar

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.units import NS_PER_MS, NS_PER_SECOND

SHORTEST_INTERVAL_NS: Final = 50 * NS_PER_MS
STEP_NS: Final = 50 * NS_PER_MS
"""Intervals are multiples of this, so that processes whose ticks cost nearly the same tick together."""

AVERAGED_TICKS: Final = 8
"""How many ticks of a shard the cost is the mean of. One in some six of them stores all rows, and costs three
times as much. So the interval does not change with each of these."""

WINDOW_NS: Final = 100 * NS_PER_MS
"""How long the work besides ticks is measured at least, until the spare time is computed again."""

SHARE_OF_TICKS: Final = 0.2
"""How much of the processor time that events leave may be spent on ticks, until the longest interval."""

WORK_FOR_AN_EVENT: Final = 2
"""How much an event costs all processes, if its cost to the processor is 1. Listener and queues need more
than the processor (0.70 and 0.51 of a core at 930,000 events/s). On a small machine they share its cores."""

Result = TypeVar("Result")


def tick_interval_ns(cost_ns: int, spare_share: float, longest_ns: int) -> int:
    """The interval if one tick of all shards takes `cost_ns` of processor time; at most `longest_ns`.

    `spare_share` is the part of the time that events leave: 1 without events, 0 or less if they leave none.
    """
    share_of_ticks = SHARE_OF_TICKS * spare_share
    if cost_ns >= share_of_ticks * longest_ns:  # also if no time is spare
        return longest_ns
    needed_ns = math.ceil(cost_ns / share_of_ticks)
    return min(-(-max(SHORTEST_INTERVAL_NS, needed_ns) // STEP_NS) * STEP_NS, longest_ns)


class TickPace:
    """The pace of the shards of a process. They tick at multiples of the interval since the epoch.

    So all of them tick together, also with those of other processes. `longest_ns` returns the longest
    interval that is set now. `cpu_ns` is the processor time that the thread of the event loop has used.
    """

    def __init__(
        self, longest_ns: Callable[[], int], clock: Clock, cpu_ns: Callable[[], int] = time.thread_time_ns
    ) -> None:
        self._longest_ns = longest_ns
        self._clock = clock
        self._cpu_ns = cpu_ns
        self._costs_ns: dict[int, deque[int]] = {}
        self._spare_share = 1.0
        # Of the present window, in which the other work is measured: when it began (monotonic seconds), the
        # processor time at that moment, and what ticks have cost since.
        self._window_began_at = clock.monotonic()
        self._window_cpu_ns = cpu_ns()
        self._window_ticks_ns = 0

    @property
    def interval_ns(self) -> int:
        """The interval that follows from what the newest ticks of each shard cost on average."""
        cost_ns = round(sum(map(fmean, self._costs_ns.values())))
        return tick_interval_ns(cost_ns, self._spare_share, self._longest_ns())

    def seconds_until_due(self, ticked_ns: int) -> float:
        """How long a shard that ticked at `ticked_ns` must wait for its next tick; 0 if that is due.

        It is due when the wall clock went back.
        """
        now_ns, interval_ns = self._clock.time_ns(), self.interval_ns
        if now_ns < ticked_ns:
            return 0.0
        due_ns = (ticked_ns // interval_ns + 1) * interval_ns
        return max(0, due_ns - now_ns) / NS_PER_SECOND

    async def measured(self, shard: int, tick: Coroutine[Any, Any, Result]) -> Result:
        """Await a tick, and note what it costs. A tick that fails counts, too."""
        measured = _Measured(tick, self._cpu_ns)
        try:
            return await measured
        finally:
            self._costs_ns.setdefault(shard, deque(maxlen=AVERAGED_TICKS)).append(measured.spent_ns)
            self._note_cost(measured.spent_ns)
            metrics.PROCESSOR_TICK_CPU_SECONDS.inc(measured.spent_ns / NS_PER_SECOND)
            metrics.PROCESSOR_TICK_INTERVAL_SECONDS.set(self.interval_ns / NS_PER_SECOND)

    def _note_cost(self, spent_ns: int) -> None:
        """Add a tick to the window. If that is long enough, find the spare time, and begin the next one."""
        self._window_ticks_ns += spent_ns
        now, cpu_ns = self._clock.monotonic(), self._cpu_ns()
        window_ns = (now - self._window_began_at) * NS_PER_SECOND
        if window_ns < WINDOW_NS:
            return
        other_ns = cpu_ns - self._window_cpu_ns - self._window_ticks_ns
        self._spare_share = 1 - WORK_FOR_AN_EVENT * other_ns / window_ns
        self._window_began_at, self._window_cpu_ns, self._window_ticks_ns = now, cpu_ns, 0

    def forget(self, shard: int) -> None:
        """Note that the process does not own the shard any more."""
        self._costs_ns.pop(shard, None)


class _Measured(Generic[Result]):
    """Awaits a coroutine, and adds up the processor time of its steps: not what ran while it waited."""

    def __init__(self, work: Coroutine[Any, Any, Result], cpu_ns: Callable[[], int]) -> None:
        self.spent_ns = 0
        self._work = work
        self._cpu_ns = cpu_ns

    def __await__(self) -> Generator[Any, Any, Result]:
        step: Callable[[Any], Any] = self._work.send
        value: Any = None
        while True:
            started_ns = self._cpu_ns()
            try:
                waits_for = step(value)
            except StopIteration as end:
                result: Result = end.value
                return result
            finally:
                self.spent_ns += self._cpu_ns() - started_ns
            try:
                step, value = self._work.send, (yield waits_for)
            except BaseException as error:  # noqa: BLE001 - a cancellation, too, belongs to the coroutine
                step, value = self._work.throw, error
