"""The connection to the Massive feed: one SDK client per session, supervised from outside.

The SDK reconnects without a pause, counts reconnections over its whole life, can lose its subscriptions
in a reconnection, takes a clean close for the end of all work, and retries a refused connection for ever
in silence. So it is told not to reconnect at all: each session is a new client, given all channels at once,
watched for answers and silence (`session.py`), and followed by a wait with backoff, or for the market's
open. What the server does is told in `status` and `session`. See docs/provider.md.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from marketdata.clock import Clock, SystemClock
from marketdata.feed_clock import FeedClock
from marketdata.feeds import FeedTarget, Frame, StatusEvent
from marketdata.observability import metrics
from marketdata.observability.foreign_text import TextFilter
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.providers.base import (
    BufferCounts,
    EventRouter,
    FeedOutlook,
    ProviderState,
    ProviderStatus,
    SessionReport,
)
from marketdata.providers.buffered import STOPPED_BY_OPERATOR
from marketdata.providers.frame_buffer import FrameBuffer
from marketdata.providers.massive.configuration import (
    DELAY_ROOM_MS,
    MassiveConfiguration,
    configuration_of,
)
from marketdata.providers.massive.framing import count_events
from marketdata.providers.massive.market_hours import MarketHours
from marketdata.providers.massive.session import Session
from marketdata.providers.massive.sessions import RetryDelays, SessionEnd, shown_status
from marketdata.providers.massive.wire_format import FORMAT
from marketdata.runtime.cancellation import finished_before, first_of, result_before
from marketdata.trading_calendar import MarketSession

KNOWN_STATUSES: Final = frozenset(
    {"success", "error", "auth_timeout", "max_connections", "slow_consumer", "force_disconnect"}
)
# A session that lasted so long was a good one: the next loss starts from short delays again.
STABLE_AFTER_SECONDS: Final = 30.0
# Attempts in quick succession need not ask for the market's status each time.
RECENT_SECONDS: Final = 10.0
TURNING: Final = ProviderStatus(ProviderState.CONNECTING, "changed_by_operator", "a change is under way")

log = get_logger(__name__)


class MassiveProvider:
    """See `marketdata.providers.base.Provider`.

    Without `market_hours` the market is taken to be always open.

    Concurrency: one event loop. The socket is read whatever happens downstream: a slow reader would be
    closed by the server, so frames that nobody takes give way in the buffer instead.
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
        self._configuration = configuration
        self._clock = clock or SystemClock()
        self._buffer = FrameBuffer(count_events) if buffer is None else buffer
        self._delays = delays or RetryDelays(configuration.max_reconnects)
        self._market_hours = market_hours
        self._feed_clock = _clock_of(configuration)
        self._shown = TextFilter(configuration.api_key)
        self._target: FeedTarget | None = FeedTarget(
            feed=configuration.feed, market=configuration.market, subscriptions=configuration.subscriptions
        )
        self._turning = asyncio.Event()
        self._status = ProviderStatus(ProviderState.STOPPED)
        self._status_log = RateLimitedLog(log)
        self._session: Session | None = None
        self._sessions = 0

    @property
    def format(self) -> str:
        """The name of the format of its frames."""
        return FORMAT.name

    @property
    def status(self) -> ProviderStatus:
        """The state of the connection now."""
        return self._status

    @property
    def session(self) -> SessionReport:
        """What the newest connection has come to."""
        return SessionReport() if self._session is None else self._session.report(self._sessions)

    @property
    def outlook(self) -> FeedOutlook:
        """What the feed should bring now, as far as somebody has looked."""
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

    @property
    def counts(self) -> BufferCounts:
        """What arrived, and what became of it before it was taken."""
        return self._buffer.counts

    def aim(self, target: FeedTarget | None) -> None:
        """Listen to this from now on; see `marketdata.providers.base.Provider.aim`."""
        before, session = self._target, self._session
        if target == before:
            return
        if target is not None:
            self._configuration = configuration_of(self._configuration, target)
        self._target = target
        if session is not None and before is not None and _differ_in_subscriptions_only(before, target):
            session.subscribe_to(self._configuration)
        else:
            self._session = None
            self._forget_clock()
            self._enter(TURNING)
            self._turning.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the feed connected until `stopping`."""
        self._buffer.open()
        try:
            while not stopping.is_set():
                self._turning.clear()
                if self._target is None:
                    self._enter(STOPPED_BY_OPERATOR)
                    await first_of(stopping, self._turning)
                elif (end := await self._run_session(stopping)) is not None:
                    await self._wait_after(end, stopping)
        finally:
            self._buffer.close()
            self._enter(ProviderStatus(ProviderState.STOPPED))

    async def frames(self) -> Sequence[Frame]:
        """Wait for frames and hand over those that wait, oldest first; none when stopped and empty."""
        return await self._buffer.take()

    def discard(self, reason: str) -> None:
        """Give up the frames that wait, and count them under `reason`."""
        self._buffer.discard(reason)

    def router(self, shard_count: int) -> EventRouter:
        """A router for Massive's frames."""
        return FORMAT.router(shard_count)

    def notice(self, statuses: Sequence[StatusEvent]) -> None:
        """Count what the server says, and log what is not an acknowledgement."""
        others = self._feed_clock.take(statuses)
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
        """The feed's own time; see `marketdata.providers.base.Provider.feed_time_ms`."""
        return self._feed_clock.feed_time_ms(received_ns)

    async def _run_session(self, stopping: asyncio.Event) -> SessionEnd | None:
        """One connection from dialling to its end; None when we ended it, to stop or to turn elsewhere."""
        self._enter(ProviderStatus(ProviderState.CONNECTING, self._status.reason, self._status.detail))
        self._sessions += 1
        self._forget_clock()  # once more: a session that is being closed may have declared its time meanwhile
        self._session = session = Session(
            self._configuration, self._clock, self._buffer.append, self._learn, self._market_hours
        )
        try:
            return await result_before(session.run(), stopping, self._turning)
        finally:
            await session.close()

    def _forget_clock(self) -> None:
        """What a connection declared of its time is over with it."""
        self._feed_clock = _clock_of(self._configuration)
        if self._market_hours is not None:
            self._market_hours.forget_feed()

    def _learn(self, state: ProviderState, reason: str, detail: str) -> None:
        """Take over what the session found out about itself, unless it is being left."""
        if not self._turning.is_set() and self._status.state is not state:
            self._enter(ProviderStatus(state, reason, detail))

    async def _wait_after(self, end: SessionEnd, stopping: asyncio.Event) -> None:
        """Wait before the next session; a new target ends the wait."""
        metrics.PROVIDER_SESSIONS_ENDED.labels(reason=end.reason).inc()
        if self._session is not None and self._session.live_seconds >= STABLE_AFTER_SECONDS:
            self._delays.reset()
        delay = self._delays.next_delay_seconds(end)
        state = ProviderState.REFUSED if end.refused else ProviderState.WAITING
        self._enter(ProviderStatus(state, end.reason, end.detail))
        log.warning(
            "feed session ended", reason=end.reason, detail=end.detail, retry_in_seconds=round(delay, 1)
        )
        await finished_before(self._until_worth_trying(end, delay), stopping, self._turning)
        if self._turning.is_set():
            self._delays.reset()

    async def _until_worth_trying(self, end: SessionEnd, delay_seconds: float) -> None:
        """The delay; and, after anything but a refusal, the market's next open if it is closed."""
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
            if status != self._status:
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
        self._status = status


def _clock_of(configuration: MassiveConfiguration) -> FeedClock:
    return FeedClock(
        delay_ms=max(0, configuration.delay_ms - DELAY_ROOM_MS), may_declare=not configuration.is_vendor_feed
    )


def _differ_in_subscriptions_only(before: FeedTarget, after: FeedTarget | None) -> bool:
    return after is not None and (before.feed, before.market, before.session) == (
        after.feed,
        after.market,
        after.session,
    )
