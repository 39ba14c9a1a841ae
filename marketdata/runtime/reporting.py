"""Stores the report of this process every second, from its start to its end.

The task runs in the event loop whose work it reports: if the loop is stuck, no report is stored, and readers
see since when. It costs about 0.12 % of a core: 0.4 ms for a report of 6 kB, and four timers.
"""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
import psutil

from marketdata.clock import Clock, SystemClock
from marketdata.errors import StoreUnavailable
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.cancellation import end
from marketdata.runtime.identity import process_identity
from marketdata.runtime.report import ProcessReport, ServiceStatus, UnreadyReason, encode_report
from marketdata.runtime.version import software_version
from marketdata.units import MS_PER_SECOND, NS_PER_MS

REPORT_SECONDS: Final = 1.0
PULSE_SECONDS: Final = 0.25
"""Each delay of the event loop above this is seen."""

LAG_PERIOD_SECONDS: Final = 5
STORE_SECONDS: Final = 2.0
"""How long one report waits for the cache. The next one is newer."""

_ALL_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})

STOPPED: Final = "stopped in order"
FAILED: Final = "failed; its log says why"

STATUS: Final = "status"
"""The part that does not work if a process cannot say what it does: a defect, which its log explains."""

log = get_logger(__name__)


class ReportRecords(Protocol):
    """The store of reports. `marketdata.store.process_records.ProcessRecords` implements it."""

    async def report(self, identity: str, report: bytes, facts: Mapping[str, str]) -> Mapping[str, str]:
        """Store the report, and compare facts of the installation. Returns the facts that all must hold.

        Raises:
            StoreUnavailable: the cache is away.
        """


