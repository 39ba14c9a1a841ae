"""A connection that is made when needed, with our timeouts and our errors."""

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
READY_SECONDS: Final = 0.1  # an answer without waiting: the driver knows whether the broker has blocked us


class Link:
    """A connection that is made when it is needed, and made anew after it was lost."""

    def __init__(self, url: str, heartbeat_seconds: int, timeout_seconds: float) -> None:
        self._url = url
        self._heartbeat_seconds = heartbeat_seconds
        self._timeout_seconds = timeout_seconds
        self._connection: AbstractConnection | None = None
        self._connected_before = False
        self._connecting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def connection(self) -> AbstractConnection:
        """The connection, made anew where there is none; call it within `translated_errors`."""
        async with self._connecting:
            if self._connection is None or not self._connection.connected.is_set():
                self.drop()
                self._connection = await aio_pika.connect(self._url, heartbeat=self._heartbeat_seconds)
                if self._connected_before:
                    TRANSPORT_RECONNECTS.inc()
                self._connected_before = True
            return self._connection

    def drop(self) -> None:
        """Give the connection up without waiting for its goodbye."""
        if self._connection is not None:
            closing = asyncio.create_task(_close(self._connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._connection = None

    async def close(self) -> None:
        """Give the connection up and wait, not for long, until it is closed."""
        self.drop()
        if self._closing:
            await asyncio.wait(set(self._closing))

    async def _is_blocked(self) -> bool:
        """Whether the broker stands and has told us (`connection.blocked`) that it reads nothing from us."""
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
        """Our timeout and our errors around calls of the broker; after any failure the connection goes."""
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
            # A connection that breaks cancels the library's own tasks, and we see it without being cancelled.
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
