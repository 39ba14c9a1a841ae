"""Runs services for a test: in the test's event loop, or as the command that an operator starts."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol, TypeVar

from tests.support.deadlines import scaled

MANAGE: Final = Path(__file__).resolve().parents[2] / "manage.py"
STOP_SECONDS: Final = 15.0


class Runnable(Protocol):
    """A service, or a part of one that has the same interface."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set."""


R = TypeVar("R", bound=Runnable)


@contextlib.asynccontextmanager
async def running(service: R) -> AsyncIterator[R]:
    """Run a service during the context. At the end it must stop in time and without an error."""
    stopping = asyncio.Event()
    task = asyncio.create_task(service.run(stopping))
    try:
        yield service
    finally:
        stopping.set()
        await asyncio.wait_for(task, scaled(STOP_SECONDS))


@contextlib.asynccontextmanager
async def running_command(*arguments: object, **environment: str) -> AsyncIterator[Process]:
    """Run `manage.py` with these arguments and additional variables. Kill it at the end if it still runs.

    Its log, as JSON, can be read from `stdout`. If a test does not read it, the process must not log much.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(MANAGE),
        *map(str, arguments),
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "mdp_site.settings", "LOG_FORMAT": "json"} | environment,
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
