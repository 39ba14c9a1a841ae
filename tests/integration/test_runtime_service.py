"""A long-running command from outside: readiness, health endpoints, signals and exit codes."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import textwrap
from collections.abc import AsyncIterator, Mapping

import pytest

from tests.support.deadlines import eventually, scaled
from tests.support.health_client import probe

PROGRAM = """
    import asyncio, sys, time
    from marketdata.observability.logs import configure_logging
    from marketdata.runtime.report import ServiceStatus
    from marketdata.runtime.runner import run_service

    class Service:
        status = ServiceStatus
        name = "example"
        waiting = True

        def unready(self):
            return {"broker": "not connected yet"} if self.waiting else {}

        async def run(self, stopping):
            behaviour = sys.argv[1]
            if behaviour == "fails":
                raise ValueError("no luck")
            if behaviour == "returns":
                return
            if behaviour == "ready":
                self.waiting = False
            await stopping.wait()
            if behaviour == "hangs":
                await asyncio.Event().wait()
            if behaviour == "blocks":
                time.sleep(600)
            print("drained", flush=True)

    import marketdata.runtime.runner as runner
    runner.STOP_DEADLINE_SECONDS = float(sys.argv[3])
    configure_logging("example", "INFO", "json")
    run_service(Service(), health_host="127.0.0.1", health_port=int(sys.argv[2]) if sys.argv[2] else None)
"""


class Command:
    """A service in a process of its own, and the log lines that it wrote."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())

    async def logged(self, event: str) -> Mapping[str, object]:
        await eventually(lambda: self.find(event) is not None, 20)
        found = self.find(event)
        assert found is not None
        return found

    def find(self, event: str) -> Mapping[str, object] | None:
        entries = [json.loads(line) for line in self.lines if line.startswith("{")]
        return next((entry for entry in entries if entry["event"] == event), None)

    async def exit_code(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), scaled(20))
        await self._reading
        return code


@contextlib.asynccontextmanager
async def command(
    behaviour: str, port: int | str = 0, deadline_seconds: float = 10.0
) -> AsyncIterator[Command]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(PROGRAM),
        behaviour,
        str(port),
        str(deadline_seconds),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Command(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_ready_service_says_so_once_and_serves_its_health() -> None:
    async with command("ready") as service:
        port = (await service.logged("health endpoints served"))["port"]
        await service.logged("service ready")

        status, text = await probe(port, "/readyz")
        answer = {"service": "example", "pid": service.process.pid, "ready": True, "unready": {}}
        assert (status, json.loads(text)) == (200, answer)
        assert (await probe(port, "/healthz"))[0] == 200
        status, text = await probe(port, "/metrics")
        assert status == 200
        assert "mdp_service_ready 1.0" in text
        assert "mdp_event_loop_lag_seconds_bucket" in text


async def test_a_service_that_waits_for_something_is_alive_and_not_ready() -> None:
    async with command("waits") as service:
        port = (await service.logged("health endpoints served"))["port"]

        status, text = await probe(port, "/readyz")
        assert status == 503
        assert json.loads(text)["unready"] == {"broker": "not connected yet"}
        assert (await probe(port, "/healthz"))[0] == 200
        assert service.find("service ready") is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_exits_with_success(number: signal.Signals) -> None:
    async with command("ready") as service:
        await service.logged("service ready")
        service.process.send_signal(number)

        assert await service.exit_code() == 0
        assert "drained" in service.lines
        assert service.find("service stopped")


async def test_a_second_signal_ends_a_stop_that_hangs() -> None:
    async with command("hangs") as service:
        await service.logged("health endpoints served")
        service.process.send_signal(signal.SIGTERM)
        await service.logged("service stopping")
        service.process.send_signal(signal.SIGTERM)

        assert await service.exit_code() == 1
        forced = service.find("service forced to exit")
        assert forced is not None
        assert forced["reason"] == "second signal"


@pytest.mark.parametrize("behaviour", ["hangs", "blocks"])
async def test_the_deadline_ends_a_stop_even_when_the_loop_is_stuck(behaviour: str) -> None:
    async with command(behaviour, deadline_seconds=0.5) as service:
        await service.logged("health endpoints served")
        service.process.send_signal(signal.SIGTERM)

        assert await service.exit_code() == 1
        forced = service.find("service forced to exit")
        assert forced is not None
        assert forced["reason"] == "deadline"


@pytest.mark.parametrize(
    ("behaviour", "event"), [("fails", "service failed"), ("returns", "service ended by itself")]
)
async def test_an_end_that_nobody_asked_for_is_an_error_with_one_line(behaviour: str, event: str) -> None:
    async with command(behaviour) as service:
        assert await service.exit_code() == 1
        errors = [line for line in service.lines if '"level": "error"' in line]
        assert len(errors) == 1
        assert event in errors[0]


async def test_a_taken_health_port_is_told_and_ends_the_command() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with command("ready", port=taken.getsockname()[1]) as service:
            assert await service.exit_code() == 1
            assert service.find("health port taken")


async def test_without_a_health_port_nothing_is_served() -> None:
    async with command("ready", port="") as service:
        await service.logged("service ready")
        assert service.find("health endpoints served") is None
