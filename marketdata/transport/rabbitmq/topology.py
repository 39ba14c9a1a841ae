"""Names, arguments and declarations of the queues."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelPreconditionFailed

from marketdata.errors import TopologyMismatch
from marketdata.transport.base import QueueDepth
from marketdata.transport.queues import QueueLimits, QueueName

_INEQUIVALENT: Final = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)' for queue '(?P<queue>[^']+)'.*"
    r"received (?P<ours>.+?) but current is (?P<theirs>.+)"
)


class Topology:
    """Names and arguments of the queues under one prefix."""

    def __init__(self, prefix: str, limits: QueueLimits) -> None:
        self._prefix = prefix
        self._arguments: Any = {
            "x-message-ttl": limits.ttl_ms,
            "x-max-length": limits.max_batches,
            "x-overflow": "drop-head",
            "x-single-active-consumer": True,
        }

    def queue(self, queue: QueueName, shard: int) -> str:
        """The name of the queue of an event class and shard; also its routing key."""
        return f"{self._prefix}.{queue}.{shard}"

    def lock(self, shard: int) -> str:
        """The name of the exclusive queue that the owner of a shard holds."""
        return f"{self._prefix}.owner.{shard}"

    async def declare(
        self, channel: AbstractChannel, shard: int, queues: Iterable[QueueName]
    ) -> Sequence[QueueDepth]:
        """Create the queues that do not exist. Returns how many batches wait in each.

        Raises:
            TopologyMismatch: a queue exists with other arguments.
        """
        return [await self._declare(channel, queue, shard) for queue in queues]

    async def _declare(self, channel: AbstractChannel, queue: QueueName, shard: int) -> QueueDepth:
        name = self.queue(queue, shard)
        try:
            declared = await channel.declare_queue(name, durable=True, arguments=self._arguments)
        except ChannelPreconditionFailed as error:
            raise TopologyMismatch(_explain(name, str(error))) from error
        return QueueDepth(queue=queue, shard=shard, batches=declared.declaration_result.message_count or 0)


def _explain(queue: str, refusal: str) -> str:
    """The broker's refusal of a declaration, in words for an operator."""
    found = _INEQUIVALENT.search(refusal)
    difference = (
        f"{found['argument']} is {found['theirs']} there and {found['ours']} in our settings"
        if found
        else refusal
    )
    return (
        f"the queue {queue} exists with other properties: {difference}. Delete the queue "
        f"(rabbitmqctl delete_queue {queue}), choose another MDQ_PREFIX, or set MARKET_DATA_MESSAGE_TTL "
        "and MDQ_MAX_BATCHES back"
    )
