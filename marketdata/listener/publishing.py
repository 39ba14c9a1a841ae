"""The way of batches into the broker: a short queue of groups, patience, and an end to it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from marketdata.clock import Clock
from marketdata.errors import PublishersBlocked, TransportUnavailable
from marketdata.listener.ledger import Ledger
from marketdata.listener.wanted import BrokerState
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.observability.tracing import Tracing
from marketdata.runtime.backoff import Backoff
from marketdata.transport.base import Batch, Transport

# So many groups are routed while one publication waits for the broker, to be published together. One by one,
# each had to wait for its own answer, with nobody routing for 15 to 30 % of the time.
GROUPS_WAITING: Final = 2
NANOSECONDS_PER_MS: Final = 1_000_000
# With nothing to publish the broker is asked at this distance how it is.
PROBE_SECONDS: Final = 1.0

log = get_logger(__name__)


class Publishing:
    """Publishes groups of batches in order; one event loop, one task in `run`, one that calls `put`.

    One publication is under way at a time, so that order survives any failure; the groups that came meanwhile
    share the next one. Each is tried until the broker took it or it is too old to be of use to anybody.
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        *,
        ttl_ms: int,
        clock: Clock,
        tracing: Tracing,
        backoff: Backoff,
    ) -> None:
        self._transport = transport
        self._ledger = ledger
        self._ttl_ms = ttl_ms
        self._clock = clock
        self._tracing = tracing
        self._backoff = backoff
        self._groups: asyncio.Queue[Sequence[Batch]] = asyncio.Queue(GROUPS_WAITING)
        self._log = RateLimitedLog(log)
        self.trouble = "not connected yet"
        self.broker = BrokerState.OK  # until an attempt has failed

    async def open(self, stopping: asyncio.Event) -> bool:
        """Connect to the broker, for as long as it takes; False when `stopping` came first."""
        while True:
            try:
                await self._transport.open()
            except TransportUnavailable as error:
                self._note_trouble(error)
                if not await self._backoff.wait(stopping):
                    return False
            else:
                self._note_well()
                return True

    async def put(self, batches: Sequence[Batch]) -> None:
        """Hand over a group of one or more; waits while the broker is behind. If cancelled, it is dropped."""
        try:
            await self._groups.put(batches)
        except asyncio.CancelledError:
            self._drop(batches, "stopping")
            raise

    async def finish(self) -> None:
        """No more groups will come: `run` returns after those that wait."""
        await self._groups.put(())

    async def run(self) -> None:
        """Publish until `finish`: all groups that wait at a time, as one."""
        ended = False
        while not ended:
            groups = [await self._next_group()]
            while not self._groups.empty():
                groups.append(self._groups.get_nowait())
            await self._publish([batch for group in groups for batch in group])
            ended = not groups[-1]

    async def _next_group(self) -> Sequence[Batch]:
        """Wait for a group; while none comes the broker is asked, so its state is that of the present."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    return await self._groups.get()
            try:
                await self._transport.open()
            except TransportUnavailable as error:
                self._note_trouble(error)
            else:
                self._note_well()

    def give_up(self, reason: str) -> None:
        """Drop what a cancelled `run` left, so that the next one starts clean; its complaint is over, too."""
        self.trouble = ""
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._drop(self._groups.get_nowait(), reason)

    async def _publish(self, group: Sequence[Batch]) -> None:
        """Try until the broker took it. Counted as dropped when the time to drain is over first."""
        try:
            while group := self._young_enough(group):
                if await self._attempt(group):
                    return
                await asyncio.sleep(self._backoff.next_delay_seconds())
        except asyncio.CancelledError:
            self._drop(group, "stopping")
            raise

    async def _attempt(self, group: Sequence[Batch]) -> bool:
        try:
            with (
                self._tracing.span("listener.publish", batches=len(group)),
                metrics.LISTENER_PUBLISH_SECONDS.time(),
            ):
                await self._transport.publish(group)
        except TransportUnavailable as error:
            self._note_trouble(error)
            return False
        self._ledger.published(group)
        self._note_well()
        return True

    def _young_enough(self, group: Sequence[Batch]) -> Sequence[Batch]:
        oldest_ns = self._clock.time_ns() - self._ttl_ms * NANOSECONDS_PER_MS
        young = [batch for batch in group if batch.received_ns >= oldest_ns]
        if len(young) < len(group):
            self._drop([batch for batch in group if batch.received_ns < oldest_ns], "expired")
        return young

    def _drop(self, batches: Sequence[Batch], reason: str) -> None:
        if not batches:
            return
        events = self._ledger.dropped(batches, reason)
        by_queue = Counter(str(batch.queue) for batch in batches)
        self._log.warning("batches dropped", reason=reason, events=events, batches=dict(by_queue))

    def _note_trouble(self, error: TransportUnavailable) -> None:
        self.trouble = str(error) or type(error).__name__
        self.broker = BrokerState.BLOCKED if isinstance(error, PublishersBlocked) else BrokerState.AWAY
        self._log.warning("broker unavailable", reason="broker_unavailable", error=self.trouble)

    def _note_well(self) -> None:
        self._backoff.reset()
        self.trouble, self.broker = "", BrokerState.OK
