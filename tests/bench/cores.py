"""Which core does what, and what it has spent."""

import contextlib
import os
from pathlib import Path
from typing import Final

import psutil

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
SOFTIRQ_FIELD: Final = 7
"""Of a line of /proc/stat, counted from the name of the core."""


def web_and_client_core() -> tuple[int, int]:
    """The core of the web process, and that of the load client and all others. One core is both."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def pin(pid: int, core: int) -> None:
    """Let all threads of a process run on one core only."""
    for thread in psutil.Process(pid).threads():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, {core})


def softirq_seconds(core: int) -> float:
    """Time that a core has spent on softirq since the machine started: for us, mostly received TCP."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{core}":
            return int(fields[SOFTIRQ_FIELD]) / TICKS_PER_SECOND
    raise AssertionError(f"/proc/stat has no core {core}")


def cpu_seconds(pid: int) -> float:
    """Processor time of one process, without softirq."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
