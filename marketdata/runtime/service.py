"""The interface of a long-running process.

A service works in `run` until it must stop. `marketdata.runtime.runner` provides the rest: event loop,
signals, health endpoints, logs, exit code.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from marketdata.runtime.report import ServiceStatus


class Service(Protocol):
    """One long-running process: listener, processor, scanner, simulator."""

    @property
    def name(self) -> str:
        """The name for operators: `listener`, `processor`, `scanner`, `simulator`."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then accept no more input, drain, close, and return within 10 s.

        If a dependency is away, wait for it with backoff; do not return.
        To return early or to raise ends the process with exit code 1.
        """

    def unready(self) -> Mapping[str, str]:
        """Why the service cannot work now: dependency -> reason. Empty when ready."""

    def status(self) -> ServiceStatus:
        """What it does now: role, progress, books. Called once a second, in its event loop."""
