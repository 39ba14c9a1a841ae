"""Services of ours while a test looks on: in its own loop, or as the command that an operator starts."""

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
    """A service, or a part of one that lives as a service does."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until told to stop."""


R = TypeVar("R", bound=Runnable)


@contextlib.asynccontextmanager
async def running(service: R) -> AsyncIterator[R]:
    """The service runs; at the end it is told to stop, and must have stopped in time without an error."""
    stopping = asyncio.Event()
    task = asyncio.create_task(service.run(stopping))
    try:
        yield service
    finally:
        stopping.set()
        await asyncio.wait_for(task, scaled(STOP_SECONDS))


@contextlib.asynccontextmanager
async def running_command(*arguments: object, **environment: str) -> AsyncIterator[Process]:
    """`manage.py` with these arguments, and variables beside our own; killed at the end if it still runs.

    What it logs, as JSON, can be read from `stdout`; a test that does not read must not let it log much.
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
