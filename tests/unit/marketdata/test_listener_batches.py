"""From frames to batches: what a listener publishes, keeps and gives up."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import pytest

from marketdata.errors import TopologyMismatch
from marketdata.feeds import ConnectionTarget, Frame, StatusEvent
from marketdata.listener import Listener, batches, service
from marketdata.listener.batches import BatchMaker, Ledger, Publishing
from marketdata.listener.report import Reporter
from marketdata.listener.wanted import (
    RECENT_SECONDS,
    BrokerState,
    ListenerActual,
    ListenerWanted,
    encode,
    listener_books,
    read_actual,
)
from marketdata.observability import metrics
from marketdata.observability.tracing import Tracing
from marketdata.providers.base import (
    ConnectionReport,
    ProviderState,
    ProviderStatus,
)
from marketdata.providers.buffered import BufferedProvider, FrameBuffer
from marketdata.providers.massive.framing import count_events
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.runtime.backoff import Backoff
from marketdata.transport.base import Batch
from marketdata.transport.queues import QueueName, shard_of
from tests.support.builders import batch_body, quote_wire, trade_wire
from tests.support.deadlines import eventually
from tests.support.manual_clock import ManualClock
from tests.support.memory_transport import MemoryBroker, MemoryTransport

SHARDS = 2
TTL_MS = 5_000


class FakeProvider(BufferedProvider):
    """A provider whose frames the test puts in."""

    def __init__(self, buffer: FrameBuffer | None = None) -> None:
        super().__init__(FORMAT, buffer=buffer)
        self.target: ConnectionTarget | None = None
        self.state = ProviderStatus(ProviderState.CONNECTING)
        self.statuses: list[StatusEvent] = []

    async def run(self, stopping: asyncio.Event) -> None:
        self.buffer.open()
        self.state = ProviderStatus(ProviderState.LIVE)
        await stopping.wait()
        self.state = ProviderStatus(ProviderState.STOPPED)
        self.buffer.close()

    def set_target(self, target: ConnectionTarget | None) -> None:
        self.target = target

    def on_statuses(self, statuses: Sequence[StatusEvent]) -> None:
        self.statuses += statuses


class ForeignQueues(MemoryTransport):
    """A broker whose queues have other properties than ours."""

    async def open(self) -> None:
        raise TopologyMismatch("queue mdq.trades.0 has another TTL")


class SlowBroker(MemoryTransport):
    """A broker that answers a publication when it is told to."""

    def __init__(self) -> None:
        super().__init__(shard_count=SHARDS)
        self.answers = asyncio.Semaphore(0)
        self.asked: list[Sequence[Batch]] = []

    async def publish(self, batches: Iterable[Batch]) -> None:
        self.asked.append(list(batches))
        await self.answers.acquire()
        await super().publish(self.asked[-1])


class ListenerRig:
    """A listener between a fake provider and a fake broker."""

    def __init__(self, buffer: FrameBuffer | None = None) -> None:
        self.provider = FakeProvider(buffer)
        self.clock = ManualClock()
        self.broker = MemoryBroker()
        self.transport = MemoryTransport(self.broker, shard_count=SHARDS, clock=self.clock)
        self.listener = Listener(
            self.provider,
            self.transport,
            shard_count=SHARDS,
            source="listener:1",
            ttl_ms=TTL_MS,
            clock=self.clock,
            broker_backoff=Backoff(initial_seconds=0.01, maximum_seconds=0.02),
        )

    @property
    def published(self) -> list[Batch]:
        return [batch for queue in self.broker.waiting.values() for batch in queue]

    def receive(self, *events: dict[str, object]) -> None:
        self.provider.buffer.append(Frame(batch_body(events), self.clock.time_ns()))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ListenerRig"]:
        stopping = asyncio.Event()
        async with asyncio.timeout(10):
            task = asyncio.create_task(self.listener.run(stopping))
            try:
                yield self
            finally:
                stopping.set()
                await task


@pytest.fixture
def rig() -> ListenerRig:
    return ListenerRig()


def events_of(batches: Iterable[Batch]) -> list[object]:
    return [event for batch in batches for event in json.loads(batch.body)]


def maker_of(provider: FakeProvider, ledger: Ledger) -> Callable[[Sequence[Frame]], Sequence[Batch]]:
    """A function that makes batches of frames which the provider has routed."""
    maker = BatchMaker(provider, SHARDS, "listener:1", Tracing(), ledger)
    return lambda frames: maker.batches(frames, provider.route(frames, SHARDS))


def make_batches(*frames: Frame) -> Sequence[Batch]:
    return maker_of(FakeProvider(), Ledger())(frames)


def test_frames_that_wait_together_become_one_batch_per_queue_and_shard() -> None:
    first = Frame(batch_body([trade_wire("IBM", q=1), quote_wire("IBM")]), received_ns=7)
    second = Frame(batch_body([trade_wire("IBM", q=2)]), received_ns=9)

    trades, quotes = sorted(make_batches(second, first), key=lambda batch: batch.queue, reverse=True)

    assert (trades.queue, quotes.queue) == (QueueName.TRADES, QueueName.QUOTES)
    assert trades.event_count == 2
    assert [event["q"] for event in json.loads(trades.body)] == [2, 1]
    assert trades.shard == quotes.shard == shard_of("IBM", SHARDS)
    assert trades.received_ns == 7


def test_batches_are_numbered_from_one_in_each_queue_and_shard() -> None:
    made_of = maker_of(FakeProvider(), Ledger())
    frame = Frame(batch_body([trade_wire("IBM"), quote_wire("IBM")]), received_ns=1)
    only_trade = Frame(batch_body([trade_wire("IBM")]), received_ns=1)

    made = [*made_of([frame]), *made_of([only_trade]), *made_of([frame])]

    by_queue = {queue: [b.sequence for b in made if b.queue is queue] for queue in QueueName}
    assert by_queue[QueueName.TRADES] == [1, 2, 3]
    assert by_queue[QueueName.QUOTES] == [1, 2]
    assert {batch.source for batch in made} == {"listener:1"}


async def test_events_reach_the_broker_and_statuses_the_provider(rig: ListenerRig) -> None:
    async with rig.running():
        rig.receive(trade_wire("IBM"), {"ev": "status", "status": "error", "message": "not authorized"})
        await eventually(lambda: rig.published, 5)

        assert rig.listener.unready() == {}
        assert rig.provider.statuses == [StatusEvent("error", "not authorized")]


async def test_what_was_received_before_the_stop_is_still_published(rig: ListenerRig) -> None:
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.receive(trade_wire("IBM"))
    assert events_of(rig.published) == [trade_wire("IBM")]


async def test_what_comes_while_the_broker_is_busy_is_published_together_and_in_order() -> None:
    provider, broker = FakeProvider(), SlowBroker()
    listener = Listener(provider, broker, shard_count=SHARDS, source="listener:1")
    stopping = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.run(stopping))
        for number in range(1, 5):
            provider.buffer.append(Frame(batch_body([trade_wire("IBM", q=number)]), time.time_ns()))
            await eventually(lambda: listener.counters().events_in_flight == number, 5)  # noqa: B023
        assert [len(asked) for asked in broker.asked] == [1]
        for _ in range(3):
            broker.answers.release()
        await eventually(lambda: listener.counters().events_published == 4, 5)
        stopping.set()
    assert [[batch.sequence for batch in asked] for asked in broker.asked] == [[1], [2, 3], [4]]


async def test_a_broker_that_comes_back_in_time_gets_everything_in_order(rig: ListenerRig) -> None:
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.broker.go_away()
        for number in range(1, 6):
            rig.receive(trade_wire("IBM", q=number))
            await eventually(lambda: len(rig.provider.buffer) <= 3, 5)
        await eventually(lambda: rig.listener.unready().get("broker"), 5)
        rig.broker.come_back()
        await eventually(lambda: len(events_of(rig.published)) == 5, 5)

        sequences = [batch.sequence for batch in rig.published]
        assert sequences == sorted(sequences)
        assert rig.listener.unready() == {}


async def test_a_broker_that_is_back_is_found_well_although_nothing_is_published(
    rig: ListenerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PROBE_SECONDS", 0.02)
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.broker.go_away()
        rig.receive(trade_wire("IBM"))
        await eventually(lambda: rig.listener.unready().get("broker"), 5)
        rig.clock.advance(TTL_MS / 1_000 + 1)  # what could have been published has expired
        rig.broker.come_back()
        await eventually(lambda: not rig.listener.unready(), 5)
        assert not rig.published


def test_the_record_tells_since_when_what_came_lately_and_whether_the_broker_takes(
    rig: ListenerRig,
) -> None:
    ledger, transport = Ledger(), MemoryTransport(shard_count=SHARDS)
    backoff = Backoff(initial_seconds=0.01, maximum_seconds=0.02)
    queue = Publishing(transport, ledger, ttl_ms=TTL_MS, clock=rig.clock, tracing=Tracing(), backoff=backoff)
    reporter = Reporter(rig.provider, ledger, queue, source="listener:1", clock=rig.clock)
    wanted = ListenerWanted(running=True, feed="RealTime", market="stocks", subscriptions=("T.*",))

    def told() -> ListenerActual:
        actual = reporter.actual(wanted, refused_version=0, refusal="")
        assert read_actual(encode(actual)) == actual
        return actual

    began_ms = told().since_ms
    assert (told().broker, told().recent_events, told().newest_received_ms) == (BrokerState.OK, 0, 0)

    rig.clock.advance(1)
    rig.provider.report = ConnectionReport(newest_received_ns=rig.clock.time_ns())
    maker_of(rig.provider, ledger)(
        [Frame(batch_body([trade_wire("IBM"), trade_wire("MSFT")]), rig.clock.time_ns())]
    )
    assert (told().since_ms, told().recent_events) == (began_ms, 2)
    assert told().newest_received_ms == rig.clock.time_ns() // 1_000_000

    rig.clock.advance(RECENT_SECONDS + 1)
    rig.provider.report = ConnectionReport(number=2)  # another connection, on which nothing came yet
    rig.provider.state = ProviderStatus(ProviderState.REFUSED, "auth_failed")
    assert told().recent_events == 0
    assert told().newest_received_ms == began_ms + 1_000
    assert told().since_ms == rig.clock.time_ns() // 1_000_000


async def test_a_batch_that_outlived_the_queues_is_dropped_and_counted_not_published(
    rig: ListenerRig,
) -> None:
    dropped = metrics.LISTENER_DROPPED_EVENTS.labels(reason="expired")
    before = dropped._value.get()
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.broker.go_away()
        rig.receive(trade_wire("OLD"), trade_wire("OLD"))
        await eventually(lambda: rig.listener.unready().get("broker"), 5)
        rig.clock.advance(TTL_MS / 1_000 + 1)
        rig.receive(trade_wire("NEW"))
        rig.broker.come_back()
        await eventually(lambda: rig.published, 5)

    assert events_of(rig.published) == [trade_wire("NEW")]
    assert dropped._value.get() - before == 2


async def test_a_broker_that_comes_back_in_a_quiet_market_is_no_trouble_any_more(
    rig: ListenerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PROBE_SECONDS", 0.02)
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.broker.go_away()
        rig.receive(trade_wire("LAST"))
        await eventually(lambda: rig.listener.unready().get("broker"), 5)
        rig.clock.advance(TTL_MS / 1_000 + 1)
        rig.broker.come_back()
        await eventually(lambda: not rig.listener.unready(), 5)
        assert rig.published == []
        rig.broker.go_away()
        await eventually(lambda: rig.listener.unready().get("broker"), 5)


async def test_the_socket_is_drained_while_the_broker_is_away() -> None:
    rig = ListenerRig(FrameBuffer(count_events, capacity_characters=2_000))
    dropped = metrics.PROVIDER_FRAMES_DROPPED.labels(reason="buffer_full")
    before = dropped._value.get()
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.broker.go_away()
        await eventually(lambda: _full(rig, dropped._value.get() - before), 5)
        rig.broker.come_back()
        await eventually(lambda: trade_wire("IBM", q=-1) in events_of(rig.published), 5)


def _full(rig: ListenerRig, dropped: float) -> bool:
    for _ in range(10):
        rig.receive(trade_wire("IBM", q=-1))
    return dropped > 0


async def test_a_broker_away_at_the_start_is_waited_for(rig: ListenerRig) -> None:
    rig.broker.go_away()
    async with rig.running():
        await eventually(lambda: "away" in rig.listener.unready()["broker"], 5)
        rig.broker.come_back()
        await eventually(lambda: not rig.listener.unready(), 5)


@pytest.fixture
def short_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop has time to publish what it can, and not the whole time of an operator's."""
    monkeypatch.setattr(service, "DRAIN_SECONDS", 0.05)


