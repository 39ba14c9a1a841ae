"""Keeps a connection to the Massive feed: each connection is a new client of the vendor's SDK.

The SDK's own reconnection is not used, because it has these faults:

- it reconnects without a pause, and limits the reconnections of its whole life together;
- it can lose its subscriptions when it reconnects;
- it ends for good when the server closes the connection cleanly;
- it retries a refused connection for ever, and reports nothing.

Instead, `connection.py` runs one client and watches it. When the connection has ended, this module waits,
with growing delays or until the market opens, and connects again. `status` and `connection` report the state.
See docs/provider.md.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from marketdata.clock import Clock
from marketdata.feeds import ConnectionTarget, StatusEvent
from marketdata.observability import metrics
from marketdata.observability.foreign_text import TextFilter
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.providers.base import ConnectionReport, FeedOutlook, ProviderState, ProviderStatus
from marketdata.providers.buffered import STOPPED_BY_OPERATOR, BufferedProvider, FeedClock, FrameBuffer
from marketdata.providers.massive.configuration import (
    DELAY_ROOM_MS,
    MassiveConfiguration,
    configuration_of,
)
from marketdata.providers.massive.connection import FeedConnection
from marketdata.providers.massive.connection_end import ConnectionEnd, RetryDelays, shown_status
from marketdata.providers.massive.framing import count_events
from marketdata.providers.massive.market_hours import MarketHours
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.runtime.cancellation import finished_before, first_of, result_before
from marketdata.trading_calendar import MarketSession

KNOWN_STATUSES: Final = frozenset(
    {"success", "error", "auth_timeout", "max_connections", "slow_consumer", "force_disconnect"}
)
# A connection that lasted so long was a good one: after its loss the delays are short again.
STABLE_AFTER_SECONDS: Final = 30.0
# Attempts in quick succession need not ask for the market's status each time.
RECENT_SECONDS: Final = 10.0
RECONNECTING: Final = ProviderStatus(ProviderState.CONNECTING, "changed_by_operator", "a change is under way")

log = get_logger(__name__)


class MassiveProvider(BufferedProvider):
    """See `marketdata.providers.base.Provider`.

    Without `market_hours` the market counts as always open.

    Concurrency: one event loop. The socket is always read, also when the listener is slow: the server would
    close the connection of a slow reader. So the buffer drops frames instead.
    """

    def __init__(
        self,
        configuration: MassiveConfiguration,
        *,
        clock: Clock | None = None,
        buffer: FrameBuffer | None = None,
        delays: RetryDelays | None = None,
        market_hours: MarketHours | None = None,
    ) -> None:
        super().__init__(FORMAT, clock, buffer=FrameBuffer(count_events) if buffer is None else buffer)
        self._configuration = configuration
        self._delays = delays or RetryDelays(configuration.max_reconnects)
        self._market_hours = market_hours
        self._feed_clock = _clock_of(configuration)
        self._shown = TextFilter(configuration.api_key)
        self._target: ConnectionTarget | None = ConnectionTarget(
            feed=configuration.feed, market=configuration.market, subscriptions=configuration.subscriptions
        )
        self._target_changed = asyncio.Event()
        self._status_log = RateLimitedLog(log)
        self._connection: FeedConnection | None = None
        self._connection_count = 0

    @property
    def connection(self) -> ConnectionReport:
        """The facts about the newest connection."""
        if self._connection is None:
            return ConnectionReport()
        return self._connection.report(self._connection_count)

    @property
    def outlook(self) -> FeedOutlook:
        """The events to expect from the feed now, by the last look-up of the market's hours."""
        view = None if self._market_hours is None else self._market_hours.view
        if view is not None:
            session: MarketSession | None = view.session
        else:
            session = MarketSession.REGULAR if self._market_hours is None else None
        return FeedOutlook(
            session=session,
            opens_ms=0 if view is None else view.opens_ms,
            is_busy=self._configuration.is_busy,
            delay_ms=self._configuration.delay_ms,
        )

    def set_target(self, target: ConnectionTarget | None) -> None:
        """Connect to this target from now on; see `marketdata.providers.base.Provider.set_target`."""
        before, connection = self._target, self._connection
        if target == before:
            return
        if target is not None:
            self._configuration = configuration_of(self._configuration, target)
        self._target = target
        if connection is not None and before is not None and _differ_in_subscriptions_only(before, target):
            connection.subscribe_to(self._configuration)
        else:
            self._connection = None
            self._forget_clock()
            self._enter(RECONNECTING)
            self._target_changed.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the feed connected until `stopping`."""
        self.buffer.open()
        try:
            while not stopping.is_set():
                self._target_changed.clear()
                if self._target is None:
                    self._enter(STOPPED_BY_OPERATOR)
                    await first_of(stopping, self._target_changed)
                elif (end := await self._run_connection(stopping)) is not None:
                    await self._wait_after(end, stopping)
        finally:
            self.buffer.close()
            self._enter(ProviderStatus(ProviderState.STOPPED))

    def on_statuses(self, statuses: Sequence[StatusEvent]) -> None:
        """Count the statuses, and log those that are not acknowledgements.

        The connection used them for its state when they arrived. Here they are handled in the order of the
        frames: a declared time holds for the frames after it, which may have waited in the buffer.
        """
        others = self._feed_clock.apply_declarations(statuses)
        for event in (shown_status(event, self._shown) for event in others):
            known = event.status if event.status in KNOWN_STATUSES else "other"
            metrics.PROVIDER_STATUSES.labels(status=known).inc()
            if event.status != "success":
                self._status_log.warning(
                    "feed status",
                    reason=known,
                    status=event.status,
                    message=event.message,
                )

    def feed_time_ms(self, received_ns: int) -> int:
        """The feed's own time; see `BufferedProvider.feed_time_ms`."""
        return self._feed_clock.feed_time_ms(received_ns)

    async def _run_connection(self, stopping: asyncio.Event) -> ConnectionEnd | None:
        """One connection from dialling to its end; None when we ended it, to stop or for another target."""
        self._enter(ProviderStatus(ProviderState.CONNECTING, self.state.reason, self.state.detail))
        self._connection_count += 1
        self._forget_clock()  # once more: a connection that was being closed may have declared its time
        self._connection = connection = FeedConnection(
            self._configuration,
            self.clock,
            on_frame=self.buffer.append,
            on_state=self._on_state,
            market_hours=self._market_hours,
        )
        try:
            return await result_before(connection.run(), stopping, self._target_changed)
        finally:
            await connection.close()

    def _forget_clock(self) -> None:
        """A declaration of time holds for its connection only."""
        self._feed_clock = _clock_of(self._configuration)
        if self._market_hours is not None:
            self._market_hours.forget_feed_time()

    def _on_state(self, state: ProviderState, reason: str, detail: str) -> None:
        """Take over the state of the connection, unless another target is about to end it."""
        if not self._target_changed.is_set() and self.state.state is not state:
            self._enter(ProviderStatus(state, reason, detail))

    async def _wait_after(self, end: ConnectionEnd, stopping: asyncio.Event) -> None:
        """Wait before the next connection; a new target ends the wait."""
        metrics.PROVIDER_SESSIONS_ENDED.labels(reason=end.reason).inc()
        if self._connection is not None and self._connection.live_seconds >= STABLE_AFTER_SECONDS:
            self._delays.reset()
        delay = self._delays.next_delay_seconds(end)
        state = ProviderState.REFUSED if end.refused else ProviderState.WAITING
        self._enter(ProviderStatus(state, end.reason, end.detail))
        log.warning(
            "feed session ended", reason=end.reason, detail=end.detail, retry_in_seconds=round(delay, 1)
        )
        await finished_before(self._until_worth_trying(end, delay), stopping, self._target_changed)
        if self._target_changed.is_set():
            self._delays.reset()

    async def _until_worth_trying(self, end: ConnectionEnd, delay_seconds: float) -> None:
        """Wait for the delay. Unless the server refused, also wait until a closed market opens."""
        if self._market_hours is None or end.refused:
            await asyncio.sleep(delay_seconds)
            return
        _, view = await asyncio.gather(
            asyncio.sleep(delay_seconds), self._market_hours.look(fresh_seconds=RECENT_SECONDS)
        )
        while view.is_closed:
            status = ProviderStatus(
                ProviderState.MARKET_CLOSED, end.reason, f"closed according to the {view.source}"
            )
            if status != self.state:
                log.info("feed waits for the market", reason=end.reason, source=view.source)
                self._enter(status)
            await asyncio.sleep(max(view.ask_again_seconds, delay_seconds))
            view = await self._market_hours.look(fresh_seconds=0)

    def _enter(self, status: ProviderStatus) -> None:
        if status.state is ProviderState.LIVE:
            log.info(
                "feed live", feed=self._configuration.host, subscriptions=self._configuration.subscriptions
            )
        metrics.PROVIDER_CONNECTED.set(1 if status.state is ProviderState.LIVE else 0)
        self.state = status


def _clock_of(configuration: MassiveConfiguration) -> FeedClock:
    return FeedClock(
        delay_ms=max(0, configuration.delay_ms - DELAY_ROOM_MS), may_declare=not configuration.is_vendor_feed
    )


def _differ_in_subscriptions_only(before: ConnectionTarget, after: ConnectionTarget | None) -> bool:
    return after is not None and (before.feed, before.market, before.generation) == (
        after.feed,
        after.market,
        after.generation,
    )
