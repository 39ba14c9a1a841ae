"""What every queue transport promises (`marketdata.transport.base`), held against all three of them."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

import msgspec
import pytest

from marketdata.clock import SystemClock
from marketdata.errors import OwnershipLost, TransportUnavailable
from marketdata.runtime.cancellation import end
from marketdata.transport.base import ShardSubscription, Transport
from marketdata.transport.queues import QueueLimits, QueueName
from tests.support.deadlines import eventually, scaled
from tests.support.samples import sample
from tests.support.transports import Queues, batches, receive, sequences

ALL_QUEUES = tuple(QueueName)
TRADES = (QueueName.TRADES,)
TAKEOVER_SECONDS = 5.0
GIVEN_BACK_SECONDS = 1.5  # less than any lease lives
PREFETCH = 500


class LateClock(SystemClock):
    """A clock that runs ten seconds ahead."""

    def time_ns(self) -> int:
        return super().time_ns() + 10 * 10**9


async def depth(transport: Transport, queue: QueueName = QueueName.TRADES, shard: int = 0) -> int:
    return next(d.batches for d in await transport.depths() if (d.queue, d.shard) == (queue, shard))


async def test_batches_arrive_in_the_order_of_publication(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await subscription.acquire()
    await transport.publish(batches(*range(1, 201)))
    await transport.publish(batches(*range(201, 301)))
    assert sequences(await receive(subscription, 300)) == list(range(1, 301))


async def test_a_batch_arrives_whole_and_its_body_byte_for_byte(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(1, [QueueName.HALTS], prefetch=PREFETCH)
    await subscription.acquire()
    body = b'[{"ev":"LULD", "T":"\xc3\x89X",\n "h":1.10 }]' + bytes(range(256)) * 1_000
    (template,) = batches(7, queue=QueueName.HALTS, shard=1, source="listener-é", body=body)
    trace_context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    batch = msgspec.structs.replace(template, trace_context=trace_context, event_count=1_000)
    await transport.publish([batch])
    (delivery,) = await receive(subscription, 1)
    assert delivery.batch == batch


async def test_what_was_taken_is_counted_and_the_books_close_after_a_loss_and_a_take_over(
    queues: Queues,
) -> None:
    transport = await queues.transport()
    first = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await first.acquire()
    await transport.publish(batches(1, 2, 5))
    done, *_ = await receive(first, 3)
    await first.acknowledge([done])
    taken = first.taken[QueueName.TRADES]
    assert (taken.received, taken.missing, taken.again, taken.unaccounted) == (3, 2, 0, 0)
    assert list(taken.numbers.values()) == [(1, 5)]
    await first.close()

    second = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await second.acquire()
    await transport.publish(batches(6))
    assert sequences(await receive(second, 3)) == [2, 5, 6]
    taken = second.taken[QueueName.TRADES]
    assert (taken.received, taken.missing, taken.unaccounted) == (3, 2, 0)
    assert list(taken.numbers.values()) == [(2, 6)]


async def test_an_empty_publication_is_nothing(queues: Queues) -> None:
    transport = await queues.transport()
    await transport.publish([])
    assert {d.batches for d in await transport.depths()} == {0}


async def test_receive_returns_empty_handed_after_the_wait(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await subscription.acquire()
    assert await subscription.receive(wait_seconds=0.05) == []
    assert await subscription.receive(wait_seconds=0) == []


async def test_a_waiting_reader_wakes_up_when_a_batch_comes(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, ALL_QUEUES, prefetch=PREFETCH)
    await subscription.acquire()
    async with asyncio.timeout(scaled(5)), asyncio.TaskGroup() as group:
        waiting = group.create_task(subscription.receive(wait_seconds=60))
        group.create_task(transport.publish(batches(1, queue=QueueName.QUOTES)))
    assert sequences(waiting.result()) == [1]


async def test_shards_are_separate(queues: Queues) -> None:
    transport = await queues.transport()
    first = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    second = transport.subscribe(1, TRADES, prefetch=PREFETCH)
    await first.acquire()
    await second.acquire()
    await transport.publish(batches(1, shard=0) + batches(2, shard=1))
    assert sequences(await receive(first, 1)) == [1]
    assert sequences(await receive(second, 1)) == [2]


async def test_a_batch_that_nobody_takes_vanishes_after_its_time(queues: Queues) -> None:
    transport = await queues.transport(limits=QueueLimits(ttl_ms=200))
    await transport.publish(batches(1, 2))

    async def empty() -> bool:
        return await depth(transport) == 0

    await eventually(empty, 3)
    subscription = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await subscription.acquire()
    assert await subscription.receive(wait_seconds=0.1) == []


async def test_an_old_batch_that_still_arrives_is_dropped_and_counted(queues: Queues) -> None:
    publisher = await queues.transport()
    reader = await queues.transport(clock=LateClock())
    subscription = reader.subscribe(0, TRADES, prefetch=PREFETCH)
    await subscription.acquire()
    before = sample("mdp_transport_expired_batches_total", queue="trades")
    await publisher.publish(batches(1, 2))

    async def two_expired() -> bool:
        assert await subscription.receive(wait_seconds=0.05) == []
        return sample("mdp_transport_expired_batches_total", queue="trades") == before + 2

    await eventually(two_expired, 5)
    await subscription.close()
    assert await depth(publisher) == 0


async def test_no_more_than_prefetch_are_unacknowledged_per_queue(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, [QueueName.TRADES, QueueName.QUOTES], prefetch=3)
    await subscription.acquire()
    await transport.publish(batches(*range(1, 9)) + batches(1, queue=QueueName.QUOTES))
    held = await receive(subscription, 4)
    assert await subscription.receive(wait_seconds=0.1) == []
    await subscription.acknowledge(held[:2])
    assert sequences(await receive(subscription, 2)) == [4, 5]
    assert await subscription.receive(wait_seconds=0.1) == []


async def test_a_full_queue_gives_up_its_oldest_batches_and_the_reader_counts_them(queues: Queues) -> None:
    transport = await queues.transport(limits=QueueLimits(max_batches=10))
    subscription = transport.subscribe(0, TRADES, prefetch=1)
    await subscription.acquire()
    missing = sample("mdp_transport_missing_batches_total", queue="trades")
    await transport.publish(batches(1))
    held = await receive(subscription, 1)
    for sequence in range(2, 26):
        await transport.publish(batches(sequence))
    assert await depth(transport) == 10
    await subscription.acknowledge(held)
    arrived = []
    for _ in range(10):
        held = await receive(subscription, 1)
        arrived += sequences(held)
        await subscription.acknowledge(held)
    assert arrived == list(range(16, 26))
    assert sample("mdp_transport_missing_batches_total", queue="trades") == missing + 14


async def test_depths_count_waiting_batches_and_not_delivered_ones(queues: Queues) -> None:
    transport = await queues.transport()
    await transport.publish(batches(1, 2, 3) + batches(1, queue=QueueName.QUOTES, shard=1))
    depths = {(d.queue, d.shard): d.batches for d in await transport.depths()}
    assert len(depths) == 2 * len(QueueName)
    assert {place: n for place, n in depths.items() if n} == {
        (QueueName.TRADES, 0): 3,
        (QueueName.QUOTES, 1): 1,
    }
    subscription = transport.subscribe(0, TRADES, prefetch=2)
    await subscription.acquire()
    await receive(subscription, 2)
    assert await depth(transport) == 1


async def test_what_was_not_acknowledged_goes_first_and_in_order_to_the_next_owner(queues: Queues) -> None:
    transport = await queues.transport()
    first = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await first.acquire()
    await transport.publish(batches(*range(1, 16)))
    held = await receive(first, 15)
    await first.acknowledge([held[0], held[2], held[1]])
    await first.acknowledge([held[8]])
    await transport.publish(batches(16, 17))
    await first.close()

    second = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await second.acquire()
    redelivered = await receive(second, 13)
    assert sequences(redelivered) == [4, 5, 6, 7, 8, *range(10, 18)]
    await second.acknowledge(redelivered)
    await second.close()
    assert await depth(transport) == 0


async def test_an_acknowledged_batch_does_not_come_again(queues: Queues) -> None:
    transport = await queues.transport()
    first = transport.subscribe(0, ALL_QUEUES, prefetch=PREFETCH)
    await first.acquire()
    await transport.publish([batch for queue in ALL_QUEUES for batch in batches(1, 2, queue=queue)])
    await first.acknowledge(await receive(first, 2 * len(ALL_QUEUES)))
    await first.close()
    second = transport.subscribe(0, ALL_QUEUES, prefetch=PREFETCH)
    await second.acquire()
    assert await second.receive(wait_seconds=0.2) == []


async def test_a_standby_waits_and_then_owns_all_queues_of_the_shard(queues: Queues) -> None:
    transport = await queues.transport()
    owner = transport.subscribe(0, ALL_QUEUES, prefetch=PREFETCH)
    await owner.acquire()
    other = (await queues.transport()).subscribe(0, ALL_QUEUES, prefetch=PREFETCH)
    async with standby(other) as acquiring:
        await transport.publish([batch for queue in ALL_QUEUES for batch in batches(1, queue=queue)])
        await owner.acknowledge(await receive(owner, len(ALL_QUEUES)))
        with pytest.raises(OwnershipLost):
            await other.receive(wait_seconds=0)
        assert not acquiring.done()
        await owner.close()
        await asyncio.wait_for(acquiring, scaled(TAKEOVER_SECONDS))
    await transport.publish([batch for queue in ALL_QUEUES for batch in batches(2, queue=queue)])
    taken = await receive(other, len(ALL_QUEUES))
    assert {d.batch.queue for d in taken} == set(ALL_QUEUES)
    assert set(sequences(taken)) == {2}


async def test_a_standby_takes_over_from_an_owner_whose_connection_went_silent(queues: Queues) -> None:
    publisher = await queues.transport(limits=QueueLimits(ttl_ms=30_000))
    owner = (await queues.transport(limits=QueueLimits(ttl_ms=30_000), cuttable=True)).subscribe(
        0, ALL_QUEUES, prefetch=PREFETCH
    )
    await owner.acquire()
    await publisher.publish(batches(1, 2, 3))
    held = await receive(owner, 3)
    await owner.acknowledge(held[:1])
    other = (await queues.transport(limits=QueueLimits(ttl_ms=30_000))).subscribe(
        0, ALL_QUEUES, prefetch=PREFETCH
    )
    async with standby(other) as acquiring:
        queues.cut()
        await asyncio.wait_for(acquiring, scaled(TAKEOVER_SECONDS))
    await publisher.publish(batches(4))
    assert sequences(await receive(other, 3))[-3:] == [2, 3, 4]
    with pytest.raises((OwnershipLost, TransportUnavailable)):
        await owner.receive(wait_seconds=0.1)
    with pytest.raises((OwnershipLost, TransportUnavailable)):
        await owner.acknowledge(held[1:])


@contextlib.asynccontextmanager
async def standby(subscription: ShardSubscription) -> AsyncIterator["asyncio.Task[None]"]:
    """A subscription that waits for the shard in the background."""
    task = asyncio.create_task(subscription.acquire())
    try:
        yield task
    finally:
        await end(task)


async def test_receive_needs_ownership(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    with pytest.raises(OwnershipLost):
        await subscription.receive(wait_seconds=0)
    await subscription.acquire()
    await subscription.close()
    with pytest.raises(OwnershipLost):
        await subscription.receive(wait_seconds=0)


async def test_a_delivery_is_valid_only_under_the_ownership_in_which_it_was_made(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await subscription.acquire()
    await transport.publish(batches(1, 2))
    held = await receive(subscription, 2)
    await subscription.close()
    await subscription.acquire()
    with pytest.raises(OwnershipLost):
        await subscription.acknowledge(held)
    assert sequences(await receive(subscription, 2)) == [1, 2]


async def test_acquiring_again_begins_with_the_unacknowledged_batches(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, TRADES, prefetch=2)
    await subscription.acquire()
    await transport.publish(batches(1, 2, 3))
    held = await receive(subscription, 2)
    async with asyncio.timeout(scaled(TAKEOVER_SECONDS)):
        await subscription.acquire()
    with pytest.raises(OwnershipLost):
        await subscription.acknowledge(held)
    again = await receive(subscription, 2)
    await subscription.acknowledge(again)
    assert sequences(again + await receive(subscription, 1)) == [1, 2, 3]


async def test_acknowledging_nothing_is_nothing(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await subscription.acquire()
    await subscription.acknowledge([])


async def test_a_transport_closes_what_nobody_holds_any_more(queues: Queues) -> None:
    transport = await queues.transport()
    await transport.subscribe(0, TRADES, prefetch=PREFETCH).acquire()
    gc.collect()
    await transport.close()
    other = (await queues.transport()).subscribe(0, TRADES, prefetch=PREFETCH)
    async with asyncio.timeout(scaled(GIVEN_BACK_SECONDS)):
        await other.acquire()


async def test_open_and_close_may_be_called_twice(queues: Queues) -> None:
    transport = await queues.transport()
    subscription = transport.subscribe(0, TRADES, prefetch=PREFETCH)
    await subscription.acquire()
    await transport.open()
    await subscription.close()
    await subscription.close()
    await transport.close()
    await transport.close()
