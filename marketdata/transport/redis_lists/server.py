"""Calls the Redis server of the queues, with our timeouts and our errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from marketdata.errors import (
    ConfigurationError,
    PublishersBlocked,
    TopologyMismatch,
    TransportUnavailable,
)
from marketdata.observability.driver_text import driver_text, is_lost_connection
from marketdata.observability.metrics import TRANSPORT_ERRORS


def _client(url: str, timeout_seconds: float, *, retries: int) -> Any:
    # Any: the library's types unite the sync and async answers of every command.
    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), retries),
    )


class Server:
    """Redis clients with our timeouts and our errors.

    A command that may run twice is repeated once on a new connection: the pool notices a restart of the
    server only when a command fails. An owner's script is not repeated, since it would take more batches each
    time.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        try:
            self._repeating = _client(url, timeout_seconds, retries=1)
            self._once = _client(url, timeout_seconds, retries=0)
        except ValueError:  # its text may contain a part of the password
            raise ConfigurationError("MDQ_URL is not a Redis address") from None

    async def ping(self) -> None:
        """Raise unless the server answers."""
        async with self._translated_errors():
            await self._repeating.execute_command("PING")

    async def script(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        """Run a script that may run twice."""
        async with self._translated_errors():
            return await self._repeating.execute_command("EVAL", script, len(keys), *keys, *arguments)

    async def script_once(self, script: str, keys: Sequence[str], *arguments: object) -> Any:
        """Run a script that must not run twice."""
        async with self._translated_errors():
            return await self._once.execute_command("EVAL", script, len(keys), *keys, *arguments)

    async def pipeline(self, commands: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Send all commands in one round trip. Returns their answers; raises the first error."""
        async with self._translated_errors():
            pipeline = self._repeating.pipeline(transaction=False)
            for words in commands:
                pipeline.execute_command(*words)
            answers: list[Any] = await pipeline.execute()
            return answers

    async def wait_for_token(self, key: str, seconds: float) -> None:
        """Return when there is a token, or after `seconds` at most."""
        seconds = min(seconds, self._timeout_seconds / 2)
        async with self._translated_errors():
            await self._once.execute_command("BLPOP", key, f"{max(seconds, 0.001):.3f}")

    async def close(self) -> None:
        """Disconnect both clients, even if closing the first one fails."""
        for client in (self._repeating, self._once):
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()

    @contextlib.asynccontextmanager
    async def _translated_errors(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except (AuthenticationError, NoPermissionError) as error:
            raise ConfigurationError(
                f"the Redis server of MDQ_URL refuses us: {driver_text(error)}"
            ) from None
        except (OutOfMemoryError, ReadOnlyError) as error:
            TRANSPORT_ERRORS.labels(reason="unavailable").inc()
            raise PublishersBlocked(
                f"the Redis server of MDQ_URL takes nothing: {driver_text(error)}"
            ) from None
        except (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not is_lost_connection(error):
                raise
            TRANSPORT_ERRORS.labels(reason="unavailable").inc()
            msg = f"the Redis server of MDQ_URL is not available: {driver_text(error)}"
            raise TransportUnavailable(msg) from None
        except RedisError as error:
            TRANSPORT_ERRORS.labels(reason="refused").inc()
            msg = "a key under the prefix MDQ_PREFIX holds something else than a queue; remove it"
            raise TopologyMismatch(f"{msg}: {driver_text(error)}") from None
