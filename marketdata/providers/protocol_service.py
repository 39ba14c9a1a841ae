"""The common part of the services that serve a provider's protocol."""

import abc
import asyncio
from collections.abc import Mapping

from marketdata.providers.emulator import ProtocolServer
from marketdata.runtime.report import ServiceStatus


class ProtocolService(abc.ABC):
    """A long-running service around a server: it serves while `play` produces the frames.

    Side effects: binds a TCP port while it runs.
    """

    @property
    @abc.abstractmethod
    def server(self) -> ProtocolServer:
        """The server to which the clients connect."""

    @abc.abstractmethod
    async def play(self, stopping: asyncio.Event) -> None:
        """Give the server the data to send, until `stopping` is set."""

    @property
    def address(self) -> str:
        """`host:port` in use: the address that a client takes as its feed."""
        return self.server.address

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return self.server.unready()

    def status(self) -> ServiceStatus:
        """Nothing beyond what every process reports: its clients are no part of the platform."""
        return ServiceStatus()

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set.

        Raises:
            OSError: the address cannot be bound.
        """
        async with self.server.serving():
            await self.play(stopping)
