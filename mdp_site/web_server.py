"""How the web processes are served: uvicorn on uvloop, one process, bounded shutdown."""

import signal
import socket
from types import FrameType
from typing import Final

import uvicorn
from uvicorn._types import ASGIApplication

from marketdata.errors import ConfigurationError
from marketdata.observability.logs import get_logger

GRACEFUL_SHUTDOWN_SECONDS: Final = 5
# Well above the protocol's own limit, so that a client that exceeds that one hears `too_large` and 4409 from
# the consumer; beyond this one the server closes with 1009 before anybody reads the message.
MAX_MESSAGE_BYTES: Final = 256 * 1024

_log = get_logger(__name__)


class WebServer(uvicorn.Server):
    """Ends with exit code 0 on SIGTERM and SIGINT, in bounded time.

    It waits `GRACEFUL_SHUTDOWN_SECONDS` for what is open, then cancels it. WebSockets are closed with
    1012 (the server restarts); clients come back by themselves.
    Compression stays off: every copy of a frame would be compressed anew, at 2.5 ms for a leaderboard.
    The protocol implementation is the one on websockets' current API; it stops sending while a client
    does not read, so a slow client cannot fill the memory.
    """

    def __init__(
        self,
        application: ASGIApplication | str,
        *,
        host: str,
        port: int,
        trusted_proxies: list[str],
        lifespan: bool = False,
        access_log: bool = False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                host=host,
                port=port,
                loop="uvloop",
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                lifespan="on" if lifespan else "off",
                log_config=None,
                log_level="warning",  # at "info" it has three lines for each WebSocket
                access_log=access_log,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=trusted_proxies,
                server_header=False,
                timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets)
        if self.started:
            _log.info("serving", host=self.config.host, port=self.config.port)

    def serve_until_stopped(self) -> None:
        """Serve in the calling thread until a signal arrives.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        # uvicorn shuts down at a signal and then raises it once more, which would end the process with
        # -SIGTERM. With handlers that do nothing beneath its own, the process returns from here instead.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, _already_handled)
        try:
            self.run()
        except SystemExit as exit_:  # uvicorn's way to say that it could not bind; it has logged why
            address = f"{self.config.host}:{self.config.port}"
            raise ConfigurationError(f"{address} cannot be served; accepted: a free address") from exit_
        if not self.started:
            raise ConfigurationError(f"{self.config.host}:{self.config.port} was not served")


def _already_handled(_signal: int, _frame: FrameType | None) -> None:
    """The server has shut down because of it."""
