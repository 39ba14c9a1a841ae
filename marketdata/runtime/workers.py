"""Runs several processes of one command under a parent, which supervises them and reports their health."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
import msgspec

from marketdata.observability.health import STUCK_AFTER_SECONDS
from marketdata.observability.logs import get_logger
from marketdata.observability.tracing import TRACEPARENT_VARIABLE, Tracing, inherited_traceparent
from marketdata.observability.worker_metrics import merged_pages
from marketdata.runtime.backoff import stopped_within
from marketdata.runtime.processes import (
    ProcessManager,
    ProcessSpec,
    ProcessState,
    ProcessStatus,
    end_in_words,
)
from marketdata.runtime.report import PARENT, ServiceStatus, WorkerStatus

PROBE_INTERVAL_SECONDS: Final = 0.5
PROBE_TIMEOUT_SECONDS: Final = 2.0
STOP_DEADLINE_SECONDS: Final = 8.0
"""Less than the parent's own deadline, so that the parent kills a worker that hangs before it ends itself."""

log = get_logger(__name__)


class WorkerCommand(msgspec.Struct, frozen=True):
    """The command of a worker, and the local port of its health endpoints."""

    argv: tuple[str, ...]
    health_port: int


class _Report(msgspec.Struct, frozen=True):
    """What the port of a worker process last answered about its readiness."""

    pid: int
    at_seconds: float
    unready: Mapping[str, str]
    is_own: bool
    """Whether the worker itself answered, not a process that had its port first."""


class _Readiness(msgspec.Struct):
    unready: dict[str, str]
    pid: int = 0
    service: str = "another service"


