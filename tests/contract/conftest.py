"""The queue transports, which must all keep the same promises."""

from collections.abc import AsyncIterator

import pytest

from tests.support.transports import MemoryQueues, Queues, server_queues


@pytest.fixture(
    params=[
        "memory",
        pytest.param("redis_url", marks=pytest.mark.redis, id="redis"),
        pytest.param("rabbitmq_url", marks=pytest.mark.rabbitmq, id="rabbitmq"),
    ]
)
async def queues(request: pytest.FixtureRequest, unique_prefix: str) -> AsyncIterator[Queues]:
    """Each implementation in turn."""
    if request.param == "memory":
        yield MemoryQueues()
        return
    async with server_queues(request.getfixturevalue(request.param), unique_prefix) as made:
        yield made
