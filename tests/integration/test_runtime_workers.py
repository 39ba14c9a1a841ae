"""A pool of workers answers for all of them. Real processes of a small program with health endpoints."""

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from marketdata.observability.health import HealthServer
from marketdata.observability.tracing import Tracing
from marketdata.runtime.workers import WorkerCommand, WorkerPool, free_ports
from tests.support.deadlines import eventually

HOST = "127.0.0.1"
WITHIN_SECONDS = 30.0
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

WORKER = textwrap.dedent(
    """
    import asyncio, os, pathlib, sys
    from marketdata.observability.health import HealthServer
    directory, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])

    def unready():
        missing = directory / "missing"
        return {"queues": missing.read_text()} if missing.exists() else {}

    async def main():
        (directory / f"traceparent-{port}").write_text(os.environ.get("TRACEPARENT", ""))
        async with HealthServer("worker", unready, host="127.0.0.1", port=port):
            await asyncio.Event().wait()

    asyncio.run(main())
    """
)


class SampledTracing(Tracing):
    """A context that is always the same."""

    def traceparent(self) -> str:
        return TRACEPARENT


class RunningPool:
    def __init__(self, ports: Sequence[int], directory: Path) -> None:
        commands = [
            WorkerCommand((sys.executable, "-c", WORKER, str(directory), str(port)), port) for port in ports
        ]
        self.pool = WorkerPool("worker", commands, health_host=HOST, tracing=SampledTracing())
        self.stopping = asyncio.Event()
        self.task = asyncio.create_task(self.pool.run(self.stopping))

    def status(self, index: int) -> dict[str, Any]:
        return dict(self.pool.statuses()[index])

    async def until_ready(self) -> None:
        await eventually(lambda: not self.pool.unready(), WITHIN_SECONDS)

    async def stop(self) -> None:
        self.stopping.set()
        async with asyncio.timeout(WITHIN_SECONDS):
            await self.task


def passed_on(directory: Path) -> list[str]:
    return [path.read_text() for path in directory.glob("traceparent-*")]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningPool]:
    made = RunningPool(free_ports(HOST, 2), tmp_path)
    try:
        yield made
    finally:
        await made.stop()


async def test_the_pool_is_ready_when_all_workers_are(running: RunningPool, tmp_path: Path) -> None:
    assert running.pool.unready() == {"worker": "workers are starting"}
    await running.until_ready()

    (tmp_path / "missing").write_text("broker is away")

    expected = {"worker-0 queues": "broker is away", "worker-1 queues": "broker is away"}
    await eventually(lambda: running.pool.unready() == expected, WITHIN_SECONDS)


async def test_a_worker_that_is_killed_is_started_again(running: RunningPool) -> None:
    await running.until_ready()
    killed = running.status(1)["pid"]

    os.kill(killed, signal.SIGKILL)

    await eventually(lambda: "worker-1" in running.pool.unready(), WITHIN_SECONDS)
    await eventually(lambda: running.status(1)["restarts"] == 1, WITHIN_SECONDS)
    await running.until_ready()
    assert running.status(1)["last_exit_code"] == -signal.SIGKILL
    assert running.status(0)["restarts"] == 0


async def test_a_worker_that_hangs_is_named_as_stuck(running: RunningPool) -> None:
    await running.until_ready()
    assert running.pool.stuck() == {}

    os.kill(running.status(0)["pid"], signal.SIGSTOP)

    try:
        await eventually(lambda: list(running.pool.stuck()) == ["worker-0"], WITHIN_SECONDS)
        assert "silent for" in running.pool.unready()["worker-0"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.status(0)["pid"], signal.SIGCONT)


async def test_the_metrics_page_holds_those_of_the_workers(running: RunningPool) -> None:
    await running.until_ready()
    page = (await running.pool.with_metrics(b"")).decode()
    assert 'mdp_service_ready{worker="worker-0"} 1.0' in page
    assert 'mdp_service_ready{worker="worker-1"} 1.0' in page


async def test_another_service_on_the_port_of_a_worker_does_not_answer_for_it(tmp_path: Path) -> None:
    ports = free_ports(HOST, 2)
    other = HealthServer("scanner", dict, host=HOST, port=ports[1])
    async with other:
        made = RunningPool(ports, tmp_path)
        try:
            await eventually(lambda: is_told_as_taken(made.pool), WITHIN_SECONDS)
            page = (await made.pool.with_metrics(b"")).decode()
            assert 'worker="worker-1"' not in page
            await eventually(lambda: made.status(1)["restarts"] >= 1, WITHIN_SECONDS)
            assert any("worker-1" in part for part in made.pool.unready())
        finally:
            await other.close()
            await made.until_ready()
            await made.stop()


def is_told_as_taken(pool: WorkerPool) -> bool:
    reason = pool.unready().get("worker-1 health port", "")
    return f"is taken by scanner, process {os.getpid()}; accepted: a free port" in reason


async def test_the_trace_context_of_the_start_reaches_the_workers(
    running: RunningPool, tmp_path: Path
) -> None:
    await running.until_ready()
    assert passed_on(tmp_path) == [TRACEPARENT, TRACEPARENT]
