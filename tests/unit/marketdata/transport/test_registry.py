"""The address chooses the transport; what cannot work is refused with the setting's name."""

import pytest

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError
from marketdata.transport.base import Transport
from marketdata.transport.queues import QueueLimits
from marketdata.transport.rabbitmq import RabbitMQTransport
from marketdata.transport.redis_lists import RedisListTransport
from marketdata.transport.registry import create_transport


def create(
    url: str = "redis://127.0.0.1:6379/0",
    prefix: str = "mdq",
    shard_count: int = 2,
    limits: QueueLimits | None = None,
) -> Transport:
    return create_transport(
        url, prefix=prefix, shard_count=shard_count, limits=limits or QueueLimits(), clock=SystemClock()
    )


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("amqp://guest:guest@127.0.0.1:5672/", RabbitMQTransport),
        ("amqps://broker.example/", RabbitMQTransport),
        ("redis://127.0.0.1:6379/0", RedisListTransport),
        ("rediss://cache.example:6380/1", RedisListTransport),
        ("unix:///run/valkey.sock", RedisListTransport),
    ],
)
async def test_the_scheme_chooses_the_transport(url: str, kind: type) -> None:
    assert isinstance(create(url), kind)


@pytest.mark.parametrize("url", ["kafka://somewhere", "", "127.0.0.1:6379"])
async def test_an_unknown_scheme_is_refused_with_what_is_accepted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="MDQ_URL") as refusal:
        create(url)
    for accepted in ("amqp://", "amqps://", "redis://", "rediss://", "unix://"):
        assert accepted in str(refusal.value)


async def test_a_refusal_keeps_the_password() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        create("kafka://user:s3cret@somewhere")
    assert "s3cret" not in str(refusal.value)


async def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MDQ_URL"):
        create("amqp://localhost:rabbit/")


async def test_values_that_make_no_queue_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="MDQ_PREFIX"):
        create(prefix="")
    with pytest.raises(ConfigurationError, match="MDQ_SHARDS is 0"):
        create(shard_count=0)
    with pytest.raises(ConfigurationError, match="MARKET_DATA_MESSAGE_TTL"):
        create(limits=QueueLimits(ttl_ms=0))
    with pytest.raises(ConfigurationError, match="MDQ_MAX_BATCHES"):
        create(limits=QueueLimits(max_batches=-1))