class WorkerPool:
    """Runs the workers until `stopping`. See `marketdata.runtime.service.Service` and `health.Workers`.

    Ready when every worker is. A worker that exits is restarted with backoff. Workers write to the parent's
    output, and get the trace context of their start as `TRACEPARENT`.
    """

    def __init__(
        self,
        name: str,
        commands: Sequence[WorkerCommand],
        *,
        health_host: str,
        tracing: Tracing | None = None,
    ) -> None:
        self._name = name
        self._commands = {f"{name}-{index}": command for index, command in enumerate(commands)}
        self._health_host = health_host
        self._tracing = tracing or Tracing()
        self._manager = ProcessManager(stop_deadline_seconds=STOP_DEADLINE_SECONDS)
        self._reports: dict[str, _Report] = {}
        self._probes = 0

    @property
    def name(self) -> str:
        """The name of the workers, without their numbers."""
        return self._name

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the workers running until `stopping`; then stop all of them at the same time.

        Raises:
            OSError: the command cannot be started.
        """
        try:
            await self._start()
            async with self._http() as http:
                while not await stopped_within(stopping, PROBE_INTERVAL_SECONDS):
                    await asyncio.gather(*(self._probe(http, worker) for worker in self._manager.statuses()))
                    self._probes += 1
        finally:
            await self._manager.stop_all(together=True)
            self._tracing.close()

    def unready(self) -> Mapping[str, str]:
        """Why workers cannot work now: worker, and its dependency -> reason."""
        workers = self._manager.statuses()
        if len(workers) < len(self._commands):
            return {self._name: "workers are starting"}
        return {what: reason for worker in workers for what, reason in self._unready_of(worker).items()}

    def status(self) -> ServiceStatus:
        """That it is a parent, and its workers with their restarts. Each worker reports for itself, too."""
        workers = [
            WorkerStatus(
                name=worker.name,
                state=worker.state,
                pid=worker.pid,
                restarts=worker.restarts,
                last_end=end_in_words(worker.last_exit_code),
            )
            for worker in self._manager.statuses()
        ]
        return ServiceStatus(role=PARENT, progress=self._probes, is_idle=False, workers=workers)

    def statuses(self) -> Sequence[Mapping[str, object]]:
        """Each worker: name, state, pid, restarts, last exit code."""
        return [msgspec.to_builtins(worker) for worker in self._manager.statuses()]

    def stuck(self) -> Mapping[str, str]:
        """Workers that run, have answered before, and no longer answer: name -> for how long."""
        now = time.monotonic()
        silent_seconds = {
            worker.name: now - report.at_seconds
            for worker in self._manager.statuses()
            if (report := self._report_of(worker)) is not None
        }
        return {
            name: f"silent for {seconds:.1f} s"
            for name, seconds in silent_seconds.items()
            if seconds >= STUCK_AFTER_SECONDS
        }

    async def with_metrics(self, own: bytes) -> bytes:
        """The parent's page merged with those of all workers that answer, which get the label `worker`."""
        names = [
            worker.name
            for worker in self._manager.statuses()
            if (report := self._report_of(worker)) is not None and report.is_own
        ]
        async with self._http() as http:
            pages = await asyncio.gather(*(self._metrics_of(http, name) for name in names))
        answered = zip(names, pages, strict=True)
        return merged_pages(own, {name: page for name, page in answered if page is not None})

    async def _start(self) -> None:
        with self._tracing.span(f"{self._name} workers start", parent=inherited_traceparent()):
            environment = dict(os.environ)
            if traceparent := self._tracing.traceparent():
                environment[TRACEPARENT_VARIABLE] = traceparent
            for name, command in self._commands.items():
                await self._manager.start(ProcessSpec(name=name, argv=command.argv, environment=environment))
        log.info("workers started", service=self._name, workers=len(self._commands))

    def _unready_of(self, worker: ProcessStatus) -> Mapping[str, str]:
        if worker.state is not ProcessState.RUNNING:
            return {worker.name: f"{worker.state}, last exit code {worker.last_exit_code}"}
        report = self._report_of(worker)
        if report is None:
            return {worker.name: "starting"}
        silent_seconds = time.monotonic() - report.at_seconds
        if silent_seconds >= STUCK_AFTER_SECONDS:  # its last report may no longer be true
            return {worker.name: f"silent for {silent_seconds:.1f} s"}
        return {f"{worker.name} {what}": reason for what, reason in report.unready.items()}

    def _report_of(self, worker: ProcessStatus) -> _Report | None:
        """The worker's newest report; None if that is of an earlier process."""
        report = self._reports.get(worker.name)
        return report if report is not None and report.pid == worker.pid else None

    async def _probe(self, http: aiohttp.ClientSession, worker: ProcessStatus) -> None:
        if worker.pid is None:
            return
        try:
            async with http.get(self._url(worker.name, "/readyz")) as answer:
                readiness = msgspec.json.decode(await answer.read(), type=_Readiness)
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError):
            return  # no report: the worker is starting, or it may be stuck
        is_own = readiness.pid == worker.pid
        unready = readiness.unready if is_own else {"health port": self._taken(worker.name, readiness)}
        self._reports[worker.name] = _Report(worker.pid, time.monotonic(), unready, is_own)

    def _taken(self, name: str, other: _Readiness) -> str:
        port = self._commands[name].health_port
        return f"{port} is taken by {other.service}, process {other.pid or 'unknown'}; accepted: a free port"

    async def _metrics_of(self, http: aiohttp.ClientSession, name: str) -> bytes | None:
        try:
            async with http.get(self._url(name, "/metrics")) as answer:
                return await answer.read() if answer.ok else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _url(self, name: str, path: str) -> str:
        return f"http://{self._health_host}:{self._commands[name].health_port}{path}"

    @staticmethod
    def _http() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_SECONDS))


def free_ports(host: str, count: int) -> Sequence[int]:
    """Different ports that are free now.

    Raises:
        OSError: the host is no address of this machine.
    """
    with contextlib.ExitStack() as stack:  # holds all ports until the last is found, so that they differ
        sockets = [stack.enter_context(socket.create_server((host, 0))) for _ in range(count)]
        return [listening.getsockname()[1] for listening in sockets]
