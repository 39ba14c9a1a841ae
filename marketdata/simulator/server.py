"""One port for the provider's WebSocket and REST, whatever plays the market behind it."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

from aiohttp import web

from marketdata.simulator.feed import FeedServer

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9400
_SHUTDOWN_SECONDS: Final = 5.0


class ProviderServer:
    """Serves a feed and its REST routes; `name` is what operators call the part. Port 0 takes a free one."""

    def __init__(self, name: str, host: str, port: int, feed: FeedServer) -> None:
        self._name: Final = name
        self._host: Final = host
        self._wanted_port: Final = port
        self._feed: Final = feed
        self._port: int | None = None

    @property
    def address(self) -> str:
        """`host:port` in use; what the SDK takes as its feed."""
        return f"{self._host}:{self._port or self._wanted_port}"

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return {} if self._port else {self._name: "the port is not bound yet"}

    @contextlib.asynccontextmanager
    async def serving(self, application: web.Application) -> AsyncIterator[None]:
        """Bind the port; at the end say goodbye to the clients before anything is torn down.

        Raises:
            OSError: the address cannot be bound.
        """
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._wanted_port).start()
            self._port = int(runner.addresses[0][1])
            yield
        finally:
            self._port = None
            self._feed.close()
            await runner.cleanup()
