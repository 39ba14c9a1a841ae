"""Serves a provider's WebSocket and REST calls at one port, for markets and for recordings."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from aiohttp import web

from marketdata.providers.emulator import ServedAt

_SHUTDOWN_SECONDS: Final = 5.0


class ServedPort:
    """Serves a web application; `take_leave` begins to close the connections of its clients."""

    def __init__(self, at: ServedAt, take_leave: Callable[[], object]) -> None:
        self._at: Final = at
        self._take_leave: Final = take_leave
        self._port: int | None = None

    @property
    def address(self) -> str:
        """`host:port` in use, as soon as the port is bound."""
        return f"{self._at.host}:{self._port or self._at.port}"

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return {} if self._port else {self._at.part: "the port is not bound yet"}

    @contextlib.asynccontextmanager
    async def serving(self, application: web.Application) -> AsyncIterator[None]:
        """Bind the port; at the end begin to close the clients' connections, then stop the server.

        Raises:
            OSError: the address cannot be bound.
        """
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._at.host, self._at.port).start()
            self._port = int(runner.addresses[0][1])
            yield
        finally:
            self._port = None
            self._take_leave()
            await runner.cleanup()
