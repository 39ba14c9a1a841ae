"""Publishes batches to Redis lists, and makes the subscriptions."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from marketdata.clock import Clock
from marketdata.transport.accounting import Intake, count_discarded, count_published, set_depths
from marketdata.transport.base import Batch, QueueDepth
from marketdata.transport.queues import LONGEST_TTL_MS, QueueLimits, QueueName
from marketdata.transport.redis_lists.envelope import encode, oldest_received_ms
from marketdata.transport.redis_lists.keys import Names
from marketdata.transport.redis_lists.scripts import BOUND
from marketdata.transport.redis_lists.server import Server
from marketdata.transport.redis_lists.subscription import RedisListSubscription


class RedisListTransport:
    """Implements `base.Transport` with lists in a Redis server."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        shard_count: int,
        limits: QueueLimits,
        clock: Clock,
        operation_timeout_seconds: float = 5.0,
    ) -> None:
        self._names = Names(prefix)
        self._shard_count = shard_count
        self._limits = limits
        self._clock = clock
        self._server = Server(url, operation_timeout_seconds)
        self._acquiring: set[RedisListSubscription] = set()

    async def open(self) -> None:
        """Check that the server is there; lists need no declaration."""
        await self._server.ping()

    async def publish(self, batches: Iterable[Batch]) -> None:
        """Append to all queues in one round trip."""
        batches = list(batches)
        grouped: dict[tuple[QueueName, int], list[bytes]] = {}
        for batch in batches:
            grouped.setdefault((batch.queue, batch.shard), []).append(encode(batch))
        if grouped:
            answers = await self._server.pipeline(self._commands(grouped))
            count_published(batches)
            for (queue, _), (surplus, expired) in zip(grouped, answers[1::2], strict=True):
                count_discarded(queue, surplus=surplus, expired=expired)

    def _commands(self, grouped: dict[tuple[QueueName, int], list[bytes]]) -> Iterable[tuple[Any, ...]]:
        oldest = oldest_received_ms(self._clock.time_ns(), self._limits)
        bounds = (oldest, self._limits.max_batches, self._limits.ttl_ms)
        for (queue, shard), values in grouped.items():
            key = self._names.queue(queue, shard)
            yield "RPUSH", key, *values
            yield "EVAL", BOUND, 2, key, self._names.wake(shard), *bounds

    def subscribe(
        self,
        shard: int,
        queues: Sequence[QueueName],
        *,
        prefetch: int,
        life_ms: Callable[[], int] = lambda: LONGEST_TTL_MS,
    ) -> RedisListSubscription:
        """A subscription with a lease of its own."""
        return RedisListSubscription(
            self._server,
            self._names,
            shard,
            queues,
            prefetch=prefetch,
            ttl_ms=self._limits.ttl_ms,
            intake=Intake(self._limits, self._clock, life_ms),
            acquiring=self._acquiring,
        )

    async def depths(self) -> Sequence[QueueDepth]:
        """The lengths of all lists, in one round trip."""
        queues = [(queue, shard) for shard in range(self._shard_count) for queue in QueueName]
        lengths = await self._server.pipeline(
            ("LLEN", self._names.queue(queue, shard)) for queue, shard in queues
        )
        depths = [
            QueueDepth(queue=queue, shard=shard, batches=length)
            for (queue, shard), length in zip(queues, lengths, strict=True)
        ]
        set_depths(depths)
        return depths

    async def close(self) -> None:
        """Release the leases of open subscriptions and disconnect."""
        for subscription in list(self._acquiring):
            await subscription.close()
        await self._server.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()
