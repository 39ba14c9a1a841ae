"""The connection to the Massive feed: one SDK client per session, supervised from outside.

The SDK reconnects without a pause, counts reconnections over its whole life, can lose its subscriptions
in a reconnection, takes a clean close for the end of all work, and retries a refused connection for ever
in silence. So it is told not to reconnect at all: each session is a new client, given all channels at once
(its `subscribe` drops channels whose name begins with another's), watched for answers and silence, and
followed by a wait with backoff. What the server does is told in `status`.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from massive import WebSocketClient

from marketdata.clock import Clock, SystemClock
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger, route_library_logger
from marketdata.providers.base import Frame, ProviderState, ProviderStatus, StatusEvent
from marketdata.providers.frame_buffer import FrameBuffer
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.framing import FrameRouter, statuses_of
from marketdata.providers.massive.sessions import (
    RetryDelays,
    SessionEnd,
    end_from_outcome,
    end_from_silence,
    end_from_status,
)
from marketdata.runtime.backoff import stopped_within

KNOWN_STATUSES: Final = frozenset(
    {"success", "error", "auth_timeout", "max_connections", "slow_consumer", "force_disconnect"}
)
# A session that lasted so long was a good one: the next loss starts from short delays again.
STABLE_AFTER_SECONDS: Final = 30.0
CLOSE_TIMEOUT_SECONDS: Final = 2.0
WATCH_INTERVAL_SECONDS: Final = 0.25

# The SDK attached its own handlers when it was imported above.
route_library_logger("WebSocketClient")
log = get_logger(__name__)


class MassiveProvider:
    """See `marketdata.providers.base.Provider`.

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
    ) -> None:
        self._configuration = configuration
        self._clock = clock or SystemClock()
        self._buffer = buffer or FrameBuffer()
        self._delays = delays or RetryDelays(configuration.max_reconnects)
        self._status = ProviderStatus(ProviderState.STOPPED)
        self._status_log = RateLimitedLog(log)
        self._session = _Session(self._clock.monotonic())

    @property
    def status(self) -> ProviderStatus:
        """The state of the connection now."""
        return self._status

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the feed connected until `stopping`."""
        self._buffer.open()
        try:
            while not stopping.is_set():
                end = await self._run_session(stopping)
                if end is None or await self._wait_after(end, stopping):
                    break
        finally:
            self._buffer.close()
            self._enter(ProviderStatus(ProviderState.STOPPED))

    async def frames(self) -> Sequence[Frame]:
        """Wait for frames and hand over those that wait, oldest first; none when stopped and empty."""
        return await self._buffer.take()

    def router(self, shard_count: int) -> FrameRouter:
        """A router for Massive's frames."""
        return FrameRouter(shard_count)

    def notice(self, statuses: Sequence[StatusEvent]) -> None:
        """Count what the server says, and log what is not an acknowledgement."""
        for event in statuses:
            known = event.status if event.status in KNOWN_STATUSES else "other"
            metrics.PROVIDER_STATUSES.labels(status=known).inc()
            if event.status != "success":
                self._status_log.warning(
                    "feed status", reason=known, status=event.status, message=event.message
                )

    async def _run_session(self, stopping: asyncio.Event) -> SessionEnd | None:
        """One connection from dialling to its end; None when it ended because of `stopping`."""
        self._enter(ProviderStatus(ProviderState.CONNECTING, self._status.reason, self._status.detail))
        self._session = _Session(self._clock.monotonic())
        client = self._make_client()
        receiving = asyncio.create_task(
            client.connect(self._receive, max_size=None, compression=None), name="feed session"
        )
        try:
            return await self._watch(client, receiving, stopping)
        finally:
            await _close(client, receiving)

    def _make_client(self) -> WebSocketClient:
        configuration = self._configuration
        return WebSocketClient(
            api_key=configuration.api_key,
            feed=configuration.host,
            market=configuration.market,
            raw=True,
            subscriptions=list(configuration.subscriptions),
            max_reconnects=0,
            secure=configuration.secure,
        )

    async def _receive(self, data: str | bytes) -> None:
        """The SDK awaits this before it reads on, so it only takes note and returns."""
        metrics.PROVIDER_FRAMES.inc()
        metrics.PROVIDER_BYTES.inc(len(data))
        self._session.last_frame_at = self._clock.monotonic()
        self._learn_from(statuses_of(data))
        self._buffer.append(Frame(data, self._clock.time_ns()))

    def _learn_from(self, statuses: Sequence[StatusEvent]) -> None:
        """Draw from a frame what it says of the session; a frame of data says that it works.

        The status that explains a close comes right before it, too late to wait for its routing.
        """
        session = self._session
        session.answered = True
        for event in statuses:
            session.announced = session.announced or end_from_status(event)
        if self._status.state is ProviderState.LIVE or session.announced is not None:
            return
        if not statuses or any(event.status == "success" for event in statuses):
            self._enter(ProviderStatus(ProviderState.LIVE))
        else:
            self._enter(ProviderStatus(ProviderState.REFUSED, statuses[0].status, statuses[0].message))

    async def _watch(
        self, client: WebSocketClient, receiving: asyncio.Task[None], stopping: asyncio.Event
    ) -> SessionEnd | None:
        stopped = asyncio.create_task(stopping.wait())
        try:
            while True:
                done, _ = await asyncio.wait(
                    {receiving, stopped},
                    timeout=WATCH_INTERVAL_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if stopped in done:
                    return None
                if receiving in done:
                    return end_from_outcome(receiving.exception(), self._session.announced)
                if self._is_too_quiet():
                    return end_from_silence(
                        connected=client.websocket is not None,
                        subscribed=bool(client.subs),
                        answered=self._session.answered,
                    )
        finally:
            stopped.cancel()

    def _is_too_quiet(self) -> bool:
        """Whether the session has been without a frame for longer than it may."""
        session, configuration = self._session, self._configuration
        allowed = (
            configuration.silence_timeout_seconds
            if session.answered
            else configuration.answer_timeout_seconds
        )
        return allowed is not None and self._clock.monotonic() - session.last_frame_at >= allowed

    async def _wait_after(self, end: SessionEnd, stopping: asyncio.Event) -> bool:
        """Wait before the next session; True when `stopping` came first."""
        metrics.PROVIDER_SESSIONS_ENDED.labels(reason=end.reason).inc()
        if self._session.answered and self._session.age_seconds(self._clock) >= STABLE_AFTER_SECONDS:
            self._delays.reset()
        delay = self._delays.next_delay_seconds(end)
        state = ProviderState.REFUSED if end.refused else ProviderState.WAITING
        self._enter(ProviderStatus(state, end.reason, end.detail))
        log.warning(
            "feed session ended", reason=end.reason, detail=end.detail, retry_in_seconds=round(delay, 1)
        )
        return await stopped_within(stopping, delay)

    def _enter(self, status: ProviderStatus) -> None:
        if status.state is ProviderState.LIVE:
            log.info(
                "feed live", feed=self._configuration.host, subscriptions=self._configuration.subscriptions
            )
        metrics.PROVIDER_CONNECTED.set(1 if status.state is ProviderState.LIVE else 0)
        self._status = status


class _Session:
    """What is known of the session under way."""

    __slots__ = ("announced", "answered", "last_frame_at", "started_at")

    def __init__(self, now: float) -> None:
        self.started_at = now
        self.last_frame_at = now
        self.answered = False
        self.announced: SessionEnd | None = None

    def age_seconds(self, clock: Clock) -> float:
        return clock.monotonic() - self.started_at


async def _close(client: WebSocketClient, receiving: asyncio.Task[None]) -> None:
    """End the session without leaving a task or a socket, however the peer behaves."""
    if not receiving.done() and client.websocket is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await client.close()
    receiving.cancel()
    await asyncio.wait([receiving], timeout=CLOSE_TIMEOUT_SECONDS)
