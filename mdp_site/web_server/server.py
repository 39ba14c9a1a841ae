"""The server of one web process: uvicorn on uvloop, with sockets and protocols of ours."""

import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Final, cast

import uvicorn

from marketdata.errors import ConfigurationError
from marketdata.observability.logs import get_logger
from marketdata.runtime.garbage_collection import tune_garbage_collection
from marketdata.runtime.live_settings import CurrentSettings, FixedSettings
from mdp_site.web_server.acceptor import Acceptor
from mdp_site.web_server.bounds import ConnectionBounds
from mdp_site.web_server.config import WebServerConfig
from mdp_site.web_server.entrance import Application, with_bounded_handshakes
from mdp_site.web_server.http_protocol import HttpProtocol
from mdp_site.web_server.sockets import raise_descriptor_limit
from mdp_site.web_server.websocket_protocol import WebSocketProtocol
from mdp_site.web_settings import WebSettings

GRACEFUL_SHUTDOWN_SECONDS: Final = 5
# Far above the limit of our protocol, so that the consumer can answer a message above that limit with
# `too_large` and 4409. For a message above this limit the server closes the connection with 1009.
MAX_MESSAGE_BYTES: Final = 256 * 1024

_log = get_logger(__name__)


class WebServer(uvicorn.Server):
    """A uvicorn server that ends with exit code 0 on SIGTERM and SIGINT, in bounded time.

    It waits `GRACEFUL_SHUTDOWN_SECONDS` for open requests and then cancels them. It closes WebSockets with
    1012 (the server restarts), after which clients reconnect.

    What a client may do is read from `live` at each decision. Without it, the defaults hold.

    `WebSocketProtocol` carries frames that were compressed once for all clients. It stops sending while a
    client does not read, so a slow client cannot fill the memory.
    """

    def __init__(
        self,
        application: Application,
        *,
        trusted_proxies: Sequence[str],
        live: CurrentSettings[WebSettings] | None = None,
        lifespan: bool = False,
        access_log: bool = False,
    ) -> None:
        self.bounds: Final = ConnectionBounds(live or FixedSettings(WebSettings()), trusted_proxies)
        self._acceptors: list[Acceptor] = []
        super().__init__(
            WebServerConfig(
                with_bounded_handshakes(application),
                bounds=self.bounds,
                loop="uvloop",
                http=HttpProtocol,
                ws=WebSocketProtocol,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,  # the protocol class has its own
                lifespan="on" if lifespan else "off",
                log_config=None,
                log_level="warning",  # at "info" it logs three entries for each WebSocket
                access_log=access_log,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=list(trusted_proxies),
                server_header=False,
                timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, log the addresses, and exclude all that was loaded from garbage collection."""
        await super().startup([])  # the application's start; it listens nowhere
        if self.started:
            tune_garbage_collection()
            for each in sockets or ():
                self._acceptors.append(Acceptor(each, self._create_protocol))
                _log.info("serving", host=each.getsockname()[0], port=each.getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, and end all connections."""
        for acceptor in self._acceptors:
            await acceptor.end()
        self._acceptors.clear()
        await super().shutdown(sockets)

    def _create_protocol(self) -> HttpProtocol:
        return HttpProtocol(
            cast("WebServerConfig", self.config),
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    def serve_until_stopped(self, sockets: list[socket.socket]) -> None:
        """Serve on listening sockets in the calling thread until a signal arrives. It closes the sockets.

        Raises:
            ConfigurationError: the application did not start.
        """
        raise_descriptor_limit()
        # After a signal, uvicorn shuts down, restores the handlers from before, and raises the signal again.
        # With Python's default handlers that would end the process with -SIGTERM. These handlers do nothing,
        # so this method returns.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, _already_handled)
        try:
            self.run(sockets)
        except SystemExit as exit_:  # the application's start failed, and uvicorn has logged why
            raise ConfigurationError("the web application did not start; its error is in the log") from exit_
        if not self.started:
            raise ConfigurationError("the web application was stopped before it served")


def _already_handled(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: uvicorn has handled the signal."""
