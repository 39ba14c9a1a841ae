"""What only RabbitMQ can do to us: other properties of a queue, deleted queues, foreign messages."""

from collections.abc import AsyncIterator

import aio_pika
import pytest

from marketdata.clock import SystemClock
from marketdata.errors import ConfigurationError, TopologyMismatch, TransportUnavailable
from marketdata.transport.queues import QueueLimits, QueueName
from marketdata.transport.rabbitmq import RabbitMQTransport
from tests.support.deadlines import eventually, scaled
from tests.support.transports import batches, receive, sequences

TRADES = (QueueName.TRADES,)
TIMEOUT_SECONDS = 2.0
pytestmark = pytest.mark.rabbitmq


def make(
    url: str, prefix: str, limits: QueueLimits | None = None, *, confirms: bool = True
) -> RabbitMQTransport:
    return RabbitMQTransport(
        url,
        prefix=prefix,
        shard_count=1,
        limits=limits or QueueLimits(),
        clock=SystemClock(),
        publisher_confirms=confirms,
        operation_timeout_seconds=scaled(TIMEOUT_SECONDS),
    )


@pytest.fixture
async def transport(rabbitmq_url: str, unique_prefix: str) -> AsyncIterator[RabbitMQTransport]:
    async with make(rabbitmq_url, unique_prefix) as made:
        yield made


async def delete(url: str, queue: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        await channel.queue_delete(queue)


async def test_other_limits_than_those_of_an_existing_queue_are_explained(
    rabbitmq_url: str, unique_prefix: str, transport: RabbitMQTransport
) -> None:
    other = make(rabbitmq_url, unique_prefix, QueueLimits(ttl_ms=7_000))
    with pytest.raises(TopologyMismatch) as refusal:
        await other.open()
    message = str(refusal.value)
    assert f"{unique_prefix}.aggregate.0" in message
    assert "x-message-ttl is '5000' there and '7000' in our settings" in message
    assert "delete_queue" in message
    await other.close()
    await transport.publish(batches(1))


async def test_wrong_credentials_are_a_configuration_error_that_keeps_the_password(
    rabbitmq_url: str, unique_prefix: str
) -> None:
    transport = make(rabbitmq_url.replace("guest:guest", "guest:s3cret"), unique_prefix)
    with pytest.raises(ConfigurationError, match="MDQ_URL") as refusal:
        await transport.open()
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("confirms", [True, False], ids=["confirmed", "unconfirmed"])
async def test_a_queue_that_someone_deleted_is_declared_again(
    rabbitmq_url: str, unique_prefix: str, confirms: bool
) -> None:
    async with make(rabbitmq_url, unique_prefix, confirms=confirms) as transport:
        subscription = transport.subscribe(0, TRADES, prefetch=10)
        await subscription.acquire()
        await delete(rabbitmq_url, f"{unique_prefix}.trades.0")

        async def told() -> bool:
            try:
                await subscription.receive(wait_seconds=0.05)
            except TransportUnavailable:
                return True
            return False

        await eventually(told, 5)

        async def published() -> bool:
            try:
                await transport.publish(batches(2))
            except TransportUnavailable:
                return False
            return {d.queue: d.batches for d in await transport.depths()}[QueueName.TRADES] > 0

        await eventually(published, 5)
        await subscription.acquire()
        assert sequences(await receive(subscription, 1)) == [2]


async def test_a_foreign_message_is_set_aside_alone(
    rabbitmq_url: str, unique_prefix: str, transport: RabbitMQTransport
) -> None:
    await transport.publish(batches(1))
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        channel = await connection.channel()
        await channel.default_exchange.publish(aio_pika.Message(b"hello"), f"{unique_prefix}.trades.0")
    await transport.publish(batches(2))
    subscription = transport.subscribe(0, TRADES, prefetch=10)
    await subscription.acquire()
    await subscription.acknowledge(await receive(subscription, 2))
    await subscription.close()
    assert {d.batches for d in await transport.depths()} == {0}


async def test_messages_are_transient_json(
    rabbitmq_url: str, unique_prefix: str, transport: RabbitMQTransport
) -> None:
    await transport.publish(batches(1, body=b'[{"ev":"T","sym":"AAPL"}]'))
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(f"{unique_prefix}.trades.0", ensure=False)
        message = await queue.get()
        assert message is not None
        assert message.body == b'[{"ev":"T","sym":"AAPL"}]'
        assert message.content_type == "application/json"
        assert message.delivery_mode == aio_pika.DeliveryMode.NOT_PERSISTENT