@pytest.mark.usefixtures("short_drain")
async def test_a_stop_does_not_wait_for_a_broker_that_is_away(rig: ListenerRig) -> None:
    given_up = metrics.LISTENER_DROPPED.labels(reason="stopping")
    before = given_up._value.get()
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.broker.go_away()
        rig.receive(trade_wire("IBM"))
        await eventually(lambda: rig.listener.unready().get("broker"), 5)
    assert given_up._value.get() == before + 1


async def test_queues_of_other_properties_end_the_service_with_the_reason() -> None:
    listener = Listener(FakeProvider(), ForeignQueues(), shard_count=SHARDS, source="listener:1")
    with pytest.raises(TopologyMismatch, match=r"mdq\.trades\.0"):
        await listener.run(asyncio.Event())


async def test_rubbish_goes_to_the_unknown_queue_and_the_feed_goes_on(rig: ListenerRig) -> None:
    async with rig.running():
        rig.provider.buffer.append(Frame("no json", rig.clock.time_ns()))
        rig.receive(trade_wire("IBM"))
        await eventually(lambda: len(rig.published) == 2, 5)
    assert {batch.queue for batch in rig.published} == {QueueName.UNKNOWN, QueueName.TRADES}


def assert_balanced(listener: Listener) -> None:
    counters = listener.counters()
    assert all(book.closes for book in listener_books(counters)), counters


