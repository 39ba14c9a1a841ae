"""The worker of one shard: it waits for the shard, owns it, works on it, loses it, and waits again."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.errors import ContentError, OwnershipLost, StoreUnavailable, TransportUnavailable
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.tracing import Tracing
from marketdata.payloads import RowBlock
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.runtime.asked import Asked
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.books import Book
from marketdata.runtime.cancellation import finished_before, run_together
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.report import ShardStatus
from marketdata.store.publisher import BlockPublisher
from marketdata.store.shard_state import Checkpoint
from marketdata.store.snapshots import SnapshotReader
from marketdata.transport.base import Delivery, ShardSubscription, Transport
from marketdata.transport.queues import DEFAULT_TTL_MS, QueueName
from marketdata.units import NS_PER_MS, NS_PER_SECOND
from scanners.processor.dependencies import Dependencies, Dependency
from scanners.processor.market_time import Present
from scanners.processor.outcome import ClockAgreement, EventAccount, OutcomeReporter, queue_intakes
from scanners.processor.pace import TickPace
from scanners.processor.shard import ShardProcessor
from scanners.processor.turn import Turn
from scanners.settings import ProcessorSettings

GROUP_EVENTS: Final = 20_000
"""How many events are applied together, before the event loop runs again: some 20 ms of work.

An event costs twice as much in a group of 500 as in a group of 20,000. No effect is visible before the tick,
so a larger group delays nothing."""

GATHER_SECONDS: Final = 0.02
"""How long to wait for more batches when there is less than a group. Then one request receives them all."""

TAPES_READ_TOGETHER: Final = 256
"""6 MB at most, 100 ms of work."""

HEARTBEAT_SECONDS: Final = 1.0
MAX_BACKOFF_SECONDS: Final = 1.0

log = get_logger(__name__)


class ProcessorConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed while a processor runs, beside its `ProcessorSettings`."""

    shards: tuple[int, ...]
    batch_ttl_ms: int = DEFAULT_TTL_MS


