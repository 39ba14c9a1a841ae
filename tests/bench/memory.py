"""`memory_*`: resident memory of the long-running processes under the whole market, every process real."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import msgspec
import psutil
from websockets.asyncio.client import ClientConnection

from mdp_site.dev.demo.plan import ROOT
from tests.bench.pipeline import BOARDS, Pipeline, running_pipeline
from tests.bench.rows import Row, duration_row

MARKET_RATE: Final = 20_000
SETTLED_AFTER_SECONDS: Final = 30
WEB_CLIENTS: Final = 100
USERS: Final = 5  # a user may have 20 connections
BYTES_PER_MB: Final = 1_000_000
BUDGETS_MB: Final[Mapping[str, int]] = {"listener": 300, "processor": 600, "scanner": 400, "web": 400}

LIBRARIES: Final[Mapping[str, str]] = {
    "listener": "django, massive, aio_pika, redis.asyncio, aiohttp, uvloop, msgspec, prometheus_client, "
    "exchange_calendars, numba, structlog, psutil, tenacity",
    "processor": "django, aio_pika, redis.asyncio, aiohttp, uvloop, msgspec, prometheus_client, "
    "exchange_calendars, numba, numpy, structlog, psutil, tenacity",
    "scanner": "django, redis.asyncio, aiohttp, uvloop, msgspec, prometheus_client, numba, numpy, "
    "structlog, psutil, tenacity",
    "web": "django, channels, channels_redis.core, uvicorn, websockets, allauth, whitenoise, redis.asyncio, "
    "uvloop, msgspec, prometheus_client, numpy, structlog",
}
"""What each process cannot do without; the limit of its row is a Python process that imports just these."""


def memory() -> list[Row]:
    """A row for each process: 11,000 symbols, half a minute, and 100 clients on all boards."""
    return asyncio.run(_memory())


async def _memory() -> list[Row]:
    frames = [Counter[str]() for _ in range(WEB_CLIENTS)]
    async with (
        running_pipeline("rabbitmq", events_per_second=MARKET_RATE, users=USERS) as running,
        _listening(running, frames),
    ):
        await asyncio.sleep(SETTLED_AFTER_SECONDS)
        resident = {name: _resident_mb(_process(name)) for name in BUDGETS_MB}
    if deaf := sum(not counts.total() for counts in frames):
        raise AssertionError(f"{deaf} of {WEB_CLIENTS} clients heard nothing")
    return [_row(name, resident[name]) for name in BUDGETS_MB]


@contextlib.asynccontextmanager
async def _listening(running: Pipeline, frames: Sequence[Counter[str]]) -> AsyncIterator[None]:
    """Clients on all boards, each counting its frames."""
    async with contextlib.AsyncExitStack() as stack:
        listening = []
        for number, counts in enumerate(frames):
            socket = await stack.enter_async_context(running.client(number % USERS))
            listening.append(asyncio.create_task(_hear(socket, counts)))
        try:
            yield
            for task in listening:
                if task.done():
                    task.result()
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)


async def _hear(socket: ClientConnection, counts: Counter[str]) -> None:
    """Subscribe to the boards and count what comes, unread: all clients share this one process."""
    await socket.send(msgspec.json.encode({"type": "subscribe", "feeds": BOARDS}).decode())
    async for _frame in socket:
        counts["frames"] += 1


def _process(name: str) -> psutil.Process:
    """The one child of this program that runs a command of the platform."""
    command = f"run_{name}"
    (found,) = [child for child in psutil.Process().children() if command in child.cmdline()]
    return found


def _resident_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / BYTES_PER_MB


def _row(name: str, value: float) -> Row:
    return duration_row(
        f"memory_{name}",
        value,
        _bare_mb(LIBRARIES[name]),
        budget=BUDGETS_MB[name],
        limit_is="Python with the same libraries",
        unit="MB",
        note=f"{WEB_CLIENTS} clients" if name == "web" else "",
    )


def _bare_mb(libraries: str) -> float:
    """Resident memory of a Python process that imports some libraries and does nothing."""
    program = f"import {libraries}, psutil; print(psutil.Process().memory_info().rss)"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mdp_site.settings"}
    done = subprocess.run(
        (sys.executable, "-c", program), env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout) / BYTES_PER_MB