class Reporting:
    """Reports one process while its context is entered.

    `service` is the kind of process, `name` its name in the logs. `status` and `unready` are called once
    per report, in the event loop. `facts` must be the same in every process of the installation. Without
    `records` nothing is reported.
    """

    def __init__(
        self,
        records: ReportRecords | None,
        *,
        service: str,
        name: str,
        facts: Mapping[str, str],
        clock: Clock | None = None,
    ) -> None:
        self._records = records
        self._clock = clock or SystemClock()
        self._facts = facts
        self._standing: Callable[[], ServiceStatus] = ServiceStatus
        self._unready: Callable[[], Mapping[str, str]] = dict
        self._meter = _Meter(self._clock)
        self._log = RateLimitedLog(log, clock=self._clock)
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._end = STOPPED
        now_ms = self._now_ms()
        self._newest = ProcessReport(
            identity=process_identity(),
            service=service,
            name=name,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=software_version(),
            started_at_ms=now_ms,
            reported_at_ms=now_ms,
            memory_limit_bytes=memory_limit_bytes(),
            facts=facts,
            progress_at_ms=now_ms,
        )

    def of(self, status: Callable[[], ServiceStatus], unready: Callable[[], Mapping[str, str]]) -> Self:
        """Report these from now on. To be called before the context is entered."""
        self._standing, self._unready = status, unready
        return self

    def served_at(self, host: str, port: int) -> None:
        """Note where the health endpoints of this process answer. All addresses of a host have its name."""
        named = socket.gethostname() if host in _ALL_ADDRESSES else f"[{host}]" if ":" in host else host
        self._newest = msgspec.structs.replace(self._newest, health_address=f"{named}:{port}")

    def failed(self) -> None:
        """Note that the process ends because of an error."""
        self._end = FAILED

    async def __aenter__(self) -> Self:
        if self._records is not None:
            self._tasks = (
                asyncio.create_task(self._meter.run(), name="pulse"),
                asyncio.create_task(self._report_again_and_again(self._records), name="report process"),
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await end(*self._tasks)
        if self._records is not None:
            self._note()
            self._newest = msgspec.structs.replace(
                self._newest,
                ended_at_ms=self._newest.reported_at_ms,
                end=self._end if error is None else FAILED,
            )
            await self._store(self._records)

    async def _report_again_and_again(self, records: ReportRecords) -> None:
        while True:
            self._note()
            await self._store(records)
            await asyncio.sleep(REPORT_SECONDS)

    async def _store(self, records: ReportRecords) -> None:
        newest = self._newest
        try:
            async with asyncio.timeout(STORE_SECONDS):
                common = await records.report(newest.identity, encode_report(newest), self._facts)
        except (StoreUnavailable, TimeoutError) as error:
            self._log.warning("report not stored", reason="store_unavailable", error=str(error))
            return
        disputes = {name: common[name] for name, held in self._facts.items() if common[name] != held}
        if disputes and disputes != newest.disputes:
            log.error("other processes hold other facts", reason="dispute", here=self._facts, others=disputes)
        self._newest = msgspec.structs.replace(self._newest, disputes=disputes)

    def _note(self) -> None:
        """Take the next report."""
        before, now_ms = self._newest, self._now_ms()
        try:
            status, unready = self._standing(), self._unready()
        except Exception as error:  # noqa: BLE001 - a defect in a status must not let the process seem dead
            self._log.warning("status failed", reason=type(error).__name__, exc_info=error)
            status, unready = before.status, {STATUS: f"{type(error).__name__}: {error}"}
        moves = status.is_idle or status.progress != before.status.progress
        broken = {book.name for book in status.books if not book.closes}
        self._newest = msgspec.structs.replace(
            before,
            reported_at_ms=now_ms,
            status=status,
            unready=_with_since(unready, before.unready, now_ms),
            progress_at_ms=now_ms if moves else before.progress_at_ms,
            broken_since_ms={name: before.broken_since_ms.get(name, now_ms) for name in sorted(broken)},
            loop_lag_ms=self._meter.longest_lag_ms(),
            cpu_share=self._meter.take_cpu_share(),
            memory_bytes=self._meter.memory_bytes(),
        )

    def _now_ms(self) -> int:
        return self._clock.time_ns() // NS_PER_MS


def _with_since(
    unready: Mapping[str, str], before: Mapping[str, UnreadyReason], now_ms: int
) -> dict[str, UnreadyReason]:
    """The reasons, each with the time since which its part has not worked."""
    return {
        part: UnreadyReason(text, before[part].since_ms if part in before else now_ms)
        for part, text in unready.items()
    }


class _Meter:
    """Measures the delay of the event loop, the processor time and the memory of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._longest_seconds = [0.0] * LAG_PERIOD_SECONDS
        self._measured_at = clock.monotonic()
        self._used_seconds = self._cpu_seconds()

    async def run(self) -> None:
        """Measure the delay until cancelled. The oldest second makes room for the newest."""
        while True:
            longest = 0.0
            self._longest_seconds = [longest, *self._longest_seconds[: LAG_PERIOD_SECONDS - 1]]
            for _ in range(round(1 / PULSE_SECONDS)):
                due = self._clock.monotonic() + PULSE_SECONDS
                await asyncio.sleep(PULSE_SECONDS)
                longest = max(longest, self._clock.monotonic() - due)
                self._longest_seconds[0] = longest

    def longest_lag_ms(self) -> int:
        """The longest delay of the last seconds."""
        return round(max(self._longest_seconds) * MS_PER_SECOND)

    def take_cpu_share(self) -> float:
        """The processor time per second since the last call, of this process alone."""
        now, used = self._clock.monotonic(), self._cpu_seconds()
        seconds, share = now - self._measured_at, used - self._used_seconds
        self._measured_at, self._used_seconds = now, used
        return round(share / seconds, 4) if seconds > 0 else 0.0

    def memory_bytes(self) -> int:
        """The resident memory."""
        with contextlib.suppress(psutil.Error):
            return int(self._process.memory_info().rss)
        return 0

    @staticmethod
    def _cpu_seconds() -> float:
        used = os.times()
        return used.user + used.system


def memory_limit_bytes(group: Path = Path("/sys/fs/cgroup")) -> int:
    """The lowest of: limit of the container (version 2 or 1), limit of the process, memory of the machine."""
    limits = [psutil.virtual_memory().total]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            limits.append(int((group / name).read_text()))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min(limit for limit in limits if limit > 0)
