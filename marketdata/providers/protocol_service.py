"""What the services that serve a provider's protocol have in common."""

import abc
import asyncio
from collections.abc import Mapping

from marketdata.providers.emulator import ProtocolServer


class ProtocolService(abc.ABC):
    """A long-running service around a server: it serves, and meanwhile something plays.

    Side effects: binds a TCP port while it runs.
    """

    @property
    @abc.abstractmethod
    def server(self) -> ProtocolServer:
        """What the clients connect to."""

    @abc.abstractmethod
    async def play(self, stopping: asyncio.Event) -> None:
        """Give the server what it sends, until told to stop."""

    @property
    def address(self) -> str:
        """`host:port` in use; what a client takes as its feed."""
        return self.server.address

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return self.server.unready()

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until told to stop.

        Raises:
            OSError: the address cannot be bound.
        """
        async with self.server.serving():
            await self.play(stopping)
