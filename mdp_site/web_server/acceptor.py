"""Accepts connections a few at a time, so that a storm of them does not stop everybody's frames."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from typing import Final

from marketdata.observability.logs import get_logger
from mdp_site.web_server.sockets import BACKLOG

ACCEPTED_PER_TURN: Final = 32
"""Of the event loop. uvloop's own server accepts all that wait in one turn, up to 4,096."""
PAUSE_SECONDS: Final = 1.0
"""After the system had no file descriptor or memory for a connection."""
OUT_OF_RESOURCES: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_log = get_logger(__name__)


class Acceptor:
    """Listens on one socket, and gives each connection a new protocol.

    Concurrency: made and used by the event loop's thread.
    """

    def __init__(self, listening: socket.socket, create_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listening = listening
        self._create_protocol = create_protocol
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        listening.listen(BACKLOG)
        self._resume()

    async def end(self) -> None:
        """Accept no more, and wait until accepted connections have their protocol."""
        self._loop.remove_reader(self._listening.fileno())
        if self._pause is not None:
            self._pause.cancel()
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                connection, _address = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF_RESOURCES:
                    raise
                _log.error("connection not accepted", error=str(error), pause_seconds=PAUSE_SECONDS)
                self._loop.remove_reader(self._listening.fileno())
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            self._open(connection)

    def _open(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connect(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client has gone already
            await self._loop.connect_accepted_socket(self._create_protocol, connection)
