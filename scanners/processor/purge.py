"""The instruction that drops what waits in queues: each processor does it for the shards that it owns."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from marketdata.errors import ConfigurationError, MarketDataError, TransportError
from marketdata.transport.queues import QueueName
from scanners.instructions import ALL, QUEUES


class PurgesShard(Protocol):
    """The owner of a shard: see `scanners.processor.owner.ShardOwner`."""

    shard: int

    async def purge(self, queues: Collection[QueueName]) -> int | None:
        """Drop what waits. Returns how many batches; None if it does not own the shard."""


async def purge_queues(owners: Sequence[PurgesShard], arguments: Mapping[str, Any]) -> str:
    """Drop the batches that wait in the queue of the argument `queue`, or in all. Says how many there were.

    Raises:
        ConfigurationError: there is no such queue.
        TransportError: a shard was lost meanwhile; the message says what was dropped all the same.
    """
    queues = _queues(arguments.get("queue"))
    answers = await asyncio.gather(*(owner.purge(queues) for owner in owners), return_exceptions=True)
    purged: dict[int, int] = {}
    failures: list[str] = []
    for owner, answer in zip(owners, answers, strict=True):
        match answer:
            case int():
                purged[owner.shard] = answer
            case MarketDataError():
                failures.append(f"shard {owner.shard}: {answer}")
            case BaseException():
                raise answer
    done = _words(purged)
    if failures:
        raise TransportError("; ".join((*failures, done)))
    return done


def _queues(named: object) -> Collection[QueueName]:
    if named == ALL:
        return tuple(QueueName)
    if named not in QUEUES:
        raise ConfigurationError(f"queue is {named!r}; accepted: one of {', '.join(QUEUES)}")
    return (QueueName(named),)


def _words(purged: Mapping[int, int]) -> str:
    if not purged:
        return "owns no shard, so it purged nothing"
    total = sum(purged.values())
    return f"purged {total:,} {'batch' if total == 1 else 'batches'} of {_listed(purged)}"


def _listed(shards: Collection[int]) -> str:
    numbers = ", ".join(map(str, sorted(shards)))
    return f"shard {numbers}" if len(shards) == 1 else f"shards {numbers}"
