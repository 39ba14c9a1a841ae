"""The common part of the services that serve a provider's protocol."""

import abc
import asyncio
from collections.abc import Mapping
from typing import Generic, TypeVar

from marketdata.providers.emulator import ProtocolServer
from marketdata.runtime.cancellation import run_beside
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.report import ServiceStatus
from marketdata.runtime.role_settings import RoleSettings
from marketdata.runtime.steering import Records, Steering

R = TypeVar("R", bound=RoleSettings)


class ProtocolService(abc.ABC, Generic[R]):
    """A long-running service around a server: it serves while `play` produces the frames.

    With `records` it follows what operators want, and starts from the settings in `live`. While it is
    paused, `play` sends nothing, and the clients stay connected.

    Side effects: binds a TCP port while it runs.
    """

    def __init__(self, live: LiveSettings[R], records: Records | None = None) -> None:
        self.live = live
        self._steering = Steering(records, live, default=live.current)

    @property
    @abc.abstractmethod
    def server(self) -> ProtocolServer:
        """The server to which the clients connect."""

    @abc.abstractmethod
    async def play(self, stopping: asyncio.Event) -> None:
        """Give the server the data to send until `stopping` is set, but none while `live` says to pause."""

    @property
    def address(self) -> str:
        """`host:port` in use: the address that a client takes as its feed."""
        return self.server.address

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return self.server.unready()

    def status(self) -> ServiceStatus:
        """The version of its settings. Its clients are no part of the platform."""
        return ServiceStatus(settings=self._steering.status)

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set.

        Raises:
            OSError: the address cannot be bound.
        """
        await self._steering.begin()
        try:
            async with self.server.serving():
                await run_beside(self.play(stopping), self._steering.run())
        finally:
            await self._steering.withdraw()
