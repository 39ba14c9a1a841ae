"""Chooses the transport by the scheme of its address. No other module depends on the kinds of transport."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits
from marketdata.transport.rabbitmq import RabbitMQTransport
from marketdata.transport.redis_lists import RedisListTransport

OPERATION_TIMEOUT_SECONDS: Final = 5.0


def create_transport(
    url: str,
    *,
    prefix: str,
    shard_count: int,
    limits: QueueLimits,
    clock: Clock,
    publisher_confirms: bool = True,
    operation_timeout_seconds: float = OPERATION_TIMEOUT_SECONDS,
) -> Transport:
    """The transport for an address (setting `MDQ_URL`); nothing is connected yet.

    `publisher_confirms`: False makes RabbitMQ accept batches without confirmation. That is faster, but a
    batch may be lost unnoticed. Redis always answers.

    Raises:
        ConfigurationError: an unknown kind of address, an empty prefix, or a number below 1.
    """
    scheme = _scheme(url)
    factory = _FACTORIES.get(scheme)
    if factory is None:
        accepted = ", ".join(f"{known}://" for known in _FACTORIES)
        raise ConfigurationError(f"MDQ_URL begins with {scheme!r}; accepted are {accepted}")
    _check(prefix, shard_count, limits)
    return factory(
        url,
        prefix=prefix,
        shard_count=shard_count,
        limits=limits,
        clock=clock,
        publisher_confirms=publisher_confirms,
        operation_timeout_seconds=operation_timeout_seconds,
    )


def _scheme(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed on access
    except ValueError:  # its text may contain a part of the password
        raise ConfigurationError("MDQ_URL cannot be read as an address") from None
    return parts.scheme


def _check(prefix: str, shard_count: int, limits: QueueLimits) -> None:
    if not prefix:
        raise ConfigurationError("MDQ_PREFIX is empty; accepted is any word, for example mdq")
    for name, value in (
        ("MDQ_SHARDS", shard_count),
        ("MARKET_DATA_MESSAGE_TTL", limits.ttl_ms),
        ("MDQ_MAX_BATCHES", limits.max_batches),
    ):
        if value < 1:
            raise ConfigurationError(f"{name} is {value}; accepted are whole numbers from 1")


def _redis_lists(
    url: str,
    *,
    prefix: str,
    shard_count: int,
    limits: QueueLimits,
    clock: Clock,
    publisher_confirms: bool,
    operation_timeout_seconds: float,
) -> Transport:
    return RedisListTransport(
        url,
        prefix=prefix,
        shard_count=shard_count,
        limits=limits,
        clock=clock,
        operation_timeout_seconds=operation_timeout_seconds,
    )


_FACTORIES: Final[Mapping[str, Callable[..., Transport]]] = {
    "amqp": RabbitMQTransport,
    "amqps": RabbitMQTransport,
    "redis": _redis_lists,
    "rediss": _redis_lists,
    "unix": _redis_lists,
}