class ShardOwner:
    """Owns one shard whenever the transport allows it, and keeps the shard's state in the store.

    A batch is acknowledged only after the tick that stored its effect. So the shard's next owner finds in the
    cache the effect of all acknowledged batches, and receives the others again.

    Concurrency: `run` is one task. Other tasks call only `use_reference` and `purge`.
    """

    def __init__(
        self,
        shard: int,
        *,
        make_processor: Callable[[int], ShardProcessor],
        transport: Transport,
        snapshots: SnapshotReader,
        publisher: BlockPublisher,
        settings: LiveSettings[ProcessorSettings],
        clock: Clock,
        tracing: Tracing,
        turn: Turn,
        pace: TickPace,
    ) -> None:
        self.shard = shard
        self._make_processor = make_processor
        self._transport = transport
        self._stored = StoredShard(shard, snapshots=snapshots, publisher=publisher, clock=clock)
        self._settings = settings
        self._clock = clock
        self._tracing = tracing
        self._turn = turn
        self._processor = make_processor(clock.time_ns())
        self._reference: RowBlock | None = None
        self._volume_curve: VolumeCurve | None = None
        self._received: list[Delivery] = []
        self._unacknowledged: list[Delivery] = []
        self._pace = pace
        self._ticked_ns = 0
        self._published_at = -HEARTBEAT_SECONDS
        self._dependencies = Dependencies(shard, transport, snapshots, clock)
        self._subscription: ShardSubscription | None = None
        self._owned_since_ns = 0
        self._times_taken = 0
        self._ticks = 0
        self._tick_stored_ns = 0
        self._purges: Asked[Collection[QueueName], int] = Asked()
        self._account = EventAccount()
        self._owned = metrics.PROCESSOR_OWNED.labels(str(shard))
        self._ages = {
            queue: metrics.PROCESSOR_BATCH_AGE_SECONDS.labels(queue) for queue in self._processor.queues
        }
        self._agreement = ClockAgreement()
        self._reporter = OutcomeReporter(shard, clock)
        self._tick_failures = RateLimitedLog(log, clock=clock)

    @property
    def failures(self) -> Mapping[str, str]:
        """Failures that keep it from its work: dependency -> reason. Waiting for the shard is none."""
        clock = self._agreement.failure(self._clock.time_ns())
        return {**self._dependencies.failures, "clock": clock} if clock else self._dependencies.failures

    @property
    def book(self) -> Book:
        """What became of the events that it received."""
        return self._account.book(self._received)

    @property
    def status(self) -> ShardStatus:
        """Whether it owns the shard, its ticks, and what it took from the queues."""
        taken = {} if self._subscription is None else self._subscription.taken
        return ShardStatus(
            shard=self.shard,
            owned_since_ms=self._owned_since_ns // NS_PER_MS,
            taken=self._times_taken,
            ticks=self._ticks,
            ticked_at_ms=self._tick_stored_ns // NS_PER_MS,
            rows=self._processor.row_count,
            market_time_ms=self._processor.market_time_ms,
            queues=queue_intakes(taken, [*self._unacknowledged, *self._received]),
            clock_failure=self._agreement.failure(self._clock.time_ns()),
        )

    def use_reference(self, block: RowBlock, volume_curve: VolumeCurve | None) -> None:
        """Use new reference data. The next tick publishes its effect."""
        self._reference, self._volume_curve = block, volume_curve
        self._processor.apply_reference(block, volume_curve)

    async def purge(self, queues: Collection[QueueName]) -> int | None:
        """Drop the batches that wait in these queues. Returns how many; None if it does not own the shard.

        Raises:
            OwnershipLost, TransportUnavailable: the shard was lost or given back meanwhile.
        """
        return None if self._subscription is None else await self._purges.ask(queues)

    async def run(self, stopping: asyncio.Event) -> None:
        """Own the shard when possible until `stopping` is set. Then publish and acknowledge the rest."""
        await run_together(
            self._turn.run(stopping, self._can_work),
            self._dependencies.keep_asking(stopping),
            self._take_turns(stopping),
        )

    def _life_ms(self) -> int:
        return self._settings.current.message_life_ms

    def _can_work(self) -> bool:
        return "queues" not in self.failures

    async def _take_turns(self, stopping: asyncio.Event) -> None:
        backoff = Backoff(initial_seconds=0.1, maximum_seconds=MAX_BACKOFF_SECONDS)
        while not stopping.is_set():
            await self._turn.wait_until_allowed(stopping)
            prefetch = self._settings.current.prefetch_count
            subscription = self._transport.subscribe(
                self.shard, self._processor.queues, prefetch=prefetch, life_ms=self._life_ms
            )
            try:
                if await self._acquired(subscription, stopping):
                    await self._work(subscription, stopping, backoff, prefetch)
                continue
            except OwnershipLost:
                log.warning("shard lost to another owner", shard=self.shard)
            except (TransportUnavailable, StoreUnavailable) as error:
                dependency: Dependency = "cache" if isinstance(error, StoreUnavailable) else "queues"
                self._dependencies.failed(dependency, str(error))
                log.warning("shard interrupted", shard=self.shard, dependency=dependency, error=str(error))
            finally:
                self._owned.set(0)
                self._subscription, self._owned_since_ns = None, 0
                self._purges.refuse_all(OwnershipLost(f"shard {self.shard} was lost or given back"))
                self._pace.forget(self.shard)
                self._account.note_left(self._received)
                self._received.clear()
                self._unacknowledged.clear()
                await subscription.close()
            await backoff.wait(stopping)

    async def _acquired(self, subscription: ShardSubscription, stopping: asyncio.Event) -> bool:
        """Wait until this worker owns the shard; False if `stopping` is set or the turn is over first."""
        if not await finished_before(subscription.acquire(), stopping, self._turn.over):
            return False
        self._dependencies.answered("queues")
        return True

    async def _work(
        self, subscription: ShardSubscription, stopping: asyncio.Event, backoff: Backoff, prefetch: int
    ) -> None:
        """Work on the owned shard until the service stops, the turn is over, or the prefetch changes.

        The prefetch belongs to the subscription, so another one needs another subscription.
        """
        await self._continue_from_the_store()
        self._owned.set(1)
        self._subscription, self._owned_since_ns = subscription, self._clock.time_ns()
        self._times_taken += 1
        while (
            not stopping.is_set()
            and not self._turn.over.is_set()
            and self._settings.current.prefetch_count == prefetch
        ):
            for purge in self._purges.take():
                # What was received is acknowledged first, so that no prefetch holds back what waits.
                await self._publish(subscription)
                purge.fulfil(await subscription.purge(purge.wish))
            arrived = await subscription.receive(wait_seconds=self._seconds_to_tick())
            self._account.note_received(arrived)
            self._received += arrived
            backoff.reset()
            while _event_count(self._received) >= GROUP_EVENTS:
                self._apply_group()
                await self._tick_if_due(subscription)
                await asyncio.sleep(0)
            await self._tick_if_due(subscription)
            await asyncio.sleep(min(GATHER_SECONDS, self._seconds_to_tick()))
        await self._publish(subscription)
        if self._turn.over.is_set() and not stopping.is_set():
            log.info("shard given back to its preferred worker", shard=self.shard)

    async def _continue_from_the_store(self) -> None:
        """Restore the stored state if another owner wrote it. Then the state in memory is out of date.

        If this owner wrote it, the state in memory is at least as new. If the cache restarted empty, the
        state in memory is the only one.
        """
        checkpoint = await self._stored.checkpoint(self._processor.checkpoint.private_groups)
        self._dependencies.answered("cache")
        if checkpoint is not None and checkpoint.whole.epoch != self._processor.epoch:
            processor = self._make_processor(self._clock.time_ns())
            known = frozenset(self._reference.symbols if self._reference is not None else ())
            await self._stored.restore(processor, checkpoint, known)
            self._processor = processor
            if self._reference is not None:
                self._processor.apply_reference(self._reference, self._volume_curve)
        outcome = "empty" if checkpoint is None else "restored"
        metrics.PROCESSOR_RESTORES.labels(outcome).inc()
        log.info("shard owned", shard=self.shard, stored_state=outcome, rows=self._processor.row_count)

    def _follow_switches(self) -> None:
        """Have those analyzers and streams off that operators want off now."""
        wanted = self._settings.current
        self._processor.switch(wanted.analyzers_off, wanted.streams_off)

    def _apply_group(self) -> None:
        """Apply one group of the received deliveries, oldest first."""
        self._follow_switches()
        size = _group_size(self._received)
        self._apply(self._received[:size])
        del self._received[:size]

    def _apply(self, deliveries: Sequence[Delivery]) -> None:
        now_ns = self._clock.time_ns()
        now = Present(now_ns, round(self._clock.monotonic() * NS_PER_SECOND))
        outcome = self._processor.apply([delivery.batch for delivery in deliveries], now=now)
        self._account.note_outcome(outcome)
        self._unacknowledged.extend(deliveries)
        for delivery in deliveries:
            batch = delivery.batch
            age_seconds = max(0, now_ns - batch.received_ns) / NS_PER_SECOND
            self._ages[batch.queue].observe(age_seconds)
        self._agreement.note(now_ns, applied=outcome.applied.total(), ahead=outcome.ignored["ahead"])
        batches = Counter(delivery.batch.queue for delivery in deliveries)
        self._reporter.report(outcome, batches, rows=self._processor.row_count)

    def _seconds_to_tick(self) -> float:
        return self._pace.seconds_until_due(self._ticked_ns)

    async def _tick_if_due(self, subscription: ShardSubscription) -> None:
        if self._seconds_to_tick() > 0:
            return
        self._ticked_ns = self._clock.time_ns()
        self._follow_switches()
        heartbeat_due = self._clock.monotonic() - self._published_at >= HEARTBEAT_SECONDS
        unpublished = (
            self._received or self._unacknowledged or self._processor.has_changes or "cache" in self.failures
        )
        if unpublished or heartbeat_due:
            await self._publish(subscription)

    async def _publish(self, subscription: ShardSubscription) -> None:
        """Apply the received deliveries, store and announce the tick, then acknowledge.

        While the cache is away everything stays unacknowledged.
        """
        while self._received:
            self._apply_group()
            await asyncio.sleep(0)
        started = self._clock.monotonic()
        parent = self._unacknowledged[-1].batch.trace_context if self._unacknowledged else ""
        try:
            with self._tracing.span("processor tick", parent=parent, shard=self.shard):
                await self._pace.measured(self.shard, self._stored.publish(self._processor))
        except StoreUnavailable as error:
            metrics.PROCESSOR_TICKS_FAILED.labels("cache").inc()
            self._dependencies.failed("cache", str(error))
            self._tick_failures.warning(
                "tick not published", reason="cache", shard=self.shard, error=str(error)
            )
            return
        self._dependencies.answered("cache")
        self._published_at = self._clock.monotonic()
        self._ticks += 1
        self._tick_stored_ns = self._clock.time_ns()
        metrics.PROCESSOR_TICKS.labels(str(self.shard)).inc()
        metrics.PROCESSOR_ROWS.labels(str(self.shard)).set(self._processor.row_count)
        metrics.PROCESSOR_TICK_SECONDS.observe(self._clock.monotonic() - started)
        if self._unacknowledged:
            await subscription.acknowledge(self._unacknowledged)
            self._unacknowledged.clear()


