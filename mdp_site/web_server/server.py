"""The server of the web processes: uvicorn on uvloop, one process, with a bounded shutdown."""

import signal
import socket
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import uvicorn

from marketdata.errors import ConfigurationError
from marketdata.observability.logs import get_logger
from mdp_site.web_server.websocket_protocol import WebSocketProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

GRACEFUL_SHUTDOWN_SECONDS: Final = 5
# Far above the limit of our protocol, so that the consumer can answer a message above that limit with
# `too_large` and 4409. For a message above this limit the server closes the connection with 1009.
MAX_MESSAGE_BYTES: Final = 256 * 1024

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application. Channels, Django and uvicorn each describe its messages by other types."""

_log = get_logger(__name__)


class WebServer(uvicorn.Server):
    """A uvicorn server that ends with exit code 0 on SIGTERM and SIGINT, in bounded time.

    It waits `GRACEFUL_SHUTDOWN_SECONDS` for open requests and then cancels them. It closes WebSockets with
    1012 (the server restarts), after which clients reconnect.

    `WebSocketProtocol` carries frames that were compressed once for all clients. It stops sending while a
    client does not read, so a slow client cannot fill the memory.
    """

    def __init__(
        self,
        application: Application | str,
        *,
        host: str,
        port: int,
        trusted_proxies: list[str],
        lifespan: bool = False,
        access_log: bool = False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                cast("ASGIApplication | str", application),
                host=host,
                port=port,
                loop="uvloop",
                http="httptools",
                ws=WebSocketProtocol,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # the protocol class has its own
                lifespan="on" if lifespan else "off",
                log_config=None,
                log_level="warning",  # at "info" it logs three entries for each WebSocket
                access_log=access_log,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=trusted_proxies,
                server_header=False,
                timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, and log the address."""
        await super().startup(sockets)
        if self.started:
            _log.info("serving", host=self.config.host, port=self.config.port)

    def serve_until_stopped(self) -> None:
        """Serve in the calling thread until a signal arrives.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        # After a signal, uvicorn shuts down, restores the handlers from before, and raises the signal again.
        # With Python's default handlers that would end the process with -SIGTERM. These handlers do nothing,
        # so this method returns.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, _already_handled)
        try:
            self.run()
        except SystemExit as exit_:  # uvicorn could not bind the address, and has logged why
            address = f"{self.config.host}:{self.config.port}"
            raise ConfigurationError(f"{address} cannot be served; accepted: a free address") from exit_
        if not self.started:
            raise ConfigurationError(f"{self.config.host}:{self.config.port} was not served")


def _already_handled(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: uvicorn has handled the signal."""
