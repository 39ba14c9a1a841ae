"""The replay as a long-running service: a recording behind the provider's WebSocket and REST protocol."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import WSMsgType, web

from marketdata.clock import Clock, SystemClock
from marketdata.feed_clock import DECLARED_EVERY_MS
from marketdata.feeds import Frame
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.providers.registry import recorded_format
from marketdata.recording.clock import RecordedClock, market_time_ms
from marketdata.recording.pacing import Pacing
from marketdata.recording.selection import Selection
from marketdata.replay_server.fan_out import FanOut, recorded_channels
from marketdata.replay_server.rest import build_replay_routes, common_metadata
from marketdata.runtime.backoff import stopped_within
from marketdata.simulator.connection import Connection
from marketdata.simulator.feed import FeedServer
from marketdata.simulator.protocol import ProtocolSettings
from marketdata.simulator.server import DEFAULT_HOST, DEFAULT_PORT, ProviderServer
from marketdata.trading_calendar import TradingCalendar

# A client may be behind by so much before the replay waits for it: nothing of a recording needs to be lost.
PENDING_BYTES: Final = 4 * 2**20
STALLED_AFTER_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.02
_DRAIN_LOOK_SECONDS: Final = 0.002

log = get_logger(__name__)


class ReplayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve a recording. `speed` None is as fast as the clients read; `symbols` None is all."""

    protocol: ProtocolSettings
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    speed: float | None = 1.0
    symbols: frozenset[str] | None = None
    loop: bool = False


class ReplayService:
    """Plays a selection to whoever subscribes; implements the long-running service interface.

    The recording stands still while nobody is subscribed, and waits for a client that reads too slowly. After
    its end the clients stay connected, and hear nothing more. `progress` is called in the event loop with
    the number of frames played since the last call.

    Side effects: binds a TCP port while it runs.

    Raises:
        ConfigurationError: the speed is out of range, or the files do not belong together.
    """

    name: Final = "replay"

    def __init__(
        self,
        config: ReplayConfig,
        selection: Selection,
        calendar: TradingCalendar,
        *,
        clock: Clock | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        self._config = config
        self._selection = selection
        self._calendar = calendar
        self._metadata = common_metadata([reader.metadata for reader in selection.readers])
        self._pacing = Pacing(clock or SystemClock(), config.speed)
        self._frame_reader = recorded_format(self._metadata.format)
        self._fan_out = FanOut(
            self._frame_reader, recorded_channels(self._metadata.subscriptions), config.symbols
        )
        self._feed = FeedServer(config.protocol, {})
        self._server = ProviderServer(self.name, config.host, config.port, self._feed)
        self._progress = progress
        self._market_time_ms = selection.first_market_time_ms
        self._last_frame: Frame | None = None
        self._clock = RecordedClock(self._frame_reader)
        self._declared_ms = 0
        self.finished = asyncio.Event()

    @property
    def address(self) -> str:
        """`host:port` in use; what the SDK takes as its feed."""
        return self._server.address

    def unready(self) -> Mapping[str, str]:
        """Not ready until the port is bound."""
        return self._server.unready()

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until told to stop.

        Raises:
            OSError: the address cannot be bound.
        """
        async with self._server.serving(self._application()):
            log.info("replay serves", address=self.address, frames=self._selection.frame_count)
            await self._play_all(stopping)
            await stopping.wait()

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get(f"/{self._metadata.market}", self._feed.handle)
        build_replay_routes(
            app,
            self._metadata,
            self._calendar,
            self._config.protocol.keys,
            self._feed.faults,
            start_ms=self._selection.first_market_time_ms,
            market_time_ms=self._now_ms,
        )
        return app

    async def _play_all(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            self._pacing.restart()
            blocks = self._selection.blocks()
            while (frames := await asyncio.to_thread(_next_block, blocks)) is not None:
                if not await self._play(frames, stopping):
                    return
                if self._progress is not None:
                    self._progress(len(frames))
            if not self._config.loop:
                break
        if not stopping.is_set():
            self._tell_end()

    async def _play(self, frames: Sequence[Frame], stopping: asyncio.Event) -> bool:
        """Send each frame when it is due; False as soon as the service is to stop."""
        for frame in frames:
            audience = self._audience()
            if not audience:
                if not await self._find_audience(stopping):
                    return False
                self._pacing.restart()
            seconds = self._pacing.seconds_until(frame.received_ns)
            if seconds and await stopped_within(stopping, seconds):
                return False
            self._send(frame)
            if not await self._let_drain(stopping):
                return False
        return not stopping.is_set()

    def _audience(self) -> Sequence[Connection]:
        return [
            connection
            for connection in self._feed.connections()
            if connection.is_live and len(connection.conversation.subscriptions)
        ]

    async def _find_audience(self, stopping: asyncio.Event) -> bool:
        while not self._audience():
            if await stopped_within(stopping, _LOOK_SECONDS):
                return False
        return True

    def _send(self, frame: Frame) -> None:
        self._declare_clock(self._clock.follow(frame))
        outgoing = self._fan_out.outgoing(frame.data)
        message_type = WSMsgType.BINARY if isinstance(frame.data, bytes) else WSMsgType.TEXT
        for connection in self._audience():
            part = outgoing.part_for(connection.conversation.subscriptions)
            if part is not None:
                connection.send(part, message_type)
        self._last_frame = frame
        metrics.REPLAY_FRAMES.inc()

    def _declare_clock(self, feed_time_ms: int) -> None:
        """Before the events that it bounds; a recording that is played again goes back."""
        if not 0 <= feed_time_ms - self._declared_ms < DECLARED_EVERY_MS:
            self._declared_ms = feed_time_ms
            self._feed.declare_clock(feed_time_ms)

    async def _let_drain(self, stopping: asyncio.Event) -> bool:
        """Wait for clients that are behind; one that takes nothing at all is dropped. False: stop."""
        waited = 0.0
        while behind := [client for client in self._audience() if client.pending_bytes > PENDING_BYTES]:
            if await stopped_within(stopping, _DRAIN_LOOK_SECONDS):
                return False
            waited += _DRAIN_LOOK_SECONDS
            if waited >= STALLED_AFTER_SECONDS:
                for client in behind:
                    client.abort("slow_consumer")
        return True

    def _now_ms(self) -> int:
        """Market time of the last frame sent that has one."""
        if self._last_frame is not None:
            time_ms = market_time_ms(self._frame_reader, self._last_frame, self._declared_ms)
            self._market_time_ms = time_ms or self._market_time_ms
        return self._market_time_ms

    def _tell_end(self) -> None:
        self.finished.set()
        for path, damage in self._selection.damage:
            log.warning(
                "recording damaged",
                path=str(path),
                reason=damage.reason,
                lost_bytes=damage.lost_bytes,
                lost_frames=damage.lost_frames,
            )
        log.info("replay finished")


def _next_block(blocks: Iterator[Sequence[Frame]]) -> Sequence[Frame] | None:
    """In a thread, since a block takes milliseconds to read and decompress."""
    return next(blocks, None)