class StoredShard:
    """The state of one shard in the cache: its owner restores it, and publishes ticks into it.

    Every method raises `StoreUnavailable` while the cache is away.
    """

    def __init__(
        self, shard: int, *, snapshots: SnapshotReader, publisher: BlockPublisher, clock: Clock
    ) -> None:
        self._shard = shard
        self._snapshots = snapshots
        self._publisher = publisher
        self._clock = clock

    async def checkpoint(self, private_groups: Sequence[str]) -> Checkpoint | None:
        """The newest stored state; None if there is none. Bytes that cannot be read are counted."""
        try:
            return await self._snapshots.checkpoint(self._shard, private_groups)
        except ContentError as error:
            metrics.STORE_MALFORMED.labels(error.reason).inc()
            log.warning("stored rows cannot be read", shard=self._shard, error=str(error))
            return None

    async def restore(
        self, processor: ShardProcessor, checkpoint: Checkpoint, known: AbstractSet[str]
    ) -> None:
        """Let a new processor continue from a checkpoint, and from the tapes of its symbols.

        `known` are the symbols of the reference data: see `ShardProcessor.restore`.
        """
        processor.restore(checkpoint, known)
        symbols = processor.symbols
        for first in range(0, len(symbols), TAPES_READ_TOGETHER):
            tapes = await self._snapshots.tapes(symbols[first : first + TAPES_READ_TOGETHER])
            processor.checkpoint.restore_tapes(first, tapes)
        processor.checkpoint.complete_tapes(await self._snapshots.day_of_tapes(self._shard))

    async def publish(self, processor: ShardProcessor) -> None:
        """Store and announce the next tick of a processor in one transaction.

        Tapes that are too large for one transaction are stored before it, in portions. If the cache fails,
        its content is not known, and all parts of the checkpoint are due again. The tick is confirmed only if
        it was stored. If the cache answers that it does not have all parts, they are due again, and the next
        tick follows at once: the batches that are acknowledged now may not be lost.
        """
        if not await self._publish_once(processor):
            await self._publish_once(processor)

    async def _publish_once(self, processor: ShardProcessor) -> bool:
        """Returns whether the cache has all parts of the checkpoint."""
        try:
            for portion in processor.checkpoint.tapes_ahead():
                await self._publisher.store_tapes(portion)
            tick = processor.tick(self._clock.time_ns())
            holds_all_parts = await self._publisher.publish_tick(self._shard, tick)
        except StoreUnavailable:
            processor.checkpoint.store_anew()
            raise
        processor.confirm(tick)
        if not holds_all_parts:
            processor.checkpoint.store_anew()
        return holds_all_parts


def _event_count(deliveries: Iterable[Delivery]) -> int:
    return sum([delivery.batch.event_count for delivery in deliveries])


def _group_size(deliveries: Sequence[Delivery]) -> int:
    """How many deliveries, from the first on, have at most `GROUP_EVENTS` events together; at least one."""
    events = 0
    for index, delivery in enumerate(deliveries):
        events += delivery.batch.event_count
        if events > GROUP_EVENTS:
            return max(1, index)
    return len(deliveries)
