"""One connection to the feed, from the first attempt to its end, through one client of the vendor's SDK.

It reads the server's statuses, notices silence, and says why the connection ended.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from massive import WebSocketClient
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from marketdata.clock import Clock
from marketdata.feeds import CLOCK_STATUS, DECLARATION_LIFE_NS, Frame, StatusEvent, declared_time_ms
from marketdata.observability import metrics
from marketdata.observability.foreign_text import TextFilter, filter_library_logger
from marketdata.observability.logs import get_logger, route_library_logger
from marketdata.providers.base import ConnectionReport, ProviderState
from marketdata.providers.massive.configuration import MassiveConfiguration
from marketdata.providers.massive.connection_end import (
    ConnectionEnd,
    end_from_outcome,
    end_from_silence,
    end_from_status,
    no_further_dialling,
    shown_status,
)
from marketdata.providers.massive.framing import MAX_FRAME_BYTES, statuses_of
from marketdata.providers.massive.market_hours import MarketHours
from marketdata.runtime.cancellation import end
from marketdata.trading_calendar import MarketSession
from marketdata.units import NS_PER_SECOND

CLOSE_TIMEOUT_SECONDS: Final = 2.0
WATCH_INTERVAL_SECONDS: Final = 0.25
# After so long without a frame it is looked up whether the market is closed, which explains the silence.
LOOK_AFTER_SECONDS: Final = 2.0
SUBSCRIBED: Final = "subscribed to: "
UNSUBSCRIBED: Final = "unsubscribed to: "

OnState: TypeAlias = Callable[[ProviderState, str, str], None]

# The SDK attached its own handlers when it was imported above.
route_library_logger("WebSocketClient")
log = get_logger(__name__)


class FeedConnection:
    """One connection; runs once.

    `on_frame` takes each frame and must not wait. `on_state` gets the state, its reason and the server's own
    text when the connection goes live or is refused.
    """

    def __init__(
        self,
        configuration: MassiveConfiguration,
        clock: Clock,
        *,
        on_frame: Callable[[Frame], None],
        on_state: OnState,
        market_hours: MarketHours | None,
    ) -> None:
        self._configuration = configuration
        self._clock = clock
        self._on_frame = on_frame
        self._on_state = on_state
        self._market_hours = market_hours
        self._shown = TextFilter(configuration.api_key)
        filter_library_logger("WebSocketClient", self._shown)
        self._client = WebSocketClient(
            api_key=configuration.api_key,
            feed=configuration.host,
            market=configuration.market,
            raw=True,
            subscriptions=list(configuration.subscriptions),
            max_reconnects=0,
            secure=configuration.uses_tls,
        )
        self._receiving: asyncio.Task[None] | None = None
        self._last_frame_at = clock.monotonic()
        self._declared_at = clock.monotonic()
        self._newest_received_ns = 0
        self._looking: asyncio.Task[object] | None = None
        self._answered = False
        self._live_since_ns = 0
        self._live_at: float | None = None
        self._announced: ConnectionEnd | None = None
        self._confirmed: set[str] = set()
        self._complaint = ""
        self._closed_market_is_logged = False

    @property
    def live_seconds(self) -> float:
        """How long the connection has been live; 0 before."""
        return 0.0 if self._live_at is None else self._clock.monotonic() - self._live_at

    def report(self, number: int) -> ConnectionReport:
        """The facts about the connection; `number` is its ordinal."""
        return ConnectionReport(
            number=number,
            live_since_ns=self._live_since_ns,
            newest_received_ns=self._newest_received_ns,
            confirmed=tuple(sorted(self._confirmed)),
            complaint=self._complaint,
        )

    def subscribe_to(self, configuration: MassiveConfiguration) -> None:
        """Change the subscriptions on the open connection.

        The SDK's `subscribe` is not used, since it drops `AM.*` together with `A.*`. Instead the SDK's set is
        replaced between two of its reconciliations (a change during one is lost). The SDK sends the
        difference at its next reconciliation, within a second.
        """
        self._configuration = configuration
        self._complaint = ""

    async def run(self) -> ConnectionEnd:
        """Connect, and receive until the connection ends or times out."""
        self._receiving = asyncio.create_task(
            self._client.connect(
                self._receive,
                max_size=MAX_FRAME_BYTES,  # the default is 1 MiB; no limit would risk the memory
                compression=None,
                reconnect_delays=no_further_dialling,
            ),
            name="feed connection",
        )
        while True:
            done, _ = await asyncio.wait({self._receiving}, timeout=WATCH_INTERVAL_SECONDS)
            if done:
                await self._take_what_is_left()
                end = end_from_outcome(self._receiving.exception(), self._announced)
                # The library's errors contain text of the server, too: the reason of a close.
                return ConnectionEnd(end.reason, self._shown(end.detail))
            self._schedule_subscriptions()
            self._look_when_silent()
            if await self._is_too_quiet():
                return end_from_silence(
                    connected=self._client.websocket is not None,
                    subscribed=bool(self._client.subs),
                    answered=self._answered,
                )

    async def close(self) -> None:
        """Close the connection with all its tasks and its socket, also if the peer does not answer."""
        if self._looking is not None:
            await end(self._looking)
        if self._receiving is None:
            return
        if not self._receiving.done() and self._client.websocket is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await self._client.close()
        self._receiving.cancel()
        await asyncio.wait([self._receiving], timeout=CLOSE_TIMEOUT_SECONDS)

    async def _take_what_is_left(self) -> None:
        """Read the frames that arrived before the end and that the SDK did not read. They often have the
        reason.

        This happens if the server closes while the SDK sends its subscriptions: the SDK then stops reading.
        """
        websocket = self._client.websocket
        if websocket is None or websocket.state is not State.CLOSED:
            return
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._receive(await websocket.recv())

    def _schedule_subscriptions(self) -> None:
        wanted = set(self._configuration.subscriptions)
        if wanted != self._client.scheduled_subs and not self._client.schedule_resub:
            self._client.scheduled_subs = wanted
            self._client.schedule_resub = True

    async def _receive(self, data: str | bytes) -> None:
        """Handle a frame. The SDK awaits this before it reads on, so it must be fast."""
        metrics.PROVIDER_FRAMES.inc()
        metrics.PROVIDER_BYTES.inc(len(data))
        received_ns = self._clock.time_ns()
        statuses = statuses_of(data)
        others = [event for event in statuses if event.status != CLOCK_STATUS]
        self._take_declared_time(statuses)
        # A declared time is no sign that the connection works or that data comes.
        if others or not statuses:
            self._last_frame_at = self._clock.monotonic()
        if others:
            self._update_state([shown_status(event, self._shown) for event in others])
        elif not statuses:
            self._newest_received_ns = received_ns
            if not self._live_since_ns:
                self._update_state(())
        self._on_frame(Frame(data, received_ns))

    def _take_declared_time(self, statuses: Sequence[StatusEvent]) -> None:
        """Use the time that a feed declares for the market's hours.

        The vendor's own feeds may not declare one.
        """
        if self._market_hours is None or self._configuration.is_vendor_feed:
            return
        for event in statuses:
            if (declared_ms := declared_time_ms(event)) is not None:
                self._declared_at = self._clock.monotonic()
                self._market_hours.set_feed_time(declared_ms)

    def _update_state(self, statuses: Sequence[StatusEvent]) -> None:
        """Update the state by the statuses of a frame. A frame without statuses is data: the connection
        works.

        This does not wait for routing: the status that explains a close comes right before the close.
        """
        self._answered = True
        for event in statuses:
            self._announced = self._announced or end_from_status(event)
            self._note_answer(event)
        if self._live_since_ns or self._announced is not None:
            return
        if not statuses or any(event.status == "success" for event in statuses):
            self._live_since_ns = self._clock.time_ns()
            self._live_at = self._clock.monotonic()
            self._on_state(ProviderState.LIVE, "", "")
        else:
            self._on_state(ProviderState.REFUSED, statuses[0].status, statuses[0].message)

    def _note_answer(self, event: StatusEvent) -> None:
        """Note an acknowledgement, which names its channel, or a refusal, which does not."""
        if event.status != "success":
            self._complaint = f"{event.status}: {event.message}"
        elif event.message.startswith(UNSUBSCRIBED):
            self._confirmed.discard(event.message.removeprefix(UNSUBSCRIBED))
        elif event.message.startswith(SUBSCRIBED):
            self._confirmed.add(event.message.removeprefix(SUBSCRIBED))

    def _look_when_silent(self) -> None:
        """Look up the market's hours, in a task, since the answer may take seconds."""
        if self._market_hours is None or not self._live_since_ns:
            return
        if self._clock.monotonic() - self._declared_at > DECLARATION_LIFE_NS / NS_PER_SECOND:
            self._market_hours.forget_feed_time()
        is_looking = self._looking is not None and not self._looking.done()
        if self._silence_seconds >= LOOK_AFTER_SECONDS and not is_looking:
            self._looking = asyncio.create_task(self._market_hours.look(), name="market hours")

    async def _is_too_quiet(self) -> bool:
        """Whether the connection has been without a frame for longer than it may."""
        if not self._answered:
            return self._silence_seconds >= self._configuration.answer_timeout_seconds
        shortest = self._configuration.silence_timeout_seconds
        if shortest is None or self._silence_seconds < shortest:
            return False
        return self._silence_seconds >= await self._longest_silence_seconds(shortest)

    async def _longest_silence_seconds(self, shortest: float) -> float:
        """How long a connection to this market may be without a frame now."""
        if self._market_hours is None:
            return shortest
        view = await self._market_hours.look()
        if view.is_closed:
            self._last_frame_at = self._clock.monotonic()  # silence counts from the open
            if not self._closed_market_is_logged:
                log.info("feed silent", reason="market_closed", source=view.source)
        self._closed_market_is_logged = view.is_closed
        is_busy = view.session is MarketSession.REGULAR and self._configuration.is_busy
        return shortest if is_busy else self._configuration.quiet_silence_timeout_seconds

    @property
    def _silence_seconds(self) -> float:
        return self._clock.monotonic() - self._last_frame_at
