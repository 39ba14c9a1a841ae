"""The service behind `manage.py run_listener`: starts, connects and stops the parts of a listener."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from marketdata.clock import Clock, SystemClock
from marketdata.feeds import ConnectionTarget, Frame
from marketdata.listener.batches import BatchMaker, Ledger, Publishing
from marketdata.listener.report import Reporter
from marketdata.listener.role import connection_role
from marketdata.listener.steering import SteeredListener
from marketdata.listener.wanted import ListenerCounters, ListenerWanted, listener_books
from marketdata.observability.tracing import Tracing
from marketdata.providers.base import Provider, ProviderState
from marketdata.runtime.backoff import Backoff
from marketdata.runtime.cancellation import end
from marketdata.runtime.leadership import RenewableLease
from marketdata.runtime.report import LEADER, STANDBY, ListenerStatus, ServiceStatus
from marketdata.runtime.steering import Records, Steering
from marketdata.transport.base import Transport
from marketdata.transport.monitor import QueueMonitor
from marketdata.transport.queues import DEFAULT_TTL_MS

DRAIN_SECONDS: Final = 3.0
# In these states the listener is ready: either events flow, or none are expected.
READY_STATES: Final = frozenset({ProviderState.LIVE, ProviderState.MARKET_CLOSED})


class Listener:
    """One listener process. See `marketdata.runtime.service.Service`.

    With a lease, a second listener stands by, since the provider closes one of two connections of an account.
    With records, it follows the wanted state that operators store, and starts from `wanted`.
    `on_frames` is called in the event loop with each group of frames before they are routed.
    `on_target` is called with the new target when operators change it, before frames of that target arrive.
    """

    name = "listener"

    def __init__(
        self,
        provider: Provider,
        transport: Transport,
        *,
        shard_count: int,
        source: str,
        lease: RenewableLease | None = None,
        records: Records | None = None,
        wanted: ListenerWanted | None = None,
        ttl_ms: int = DEFAULT_TTL_MS,
        clock: Clock | None = None,
        tracing: Tracing | None = None,
        broker_backoff: Backoff | None = None,
        on_frames: Callable[[Sequence[Frame]], object] | None = None,
        on_target: Callable[[ConnectionTarget], object] | None = None,
        switch_recording: Callable[[bool], object] | None = None,
    ) -> None:
        clock, tracing = clock or SystemClock(), tracing or Tracing()
        self._provider = provider
        self._on_frames = on_frames
        self._source = source
        self._transport = transport
        self._leadership = connection_role(lease)
        self._ledger = Ledger()
        self._batch_maker = BatchMaker(provider, shard_count, source, tracing, self._ledger)
        self._publishing = Publishing(
            transport,
            self._ledger,
            ttl_ms=ttl_ms,
            clock=clock,
            tracing=tracing,
            backoff=broker_backoff or Backoff(initial_seconds=0.1, maximum_seconds=2.0),
        )
        reporter = Reporter(provider, self._ledger, self._publishing, source=source, clock=clock)
        own = wanted or ListenerWanted(running=True, feed="", market="", subscriptions=())
        steered = SteeredListener(
            provider,
            reporter,
            own,
            source=source,
            on_target=on_target,
            switch_recording=switch_recording,
        )
        self._steering = Steering(records, steered, default=wanted)

    def counters(self) -> ListenerCounters:
        """What happened to every event so far. The counts add up at any moment."""
        return self._ledger.counters(self._provider.counts)

    def unready(self) -> Mapping[str, str]:
        """Why no event flows: `lease`, `broker`, `provider`. A closed market does not count as a reason."""
        status = self._provider.status
        provider_failure = (
            ""
            if status.state in READY_STATES
            else ": ".join(word for word in (status.state, status.reason, status.detail) if word)
        )
        reasons = {
            "lease": self._leadership.why_not_leading,
            "broker": self._publishing.failure,
            "provider": provider_failure,
        }
        return {dependency: reason for dependency, reason in reasons.items() if reason}

    def status(self) -> ServiceStatus:
        """Its role, the version of its settings, and the books of frames, events and batches."""
        leads = self._leadership.leads
        return ServiceStatus(
            role=LEADER if leads else STANDBY,
            progress=self._publishing.answers,
            is_idle=not leads,
            settings=self._steering.status,
            books=listener_books(self.counters()),
            listener=ListenerStatus(
                source=self._source,
                numbers=self._batch_maker.numbers,
                dropped=self._ledger.batches_dropped,
            ),
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until `stopping`; then close the feed, publish the received events, and return.

        A standby follows its settings, too: it can be restarted, and it begins with them when it leads.
        """
        following = self._steering.run(reports=lambda: self._leadership.leads)
        steering = asyncio.create_task(following, name="steering")
        try:
            if not await self._open_broker(stopping):
                return
            await self._leadership.run(stopping, self._listen)
        finally:
            await end(steering)
            await self._steering.withdraw()
            await self._transport.close()

    async def _open_broker(self, stopping: asyncio.Event) -> bool:
        reporting = asyncio.create_task(self._steering.report_before_leading(), name="report")
        try:
            return await self._publishing.open(stopping)
        finally:
            await end(reporting)

    async def _listen(self, ending: asyncio.Event) -> None:
        """One tenure: from acquiring the role to `ending`, when it is lost or the process stops."""
        await self._steering.begin()
        async with asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(self._publishing.run(), name="publish")
            batching = tasks.create_task(
                self._batch_maker.run(self._publishing, on_frames=self._on_frames), name="batch"
            )
            observing = tasks.create_task(QueueMonitor(self._transport).run(ending), name="queue depths")
            await self._provider.run(ending)
            await end(observing)
            _, late = await asyncio.wait([batching, publishing], timeout=DRAIN_SECONDS)
            await end(*late)
        self._publishing.give_up("stopping")
        self._provider.discard("stopping")
