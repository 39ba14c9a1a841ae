"""Child processes: kept running, stopped in order, and never left behind. Real processes, real signals."""

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from marketdata.runtime.processes import ProcessManager, ProcessSpec, ProcessState, ProcessStatus
from tests.support.deadlines import eventually, scaled

UNTIL_TERMINATED = (
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); print('up', flush=True);"
    " signal.sigwait([signal.SIGTERM])"
)
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    " time.sleep(600)"
)


def spec(directory: Path, name: str, program: str) -> ProcessSpec:
    return ProcessSpec(
        name=name, argv=(sys.executable, "-c", program), log_path=directory / "logs" / f"{name}.log"
    )


def status_of(manager: ProcessManager, name: str) -> ProcessStatus:
    return next(status for status in manager.statuses() if status.name == name)


def is_up(directory: Path, name: str) -> bool:
    path = directory / "logs" / f"{name}.log"
    return path.exists() and "up" in path.read_text()


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[ProcessManager]:
    manager = ProcessManager(tmp_path / "pids.json", stop_deadline_seconds=scaled(2.0))
    yield manager
    await manager.stop_all()


async def test_a_started_child_runs_with_its_own_environment_and_log(
    manager: ProcessManager, tmp_path: Path
) -> None:
    program = (
        "import os, sys; print(os.environ['WORD'], flush=True); print('error', file=sys.stderr, flush=True);"
    )
    child = ProcessSpec(
        name="child",
        argv=(sys.executable, "-c", f"{program} {UNTIL_TERMINATED}"),
        log_path=tmp_path / "child.log",
        environment={"WORD": "heard"},
    )

    await manager.start(child)

    await eventually(lambda: "up" in (tmp_path / "child.log").read_text(), 10)
    assert (tmp_path / "child.log").read_text().splitlines()[:2] == ["heard", "error"]
    assert status_of(manager, "child").state is ProcessState.RUNNING


async def test_a_child_that_crashes_is_started_again_and_told(
    manager: ProcessManager, tmp_path: Path
) -> None:
    await manager.start(spec(tmp_path, "child", UNTIL_TERMINATED))
    await eventually(lambda: is_up(tmp_path, "child"), 10)
    first = status_of(manager, "child").pid
    assert first is not None

    os.kill(first, signal.SIGKILL)

    await eventually(lambda: status_of(manager, "child").restarts == 1, 10)
    again = await eventually(lambda: status_of(manager, "child").pid, 10)
    assert again != first
    assert status_of(manager, "child").last_exit_code == -signal.SIGKILL


async def test_a_child_that_fails_at_once_waits_longer_before_each_restart(
    manager: ProcessManager, tmp_path: Path
) -> None:
    await manager.start(spec(tmp_path, "child", "raise SystemExit(3)"))

    await eventually(lambda: status_of(manager, "child").state is ProcessState.WAITING, 10)
    assert status_of(manager, "child").last_exit_code == 3


async def test_an_unknown_command_is_told_to_the_caller(manager: ProcessManager, tmp_path: Path) -> None:
    missing = ProcessSpec(name="child", argv=("no-such-command",), log_path=tmp_path / "child.log")

    with pytest.raises(FileNotFoundError, match="no-such-command"):
        await manager.start(missing)

    assert manager.statuses() == []


async def test_a_command_that_is_gone_for_a_while_is_started_once_it_is_back(
    manager: ProcessManager, tmp_path: Path
) -> None:
    command = tmp_path / "command"
    command.write_text("#!/bin/sh\necho up\nexec sleep 600\n")
    command.chmod(0o755)
    await manager.start(ProcessSpec(name="child", argv=(str(command),), log_path=tmp_path / "child.log"))
    first = status_of(manager, "child").pid
    assert first is not None

    command.rename(tmp_path / "elsewhere")
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: status_of(manager, "child").restarts >= 1, 10)
    assert status_of(manager, "child").state is ProcessState.WAITING
    (tmp_path / "elsewhere").rename(command)

    await eventually(lambda: status_of(manager, "child").state is ProcessState.RUNNING, 20)


async def test_a_name_is_given_once(manager: ProcessManager, tmp_path: Path) -> None:
    await manager.start(spec(tmp_path, "child", UNTIL_TERMINATED))
    with pytest.raises(ValueError, match="child"):
        await manager.start(spec(tmp_path, "child", UNTIL_TERMINATED))


