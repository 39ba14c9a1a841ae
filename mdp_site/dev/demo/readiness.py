"""Waiting for a process to say that it is ready, with a deadline."""

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
        DemoError: it did not within `READY_WITHIN_SECONDS`; the message has its last answer.
    """
    url = process.ready_url
    if url is None:
        return
    async with aiohttp.ClientSession(timeout=PROBE_TIMEOUT) as http:
        await _until(process.name, lambda: _complaint(http, url))


async def until_listening(name: str, port: int) -> None:
    """Wait until something accepts connections at a port of this machine.

    Raises:
        DemoError: nothing did within `READY_WITHIN_SECONDS`.
    """
    await _until(name, lambda: _refusal(port))


async def _until(name: str, complaint: Callable[[], Awaitable[str]]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while reason := await complaint():
        if time.monotonic() > deadline:
            raise DemoError(f"{name} was not ready within {READY_WITHIN_SECONDS:.0f} s: {reason}")
        await asyncio.sleep(PROBE_INTERVAL_SECONDS)


async def _complaint(http: aiohttp.ClientSession, url: str) -> str:
    """Why the process is not ready yet; empty when it is."""
    try:
        async with http.get(url) as answer:
            return "" if answer.status == 200 else (await answer.text()).strip()
    except (aiohttp.ClientError, TimeoutError) as error:
        return str(error) or type(error).__name__


async def _refusal(port: int) -> str:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError as error:
        return str(error)
    writer.close()
    return ""
