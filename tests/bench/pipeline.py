"""The whole pipeline under load: simulator socket to WebSocket client, every process real, one machine.

`Pipeline` starts what `make demo` starts (without login) on a chosen transport and offered rate; `observe`
reads the processes' own counters, and a program client with an API token hears the boards.
"""

import asyncio
import contextlib
import dataclasses
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import psutil
from websockets.asyncio.client import ClientConnection, connect

from marketdata.runtime.processes import ProcessManager, ProcessSpec
from mdp_site.dev.demo.environment import LOOPBACK, Ports, build_environment, load_secrets
from mdp_site.dev.demo.plan import LOAD_REFERENCE, MIGRATE, ROOT, PlannedProcess, market, platform
from mdp_site.dev.demo.readiness import until_ready
from mdp_site.dev.demo.supervisor import child_environment
from tests.bench.accounts import make_logins
from tests.support.services import RabbitMQServer, ValkeyServer, free_ports_in_a_row

BOARDS: Final = ("scanners:top_gainers", "scanners:top_gappers", "scanners:top_volume")
START: Final = "2026-11-20T10:30"  # in the regular session, so that rates hold
MIX: Final = "A:4,T:10,Q:40"
_SAMPLE: Final = re.compile(r"^(mdp_\w+?)(\{[^}]*\})? ([0-9.e+-]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Observation:
    """Counters and processor time of all processes at one instant."""

    at_seconds: float
    sent: float
    received: float
    processed: float
    lost: Mapping[str, float]
    cpu_seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Window:
    """What happened between two observations."""

    seconds: float
    received_per_second: float
    processed_per_second: float
    lost: Mapping[str, float]
    cpu_share: Mapping[str, float]

    @property
    def total_lost(self) -> float:
        """Batches or frames that did not make it, of all kinds."""
        return sum(self.lost.values())


def window_between(first: Observation, last: Observation) -> Window:
    """Rates and losses from one observation to a later one."""
    seconds = last.at_seconds - first.at_seconds
    return Window(
        seconds,
        (last.received - first.received) / seconds,
        (last.processed - first.processed) / seconds,
        {
            name: count - first.lost.get(name, 0)
            for name, count in last.lost.items()
            if count > first.lost.get(name, 0)
        },
        {
            name: (spent - first.cpu_seconds.get(name, 0)) / seconds
            for name, spent in last.cpu_seconds.items()
        },
    )


class Pipeline:
    """A running platform with its market; made by `running_pipeline`."""

    def __init__(
        self, ports: Ports, manager: ProcessManager, tokens: Sequence[str], servers: Mapping[str, int]
    ) -> None:
        self._ports = ports
        self._manager = manager
        self._tokens = tokens
        self._servers = servers

    async def observe(self) -> Observation:
        """Read every process's counters and processor time now."""
        async with aiohttp.ClientSession() as http:
            listener = await _counters(http, self._ports.listener_health)
            processor = await _counters(http, self._ports.processor_health)
            simulator = await _counters(http, self._ports.simulator_health)
        lost = {
            "feed frames dropped": listener["mdp_provider_dropped_frames_total"],
            "batches dropped unpublished": listener["mdp_listener_dropped_batches_total"],
            "batches dropped by a full queue": listener["mdp_transport_dropped_batches_total"],
            "batches expired": listener["mdp_transport_expired_batches_total"]
            + processor["mdp_transport_expired_batches_total"],
            "batches that never arrived": processor["mdp_transport_missing_batches_total"],
            "feed connections cut off": simulator["mdp_simulator_ended_connections_total"],
            "market seconds not simulated": simulator["mdp_simulator_clock_slipped_seconds_total"],
        }
        return Observation(
            time.monotonic(),
            simulator["mdp_simulator_sent_events_total"],
            listener["mdp_listener_events_total"],
            processor["mdp_processor_events_total"],
            lost,
            self._cpu_seconds(),
        )

    def _cpu_seconds(self) -> Mapping[str, float]:
        pids = {status.name: status.pid for status in self._manager.statuses()} | dict(self._servers)
        return {name: cpu_of_tree(pid) for name, pid in pids.items() if pid is not None}

    @property
    def web_port(self) -> int:
        """The port of the web process."""
        return self._ports.web

    @property
    def tokens(self) -> Sequence[str]:
        """An API token of each user."""
        return self._tokens

    @contextlib.asynccontextmanager
    async def client(self, user: int = 0) -> AsyncIterator[ClientConnection]:
        """A program's connection to the Widget Data Service, on behalf of one of the users."""
        async with connect(
            f"ws://{LOOPBACK}:{self.web_port}/ws/",
            subprotocols=["mdp.v2"],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {self.tokens[user]}"},
            max_size=None,
        ) as socket:
            yield socket


def _own_ports() -> Ports:
    """None of the usual ones: a demo beside this may take them, and its counters would be read for ours."""
    count = len(dataclasses.fields(Ports))
    first = free_ports_in_a_row(count)
    return Ports(*range(first, first + count))


@contextlib.asynccontextmanager
async def running_pipeline(
    transport: str, *, events_per_second: int, users: int = 1, market_options: Sequence[str] = ()
) -> AsyncIterator[Pipeline]:
    """The platform on `rabbitmq` or `redis` queues, with the simulator at a rate; stopped on the way out.

    `market_options` are further options of `run_simulator`.
    """
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mdp-bench-")))
        cache = stack.enter_context(ValkeyServer())
        servers = {"cache": cache.pid}
        ports = _own_ports()
        settings = build_environment({}, ports, load_secrets(state), state)
        settings |= {"MDC_URL": cache.database(0), "MDQ_URL": cache.database(1), "LOG_FORMAT": "json"}
        if transport == "rabbitmq":
            broker = stack.enter_context(RabbitMQServer())
            servers["rabbitmq"] = broker.pid
            settings["MDQ_URL"] = broker.url
        environment = child_environment({}, settings)
        await asyncio.to_thread(_run, MIGRATE, environment)
        tokens = [login.token for login in await asyncio.to_thread(make_logins, users, environment)]
        manager = ProcessManager(state / "pids.json")
        try:
            simulator = market(ports)
            load = ("--rate", str(events_per_second), "--mix", MIX, "--start", START, *market_options)
            await _start(
                manager,
                PlannedProcess("simulator", (*simulator.command, *load), simulator.ready_url),
                state,
                environment,
            )
            await until_ready(simulator)
            await asyncio.to_thread(_run, LOAD_REFERENCE, environment)
            ours = platform(ports)
            for process in ours:
                await _start(manager, process, state, environment)
            await asyncio.gather(*map(until_ready, ours))
            yield Pipeline(ports, manager, tokens, servers)
        finally:
            await manager.stop_all()


async def board_updates(socket: ClientConnection, counts: Counter[str]) -> None:
    """Subscribe to the boards and count their frames until cancelled.

    Raises:
        AssertionError: a frame does not follow the one before it: data was missed without a word.
    """
    await socket.send(msgspec.json.encode({"type": "subscribe", "feeds": BOARDS}).decode())
    newest: dict[str, tuple[str, int]] = {}
    async for text in socket:
        frame: dict[str, Any] = msgspec.json.decode(text)
        if frame["type"] not in {"snapshot", "delta"}:
            continue
        feed, epoch, sequence = frame["feed"], frame["epoch"], frame["seq"]
        before = epoch, frame.get("prev")
        if frame["type"] == "delta" and newest.get(feed) != before:
            raise AssertionError(f"{feed}: delta {sequence} after {newest.get(feed)}, not after {before}")
        newest[feed] = (epoch, sequence)
        counts[feed] += 1


async def _start(
    manager: ProcessManager, process: PlannedProcess, state: Path, environment: Mapping[str, str]
) -> None:
    await manager.start(
        ProcessSpec(
            name=process.name,
            argv=process.command,
            log_path=state / "logs" / f"{process.name}.log",
            environment=environment,
            working_directory=ROOT,
        )
    )


async def _counters(http: aiohttp.ClientSession, port: int) -> Counter[str]:
    """Every counter of a process, summed over its labels."""
    async with http.get(f"http://{LOOPBACK}:{port}/metrics") as answer:
        text = await answer.text()
    sums: Counter[str] = Counter()
    for name, _labels, value in _SAMPLE.findall(text):
        sums[name] += float(value)  # type: ignore[assignment]
    return sums


def cpu_of_tree(pid: int) -> float:
    """Processor time of a process and its children, in seconds; 0 when it is gone."""
    spent = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system
    return spent


def _run(command: Iterable[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        list(command), env=dict(environment), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout
