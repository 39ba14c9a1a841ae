"""Connects to the cache, and translates the driver's errors into the platform's."""

import contextlib
from collections.abc import Iterator
from typing import Final

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff

from marketdata.errors import ConfigurationError, StoreUnavailable
from marketdata.observability import metrics
from marketdata.observability.driver_text import driver_text, is_lost_connection

CONNECT_TIMEOUT_SECONDS: Final = 2.0
OPERATION_TIMEOUT_SECONDS: Final = 5.0
HEALTH_CHECK_INTERVAL_SECONDS: Final = 15
RETRIES: Final = 2


def connect(url: str, *, retries: int = RETRIES) -> Redis:
    """A client for values as bytes, with bounded timeouts; it connects at its first command.

    A command that fails is repeated up to `retries` times, so that an idle connection which the server closed
    causes no error. RESP2 is chosen since version 3 needs a longer handshake, and none of its features is
    used.

    Raises:
        ConfigurationError: `url` is not an address of a Redis server.
    """
    backoff = ExponentialWithJitterBackoff(base=0.05, cap=0.5) if retries else NoBackoff()
    try:
        return Redis.from_url(
            url,
            protocol=2,
            decode_responses=False,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            socket_timeout=OPERATION_TIMEOUT_SECONDS,
            health_check_interval=HEALTH_CHECK_INTERVAL_SECONDS if retries else 0,
            retry=Retry(backoff, retries),
        )
    except ValueError:  # its text may contain a part of the password
        raise ConfigurationError(
            "MDC_URL, the cache's address, is not accepted; accepted: redis://host:port/number, rediss://…, unix://…"
        ) from None


@contextlib.contextmanager
def driver_errors() -> Iterator[None]:
    """Translates errors of the driver into `StoreUnavailable`, whose message names the cause.

    Tracebacks leave out the driver's own error, since it repeats the command with its values.
    """
    try:
        yield
    except (exceptions.RedisError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not is_lost_connection(error):
            raise
        metrics.STORE_ERRORS.labels(type(error).__name__).inc()
        raise StoreUnavailable(driver_text(error)) from None
