"""Child processes of one parent: starts, supervises, restarts and stops them.

No child outlives its parent unnoticed. On Linux the kernel ends the children when the parent dies
(`PR_SET_PDEATHSIG`, set by util-linux's `setpriv`). On every system a pid file lets the next run end the
children that an earlier run left. A process in the file counts as ours only if its start time matches, too.
"""

import asyncio
import contextlib
import enum
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec
import psutil

from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.runtime.backoff import Backoff, stopped_within

STOP_DEADLINE_SECONDS: Final = 10.0
STABLE_AFTER_SECONDS: Final = 30.0
# The kernel counts start times from boot, and the boot time in /proc/stat moves with the clock.
START_TIME_TOLERANCE_SECONDS: Final = 2.0

log = get_logger(__name__)


class ProcessSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command to run under a name. `environment` is the complete environment; None means the parent's.

    Output and errors are appended to `log_path`; None means the parent's output.
    """

    name: str
    argv: tuple[str, ...]
    log_path: Path | None = None
    environment: Mapping[str, str] | None = None
    working_directory: Path | None = None


class ProcessState(enum.StrEnum):
    """The state of a child."""

    RUNNING = "running"
    WAITING = "waiting to restart"
    STOPPED = "stopped"


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One child, for operators. `last_exit_code`: negative for a signal, None before the first exit."""

    name: str
    state: ProcessState
    pid: int | None
    restarts: int
    last_exit_code: int | None


class _RecordedProcess(msgspec.Struct, frozen=True):
    name: str
    pid: int
    started_at_seconds: float


class ProcessManager:
    """Runs named children until `stop_all`. Not safe for concurrent calls.

    Each child leads its own process group, so that a Ctrl-C in the terminal reaches only the parent, and the
    children of a child end with it. A child that exits is restarted with backoff, whatever its exit code.
    Without a `pid_path` there is no pid file, and only the kernel ends the children of a killed parent.
    """

    def __init__(
        self, pid_path: Path | None = None, *, stop_deadline_seconds: float = STOP_DEADLINE_SECONDS
    ) -> None:
        self._pid_path = pid_path
        self._stop_deadline_seconds = stop_deadline_seconds
        self._children: dict[str, _Child] = {}

    async def end_leftovers(self) -> Sequence[str]:
        """End the children of an earlier run that was killed; returns their names. Call before `start`."""
        leftovers = [record for record in self._recorded() if _is_still_running(record)]
        if leftovers:
            log.warning("ending processes of an earlier run", processes=[record.name for record in leftovers])
            await asyncio.to_thread(
                _end_groups, [record.pid for record in leftovers], self._stop_deadline_seconds
            )
        self._forget_record()
        return [record.name for record in leftovers]

    async def start(self, spec: ProcessSpec) -> None:
        """Start a child and keep it running.

        Raises:
            ValueError: the name is in use.
            OSError: the command or the log file cannot be opened.
        """
        if spec.name in self._children:
            raise ValueError(f"a process named {spec.name!r} is already managed")
        child = _Child(spec, self._record)
        await child.spawn()
        self._children[spec.name] = child
        self._record()
        child.supervise()

    def statuses(self) -> Sequence[ProcessStatus]:
        """Every child, in the order of their start."""
        return [child.status() for child in self._children.values()]

    async def stop_all(self, *, together: bool = False) -> None:
        """Stop all children, the newest first, since it may depend on older ones. SIGKILL after the deadline.

        Each child gets a limited time before the next older one is stopped, so that one that hangs does not
        prevent an orderly stop of the others. `together` stops all at the same time: for children of one
        kind, where none should take over the work of another during the stop.
        """
        children = list(reversed(self._children.values()))
        deadline = time.monotonic() + self._stop_deadline_seconds
        head_start = 0.0 if together else self._stop_deadline_seconds / (2 * max(1, len(children)))
        for child in children:
            child.terminate()
            await child.ended_within(head_start)
        for child in children:
            if not await child.ended_within(max(0.0, deadline - time.monotonic())):
                log.warning("process killed", process=child.spec.name, reason="stop deadline")
                await child.kill()
        self._children.clear()
        self._forget_record()

    def _forget_record(self) -> None:
        if self._pid_path is not None:
            self._pid_path.unlink(missing_ok=True)

    def _record(self) -> None:
        if self._pid_path is None:
            return
        records = [child.recorded for child in self._children.values() if child.recorded is not None]
        self._pid_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._pid_path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(records))
        partial.replace(self._pid_path)

    def _recorded(self) -> Sequence[_RecordedProcess]:
        if self._pid_path is None:
            return []
        try:
            return msgspec.json.decode(self._pid_path.read_bytes(), type=list[_RecordedProcess])
        except FileNotFoundError:
            return []
        except msgspec.MsgspecError as error:
            log.warning("pid file ignored", path=str(self._pid_path), error=str(error))
            return []