async def test_every_event_is_counted_at_any_moment_of_an_outage_with_overload() -> None:
    rig = ListenerRig(FrameBuffer(count_events, capacity_characters=5_000))
    sent = 0
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        for number in range(300):
            if number == 100:
                rig.broker.go_away()
            if number == 200:
                await eventually(lambda: rig.listener.counters().events_in_flight > 0, 5)
                rig.clock.advance(TTL_MS / 1_000 + 1)
                rig.broker.come_back()
            rig.receive(*[trade_wire("IBM", q=number)] * (number % 4 + 1))
            sent += number % 4 + 1
            assert_balanced(rig.listener)
            await asyncio.sleep(0)
            assert_balanced(rig.listener)
        rig.provider.buffer.append(Frame("no json", rig.clock.time_ns()))

    counters = rig.listener.counters()
    assert counters.events_received == sent + 1
    assert counters.events_dropped["buffer_full"] > 0
    assert counters.events_dropped["expired"] > 0
    assert counters.events_published == sent + 1 - sum(counters.events_dropped.values())
    assert counters.events_in_flight == counters.frames_waiting == 0


@pytest.mark.usefixtures("short_drain")
async def test_what_a_stop_cannot_publish_any_more_is_counted_too(rig: ListenerRig) -> None:
    async with rig.running():
        await eventually(lambda: not rig.listener.unready(), 5)
        rig.broker.go_away()
        for number in range(20):
            rig.receive(trade_wire("IBM", q=number))
            await asyncio.sleep(0)

    counters = rig.listener.counters()
    assert counters.events_received == counters.events_dropped["stopping"] == 20
    assert_balanced(rig.listener)
