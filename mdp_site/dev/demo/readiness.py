"""Waits, with a deadline, until a process reports that it is ready."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from mdp_site.dev.demo.environment import LOOPBACK, DemoError
from mdp_site.dev.demo.plan import PlannedProcess

READY_WITHIN_SECONDS: Final = 90.0
PROBE_INTERVAL_SECONDS: Final = 0.1
PROBE_TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)


async def until_ready(process: PlannedProcess) -> None:
    """Wait until the process answers 200 at its `ready_url`, if it has one.

    Raises:
        DemoError: it was not ready within `READY_WITHIN_SECONDS`; the message contains its last answer.
    """
    url = process.ready_url
    if url is None:
        return
    async with aiohttp.ClientSession(timeout=PROBE_TIMEOUT) as http:
        await _until(process.name, lambda: _reason_not_ready(http, url))


async def until_listening(name: str, port: int) -> None:
    """Wait until a process accepts connections at a port of this machine.

    Raises:
        DemoError: none did within `READY_WITHIN_SECONDS`.
    """
    await _until(name, lambda: _reason_not_listening(port))


async def _until(name: str, reason_to_wait: Callable[[], Awaitable[str]]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while reason := await reason_to_wait():
        if time.monotonic() > deadline:
            raise DemoError(f"{name} was not ready within {READY_WITHIN_SECONDS:.0f} s: {reason}")
        await asyncio.sleep(PROBE_INTERVAL_SECONDS)


async def _reason_not_ready(http: aiohttp.ClientSession, url: str) -> str:
    """Why the process is not ready yet; empty if it is."""
    try:
        async with http.get(url) as answer:
            return "" if answer.status == 200 else (await answer.text()).strip()
    except (aiohttp.ClientError, TimeoutError) as error:
        return str(error) or type(error).__name__


async def _reason_not_listening(port: int) -> str:
    """Why nothing can be connected to at the port; empty if a process accepts connections."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError as error:
        return str(error)
    writer.close()
    return ""