class _Child:
    """One child and the task that keeps it running."""

    def __init__(self, spec: ProcessSpec, record: Callable[[], None]) -> None:
        self.spec = spec
        self.recorded: _RecordedProcess | None = None
        self._record = record
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._supervision: asyncio.Task[None] | None = None
        self._backoff = Backoff(initial_seconds=0.5, maximum_seconds=30.0, minimum_seconds=0.1)
        self._restarts = 0
        self._last_exit_code: int | None = None

    def status(self) -> ProcessStatus:
        ended = self._supervision is None or self._supervision.done()
        waiting = ProcessState.STOPPED if ended else ProcessState.WAITING
        return ProcessStatus(
            name=self.spec.name,
            state=waiting if self._process is None else ProcessState.RUNNING,
            pid=None if self._process is None else self._process.pid,
            restarts=self._restarts,
            last_exit_code=self._last_exit_code,
        )

    async def spawn(self) -> None:
        if self.spec.log_path is None:
            self._process = await self._execute(None)
        else:
            self.spec.log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.spec.log_path.open("ab") as output:
                self._process = await self._execute(output)
        self.recorded = _record_of(self.spec.name, self._process.pid)

    async def _execute(self, output: IO[bytes] | None) -> asyncio.subprocess.Process:
        environment = os.environ if self.spec.environment is None else self.spec.environment
        if shutil.which(self.spec.argv[0], path=environment.get("PATH")) is None:
            raise FileNotFoundError(f"command {self.spec.argv[0]!r} not found")
        return await asyncio.create_subprocess_exec(
            *ending_with_parent(self.spec.argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else asyncio.subprocess.STDOUT,
            env=self.spec.environment,
            cwd=self.spec.working_directory,
            start_new_session=True,
        )

    def supervise(self) -> None:
        self._supervision = asyncio.create_task(self._keep_running(), name=f"supervise {self.spec.name}")

    async def _keep_running(self) -> None:
        while True:
            await self._wait_for_end()
            if self._stopping.is_set():
                return
            delay = self._backoff.next_delay_seconds()
            log.warning(
                "process ended",
                process=self.spec.name,
                exit_code=self._last_exit_code,
                restart_in_seconds=round(delay, 1),
                log="here" if self.spec.log_path is None else str(self.spec.log_path),
            )
            if await stopped_within(self._stopping, delay):
                return
            await self._restart()

    async def _wait_for_end(self) -> None:
        if self._process is None:
            return
        started = time.monotonic()
        pid = self._process.pid
        self._last_exit_code = await self._process.wait()
        _signal_group(pid, signal.SIGKILL)  # ends children that the child left
        self._process, self.recorded = None, None
        if time.monotonic() - started >= STABLE_AFTER_SECONDS:
            self._backoff.reset()

    async def _restart(self) -> None:
        self._restarts += 1
        metrics.PROCESS_RESTARTS.inc()
        try:
            await self.spawn()
        except OSError as error:
            log.error("process cannot be started", process=self.spec.name, error=str(error))  # noqa: TRY400
            return
        self._record()
        if self._stopping.is_set():
            self.terminate()

    def terminate(self) -> None:
        """Send SIGTERM to the child only: it stops its own children in the right order."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    async def ended_within(self, seconds: float) -> bool:
        if self._supervision is None:
            return True
        done, _ = await asyncio.wait([self._supervision], timeout=seconds)
        return bool(done)

    async def kill(self) -> None:
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)
        if self._supervision is not None:
            await self._supervision


def end_in_words(exit_code: int | None) -> str:
    """How a process ended, by its exit code: negative for a signal; empty for None, before the first end."""
    if exit_code is None:
        return ""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"


def ending_with_parent(argv: Sequence[str]) -> Sequence[str]:
    """The command, wrapped so that the kernel sends it SIGTERM when its parent dies, if `setpriv` exists."""
    setpriv = shutil.which("setpriv")
    return argv if setpriv is None else (setpriv, "--pdeathsig", "TERM", "--", *argv)


def _record_of(name: str, pid: int) -> _RecordedProcess | None:
    try:
        return _RecordedProcess(name, pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _is_still_running(record: _RecordedProcess) -> bool:
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - record.started_at_seconds) <= START_TIME_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return False


def _end_groups(pids: Sequence[int], deadline_seconds: float) -> None:
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(processes, timeout=deadline_seconds)
    for process in processes:
        _signal_group(process.pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
