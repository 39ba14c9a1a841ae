"""What every queue transport promises of purged batches, and of batches that live shorter."""

import msgspec
import pytest

from marketdata.clock import SystemClock
from marketdata.errors import OwnershipLost
from marketdata.transport.queues import QueueName
from tests.support.samples import sample
from tests.support.transports import Queues, batches, receive, sequences

ALL_QUEUES = tuple(QueueName)
TRADES = (QueueName.TRADES,)
PREFETCH = 500


async def test_a_purge_drops_what_waits_and_the_owner_goes_on(queues: Queues) -> None:
    transport = await queues.transport()
    owner = transport.subscribe(0, ALL_QUEUES, prefetch=3)
    await owner.acquire()
    await transport.publish(batches(1, 2))
    held = await receive(owner, 2)
    before = sample("mdp_transport_purged_batches_total", queue="trades")
    await transport.publish(batches(*range(3, 203)) + batches(1, queue=QueueName.QUOTES))
    await owner.acknowledge(held[:1])
    assert await owner.purge(TRADES) == 200
    assert await owner.purge(TRADES) == 0
    assert sample("mdp_transport_purged_batches_total", queue="trades") == before + 200
    await transport.publish(batches(203))
    assert sorted(sequences(await receive(owner, 2))) == [1, 203]
    await owner.acknowledge(held[1:])
    taken = owner.taken[QueueName.TRADES]
    assert (taken.received, taken.purged, taken.missing, taken.unaccounted) == (3, 200, 0, 0)
    assert owner.taken[QueueName.QUOTES].purged == 0


async def test_what_a_purge_drops_comes_to_no_later_owner_and_the_rest_does(queues: Queues) -> None:
    transport = await queues.transport()
    first = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await first.acquire()
    future_ns = SystemClock().time_ns() + 60 * 10**9
    newer = [msgspec.structs.replace(batch, received_ns=future_ns) for batch in batches(31)]
    await transport.publish(batches(*range(1, 31)) + newer)
    assert await first.purge(TRADES) == 30
    await first.close()
    second = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await second.acquire()
    assert sequences(await receive(second, 1)) == [31]


async def test_what_is_published_after_a_purge_and_was_received_before_it_is_purged_too(
    queues: Queues,
) -> None:
    transport = await queues.transport()
    owner = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await owner.acquire()
    late = batches(1)
    assert await owner.purge(TRADES) == 0
    await transport.publish(late + batches(2))
    assert sequences(await receive(owner, 1)) == [2]
    assert owner.taken[QueueName.TRADES].purged == 1


async def test_only_the_owner_may_purge(queues: Queues) -> None:
    transport = await queues.transport()
    await transport.publish(batches(1))
    with pytest.raises(OwnershipLost):
        await transport.subscribe(0, TRADES, prefetch=PREFETCH).purge(TRADES)


async def test_a_subscriber_may_let_batches_live_shorter_from_one_moment_to_the_next(queues: Queues) -> None:
    transport = await queues.transport()
    life_ms = 5_000
    owner = transport.subscribe(0, TRADES, prefetch=PREFETCH, life_ms=lambda: life_ms)
    await owner.acquire()
    old_ns = SystemClock().time_ns() - 2 * 10**9
    old = [msgspec.structs.replace(batch, received_ns=old_ns) for batch in batches(1, 2, 3)]
    await transport.publish(old[:2])
    assert sequences(await receive(owner, 2)) == [1, 2]
    life_ms = 1_000
    await transport.publish(old[2:] + batches(4))
    assert sequences(await receive(owner, 1)) == [4]
    taken = owner.taken[QueueName.TRADES]
    assert (taken.received, taken.expired, taken.unaccounted) == (3, 1, 0)
