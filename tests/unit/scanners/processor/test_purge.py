"""A processor says how much it purged, and refuses what it cannot do."""

from collections.abc import Collection

import pytest

from marketdata.errors import ConfigurationError, OwnershipLost, TransportError
from marketdata.transport.queues import QueueName
from scanners.processor.purge import purge_queues


class Owner:
    """The owner of a shard, which purges so many batches, or fails."""

    def __init__(self, shard: int, answer: int | Exception | None) -> None:
        self.shard = shard
        self.purged: list[QueueName] = []
        self._answer = answer

    async def purge(self, queues: Collection[QueueName]) -> int | None:
        self.purged += queues
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([1_240], "purged 1,240 batches of shard 0"),
        ([1], "purged 1 batch of shard 0"),
        ([None, 2, 3], "purged 5 batches of shards 1, 2"),
        ([0], "purged 0 batches of shard 0"),
        ([None, None], "owns no shard, so it purged nothing"),
    ],
)
async def test_the_answer_has_the_number_and_the_shards(answers: list[int | None], words: str) -> None:
    owners = [Owner(shard, answer) for shard, answer in enumerate(answers)]
    assert await purge_queues(owners, {"queue": "trades"}) == words
    assert all(owner.purged == [QueueName.TRADES] for owner in owners)


async def test_all_queues_can_be_purged_together() -> None:
    owner = Owner(0, 7)
    await purge_queues([owner], {"queue": "all"})
    assert owner.purged == list(QueueName)


@pytest.mark.parametrize("named", ["trade", "", None, 3, ["trades"]])
async def test_an_unknown_queue_is_refused_before_anything_is_purged(named: object) -> None:
    owner = Owner(0, 7)
    with pytest.raises(ConfigurationError, match="accepted: one of all, aggregate, trades"):
        await purge_queues([owner], {"queue": named})
    assert not owner.purged


async def test_a_shard_that_is_lost_meanwhile_does_not_hide_what_was_purged() -> None:
    owners = [Owner(0, OwnershipLost("given back")), Owner(1, 4)]
    with pytest.raises(TransportError, match="shard 0: given back; purged 4 batches of shard 1"):
        await purge_queues(owners, {"queue": "all"})


async def test_a_defect_is_not_taken_for_a_refusal() -> None:
    with pytest.raises(ZeroDivisionError):
        await purge_queues([Owner(0, ZeroDivisionError())], {"queue": "all"})
