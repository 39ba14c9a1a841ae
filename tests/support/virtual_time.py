"""An event loop whose clock jumps to the next timer, so that hours pass immediately and in exact order."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from marketdata.units import NS_PER_SECOND

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its `time` moves only when no task can run at the present moment."""

    def __init__(self) -> None:
        self.now_seconds = 1_000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Seconds of virtual time."""
        return self.now_seconds


class VirtualClock:
    """The clock of a virtual loop. See `marketdata.clock.Clock`."""

    def monotonic(self) -> float:
        """Seconds of virtual time."""
        return asyncio.get_running_loop().time()

    def time_ns(self) -> int:
        """The same as nanoseconds."""
        return round(self.monotonic() * NS_PER_SECOND)


def run_in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual loop. It fails, instead of hanging, if it waits for an outside event."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("a task waits, but no timer is left that could wake it")
        if not ready and timeout:
            self._loop.now_seconds += timeout
        return ready
