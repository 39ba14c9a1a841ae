"""Runs `run_processor --workers` as real processes, and reads the health endpoints of their parent."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.support.health_client import probe
from tests.support.running import MANAGE
from tests.support.services import free_ports_in_a_row

WORKERS: Final = 2
_OWNED: Final = re.compile(r'^mdp_processor_owned\{shard="(\d+)",worker="([^"]+)"\} 1\.0$', re.MULTILINE)


class RunningParent:
    """The parent process of the workers."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process = process
        self._port = port
        self._log = log

    async def workers(self) -> Mapping[str, Any]:
        """The parent's report about each worker, by name. Empty if the parent does not answer."""
        with contextlib.suppress(aiohttp.ClientError):
            _, body = await probe(self._port, "/healthz")
            return {worker["name"]: worker for worker in json.loads(body)["workers"]}
        return {}

    async def is_ready(self) -> bool:
        """Whether the parent reports that all workers are ready."""
        assert self.process.returncode is None, self._log.read_text()
        with contextlib.suppress(aiohttp.ClientError):
            return (await probe(self._port, "/readyz"))[0] == 200
        return False

    async def owners(self) -> dict[int, str]:
        """The worker that owns each shard."""
        return {int(shard): worker for shard, worker in _OWNED.findall(await self.metrics())}

    async def metrics(self) -> str:
        """The metrics of all workers, as text."""
        _, page = await probe(self._port, "/metrics")
        return page


@contextlib.asynccontextmanager
async def running_parent(directory: Path, **environment: str) -> AsyncIterator[RunningParent]:
    """Run two workers with additional variables during the context. They log into `directory`."""
    port = free_ports_in_a_row(1 + WORKERS)  # the parent's and its workers'
    log = directory / "processor.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(MANAGE), "run_processor"),
            *("--workers", str(WORKERS), "--health-port", str(port)),
            env=os.environ
            | {"DJANGO_SETTINGS_MODULE": "mdp_site.settings", "LOG_FORMAT": "console"}
            | environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield RunningParent(process, port, log)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
