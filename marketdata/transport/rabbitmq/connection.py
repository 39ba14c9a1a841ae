"""A connection to RabbitMQ that is made on demand, with our timeouts and our errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AuthenticationError, ProbableAuthenticationError

from marketdata.errors import (
    ConfigurationError,
    PublishersBlocked,
    TopologyMismatch,
    TransportUnavailable,
)
from marketdata.observability.metrics import TRANSPORT_ERRORS, TRANSPORT_RECONNECTS

CLOSE_SECONDS: Final = 2.0
READY_SECONDS: Final = 0.1  # enough, since the driver answers without asking the broker


class Link:
    """A connection that is made on demand, and replaced after it was lost."""

    def __init__(self, url: str, heartbeat_seconds: int, timeout_seconds: float) -> None:
        self._url = url
        self._heartbeat_seconds = heartbeat_seconds
        self._timeout_seconds = timeout_seconds
        self._connection: AbstractConnection | None = None
        self._connected_before = False
        self._connecting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def connection(self) -> AbstractConnection:
        """The connection; connects first if there is none. Call it within `translated_errors`."""
        async with self._connecting:
            if self._connection is None or not self._connection.connected.is_set():
                self.drop()
                self._connection = await aio_pika.connect(self._url, heartbeat=self._heartbeat_seconds)
                if self._connected_before:
                    TRANSPORT_RECONNECTS.inc()
                self._connected_before = True
            return self._connection

    def drop(self) -> None:
        """Close the connection in the background."""
        if self._connection is not None:
            closing = asyncio.create_task(_close(self._connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._connection = None

    async def close(self) -> None:
        """Close the connection, and wait up to `CLOSE_SECONDS` for that."""
        self.drop()
        if self._closing:
            await asyncio.wait(set(self._closing))

    async def _is_blocked(self) -> bool:
        """Whether the broker is connected and has blocked publishing (`connection.blocked`)."""
        connection = self._connection
        if connection is None or connection.transport is None or not connection.connected.is_set():
            return False
        try:
            async with asyncio.timeout(READY_SECONDS):
                await connection.transport.connection.ready()
        except TimeoutError:
            return True
        return False

    @contextlib.asynccontextmanager
    async def translated_errors(self) -> AsyncIterator[None]:
        """Apply our timeout and our errors to calls of the broker. Any failure drops the connection."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except TopologyMismatch:
            self.drop()
            raise
        except (AuthenticationError, ProbableAuthenticationError) as error:
            self.drop()
            raise ConfigurationError(f"the RabbitMQ broker of MDQ_URL refuses us: {error}") from error
        except (*CONNECTION_EXCEPTIONS, TimeoutError, asyncio.CancelledError) as error:
            blocked = isinstance(error, TimeoutError) and await self._is_blocked()
            self.drop()
            # A broken connection cancels the library's own tasks. We get that error although we are not
            # cancelled.
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            TRANSPORT_ERRORS.labels(reason="unavailable").inc()
            if blocked:
                msg = "the RabbitMQ broker of MDQ_URL blocks publishers (its memory or disk alarm)"
                raise PublishersBlocked(msg) from error
            msg = f"the RabbitMQ broker of MDQ_URL is away: {error!r}"
            raise TransportUnavailable(msg) from error


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _close(connection: AbstractConnection) -> None:
    with contextlib.suppress(*CONNECTION_EXCEPTIONS, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()