async def test_stopping_goes_from_the_newest_to_the_oldest_and_leaves_nobody(
    manager: ProcessManager, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    for name in ("store", "worker"):
        program = f"{UNTIL_TERMINATED}; open({str(order)!r}, 'a').write('{name}\\n')"
        await manager.start(spec(tmp_path, name, program))
    await eventually(lambda: is_up(tmp_path, "store") and is_up(tmp_path, "worker"), 10)
    pids = [status.pid for status in manager.statuses() if status.pid]

    await manager.stop_all()

    assert order.read_text().split() == ["worker", "store"]
    assert not any(is_running(pid) for pid in pids)
    assert not (tmp_path / "pids.json").exists()


async def test_a_child_that_ignores_the_signal_is_killed_after_the_deadline(
    manager: ProcessManager, tmp_path: Path
) -> None:
    await manager.start(spec(tmp_path, "deaf", DEAF))
    await manager.start(spec(tmp_path, "polite", UNTIL_TERMINATED))
    await eventually(lambda: is_up(tmp_path, "deaf") and is_up(tmp_path, "polite"), 10)
    pids = [status.pid for status in manager.statuses() if status.pid]

    async with asyncio.timeout(scaled(10.0)):
        await manager.stop_all()

    assert not any(is_running(pid) for pid in pids)


async def test_the_children_of_a_child_end_with_it(manager: ProcessManager, tmp_path: Path) -> None:
    grandchild = tmp_path / "grandchild"
    program = (
        "import subprocess, sys; "
        f"process = subprocess.Popen([sys.executable, '-c', {DEAF!r}]); "
        f"open({str(grandchild)!r}, 'w').write(str(process.pid)); "
        f"{UNTIL_TERMINATED}"
    )
    await manager.start(spec(tmp_path, "child", program))
    await eventually(lambda: is_up(tmp_path, "child") and grandchild.exists(), 10)
    pid = int(await eventually(grandchild.read_text, 10))

    await manager.stop_all()

    await eventually(lambda: not is_running(pid), 10)


PARENT = """
    import asyncio, sys
    from pathlib import Path
    from marketdata.runtime.processes import ProcessManager, ProcessSpec

    async def main():
        directory = Path(sys.argv[1])
        manager = ProcessManager(directory / "pids.json")
        argv = (sys.executable, "-c", sys.argv[2])
        log_path = directory / "logs" / "child.log"
        await manager.start(ProcessSpec(name="child", argv=argv, log_path=log_path))
        print("started", flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


async def killed_parent(tmp_path: Path, program: str) -> int:
    """Run a parent with one child, kill the parent with SIGKILL; the child's pid."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path), program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await asyncio.wait_for(parent.stdout.readline(), scaled(20)) == b"started\n"
    await eventually(lambda: is_up(tmp_path, "child"), 10)
    (record,) = json.loads((tmp_path / "pids.json").read_bytes())
    parent.kill()
    await parent.wait()
    return int(record["pid"])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's own")
async def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    pid = await killed_parent(tmp_path, UNTIL_TERMINATED)
    await eventually(lambda: not is_running(pid), 10)


async def test_the_next_run_ends_what_a_killed_run_left_behind(
    manager: ProcessManager, tmp_path: Path
) -> None:
    pid = await killed_parent(tmp_path, DEAF)
    assert is_running(pid)

    assert await manager.end_leftovers() == ["child"]

    await eventually(lambda: not is_running(pid), 10)
    assert not (tmp_path / "pids.json").exists()


async def test_a_recorded_pid_that_is_another_process_now_is_left_alone(
    manager: ProcessManager, tmp_path: Path
) -> None:
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", UNTIL_TERMINATED)
    try:
        started = psutil.Process(stranger.pid).create_time()
        record = {"name": "child", "pid": stranger.pid, "started_at_seconds": started - 60}
        (tmp_path / "pids.json").write_text(json.dumps([record]))

        assert await manager.end_leftovers() == []
        assert is_running(stranger.pid)
    finally:
        stranger.kill()
        await stranger.wait()


@pytest.mark.parametrize("content", [b"", b"no json", b'[{"pid": "x"}]'])
async def test_an_unreadable_pid_file_stops_nothing(
    manager: ProcessManager, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "pids.json").write_bytes(content)
    assert await manager.end_leftovers() == []
