"""Rubbish on the feed: counted by reason, kept in `unknown` within bounds, nothing else lost, memory flat."""

import asyncio
import ctypes
import gc
import json
import statistics
from collections.abc import Iterable

import psutil

from marketdata.listener import Listener
from marketdata.listener.wanted import listener_books
from marketdata.observability import metrics
from marketdata.providers.massive.client import MassiveProvider
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import RetryDelays
from marketdata.runtime.backoff import Backoff
from marketdata.transport.queues import QueueLimits, QueueName
from tests.support.builders import quote_wire, trade_wire
from tests.support.deadlines import eventually
from tests.support.memory_transport import MemoryBroker, MemoryTransport
from tests.support.running import running
from tests.support.scripted_provider import FeedConnection, ScriptedFeed
from tests.support.symbols import NO_SYMBOLS

MEBIBYTE = 2**20
ROUNDS = 12
WARM_UP_ROUNDS = 4
GOOD = [trade_wire("IBM"), quote_wire("IBM")]
HUGE_TEXT = "x" * 16 * MEBIBYTE
FLAT_WITHIN_BYTES = 16 * MEBIBYTE
ONE_HUNDRED = [trade_wire("IBM", q=number) for number in range(100)]
NOT_A_NUMBER = trade_wire("IBM", p=float("nan"))

# What is sent in a round, and what becomes of it: reason -> events in the queue `unknown`.
RUBBISH: tuple[str | bytes, ...] = (
    "no json",
    b"\xff\xfe\x00",
    '{"ev":"T","sym":"IBM"}',
    "17",
    '[1,"two",null,[3]]',
    '[{"ev":"ZZ","sym":"IBM"}]',
    '[{"ev":"T","p":1.5}]',
    json.dumps([trade_wire("IBM")])[:-5],
    "[" * 5_000,
    HUGE_TEXT[:-100],
    json.dumps([trade_wire("HUGE", i=HUGE_TEXT)]),
    json.dumps([*ONE_HUNDRED[:50], NOT_A_NUMBER, *ONE_HUNDRED[50:]]),
    json.dumps([trade_wire(symbol) for symbol in NO_SYMBOLS]),
)
EXPECTED = {
    "not_json": 6,
    "invalid_symbol": len(NO_SYMBOLS),
    "not_an_array": 2,
    "no_event_type": 4,
    "unknown_event_type": 1,
    "no_symbol": 1,
    "oversized_frame": 1,
}


def set_aside() -> dict[str, float]:
    return {reason: metrics.LISTENER_UNKNOWN.labels(reason=reason)._value.get() for reason in EXPECTED}


class Sender:
    """Sends rounds of rubbish between good events, one round each time it is told to."""

    def __init__(self) -> None:
        self.wanted = asyncio.Semaphore(0)
        self.rounds = 0

    async def play(self, connection: FeedConnection) -> None:
        await connection.subscribe()
        while await self._is_wanted_before_the_end_of(connection):
            for frame in RUBBISH:
                await connection.send(*GOOD)
                await connection.socket.send(frame)
            await connection.send(*GOOD)
            self.rounds += 1

    async def _is_wanted_before_the_end_of(self, connection: FeedConnection) -> bool:
        wanted = asyncio.create_task(self.wanted.acquire())
        closed = asyncio.create_task(connection.until_closed())
        await asyncio.wait([wanted, closed], return_when=asyncio.FIRST_COMPLETED)
        for task in (wanted, closed):
            task.cancel()
        return wanted.done()


async def published(listener: Listener, events: int) -> None:
    await eventually(lambda: listener.counters().events_published >= events, 20)


def events_in(broker: MemoryBroker, *queues: QueueName) -> Iterable[object]:
    for (queue, _shard), batches in broker.waiting.items():
        if queue in queues:
            for batch in batches:
                yield from json.loads(batch.body)


def resident_bytes() -> int:
    """The memory that the process uses, without what the allocator keeps for later: that varies by 32 MB."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss


async def test_rubbish_of_every_kind_costs_nothing_but_itself_and_no_memory() -> None:
    sender, broker = Sender(), MemoryBroker()
    limits = QueueLimits(ttl_ms=3_600_000, max_batches=10_000)
    async with ScriptedFeed(sender.play) as feed:
        listener = Listener(
            MassiveProvider(
                MassiveConfiguration(api_key="key", feed=feed.address, secure=False),
                delays=RetryDelays(10, quick=Backoff(initial_seconds=0.01, maximum_seconds=0.02)),
            ),
            MemoryTransport(broker, shard_count=2, limits=limits),
            shard_count=2,
            source="listener:1",
            ttl_ms=limits.ttl_ms,
        )
        good_in_a_round = len(GOOD) * (len(RUBBISH) + 1) + len(ONE_HUNDRED)
        before, resident = set_aside(), []
        async with running(listener):
            for number in range(1, ROUNDS + 1):
                sender.wanted.release()
                await published(listener, number * (good_in_a_round + sum(EXPECTED.values())))
                resident.append(resident_bytes())
            assert len(feed.connections) == 1, "no rubbish ends the connection"

    counted = {reason: value - before[reason] for reason, value in set_aside().items()}
    assert counted == {reason: ROUNDS * count for reason, count in EXPECTED.items()}
    good = list(events_in(broker, QueueName.TRADES, QueueName.QUOTES))
    assert len(good) == ROUNDS * good_in_a_round
    unknown = list(events_in(broker, QueueName.UNKNOWN))
    assert len(unknown) == ROUNDS * sum(EXPECTED.values())
    assert max(len(json.dumps(event)) for event in unknown) < 3_000
    counters = listener.counters()
    assert all(book.closes for book in listener_books(counters)), counters
    assert counters.events_in_flight == 0
    early, late = resident[WARM_UP_ROUNDS - 1 :][:3], resident[-3:]
    assert statistics.median(late) - statistics.median(early) < FLAT_WITHIN_BYTES, resident
