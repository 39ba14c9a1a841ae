"""The shape of a long-running process.

A service does its work in `run` until it is told to stop; everything around that (event loop,
signals, health endpoints, logs, exit code) is `marketdata.runtime.runner`.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol


class Service(Protocol):
    """One long-running process: listener, processor, scanner, simulator."""

    @property
    def name(self) -> str:
        """What operators call it: `listener`, `processor`, `scanner`, `simulator`."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then stop taking, drain, close, and return within 10 s.

        A dependency that is away is waited for with backoff, never a reason to return.
        Returning early or raising ends the process with exit code 1.
        """

    def unready(self) -> Mapping[str, str]:
        """Why the service cannot do its work right now: dependency -> reason. Empty when ready."""
