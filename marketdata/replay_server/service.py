"""The replay as a long-running service: serves a recording through the protocol of its own provider."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from marketdata.clock import Clock, SystemClock
from marketdata.errors import ConfigurationError
from marketdata.feeds import DECLARED_EVERY_MS, Frame
from marketdata.observability import metrics
from marketdata.observability.logs import get_logger
from marketdata.providers.emulator import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    Emulator,
    FeedClient,
    ProtocolSettings,
    RecordingServer,
    ServedAt,
)
from marketdata.providers.protocol_service import ProtocolService
from marketdata.providers.registry import DEFAULT_PROVIDER, provider_emulator, recorded_format
from marketdata.recording.clock import RecordedClock, market_time_ms
from marketdata.recording.format import Metadata
from marketdata.recording.pacing import Pacing
from marketdata.recording.selection import Selection
from marketdata.replay_server.settings import REPLAY, ReplayRoleSettings
from marketdata.runtime.backoff import stopped_within
from marketdata.runtime.live_settings import LiveSettings
from marketdata.runtime.steering import Records
from marketdata.trading_calendar import TradingCalendar

# The replay waits for a client with more unsent bytes than this: a replay need not lose frames.
PENDING_BYTES: Final = 4 * 2**20
STALLED_AFTER_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.02
_DRAIN_LOOK_SECONDS: Final = 0.002

log = get_logger(__name__)


class ReplayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve a recording. With `speed` None, as fast as the clients read; `symbols` None means all."""

    protocol: ProtocolSettings
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    speed: float | None = 1.0
    symbols: frozenset[str] | None = None
    loop: bool = False


class ReplayService(ProtocolService[ReplayRoleSettings]):
    """Plays a selection to the subscribed clients; implements the long-running service interface.

    The replay pauses while no client is subscribed, or while operators want it, and waits for a client that
    reads too slowly. After its end the clients stay connected and get no more frames. `progress` is called in
    the event loop with the number of frames played since the last call.

    Raises:
        ConfigurationError: the speed is out of range, the files do not belong together, or their provider has
            no emulator.
    """

    name: Final = REPLAY

    def __init__(
        self,
        config: ReplayConfig,
        selection: Selection,
        calendar: TradingCalendar,
        *,
        clock: Clock | None = None,
        progress: Callable[[int], object] | None = None,
        live: LiveSettings[ReplayRoleSettings] | None = None,
        records: Records | None = None,
    ) -> None:
        clock = clock or SystemClock()
        super().__init__(live or LiveSettings(ReplayRoleSettings(), source=self.name, clock=clock), records)
        self._config = config
        self._selection = selection
        self._pacing = Pacing(clock, config.speed)
        metadata = _common_metadata(selection)
        self._progress = progress
        self._market_time_ms = selection.first_market_time_ms
        self._last_frame: Frame | None = None
        self._declared_ms = 0
        self.finished = asyncio.Event()
        self._server = provider_emulator(metadata.format).recording_server(
            metadata,
            calendar,
            config.protocol,
            ServedAt(part=self.name, host=config.host, port=config.port),
            symbols=config.symbols,
            start_ms=selection.first_market_time_ms,
            market_time_ms=self._now_ms,
        )
        self._frame_reader = recorded_format(metadata.format)
        self._clock = RecordedClock(self._frame_reader)

    @property
    def server(self) -> RecordingServer:
        """What the clients connect to."""
        return self._server

    async def play(self, stopping: asyncio.Event) -> None:
        """Play the selection once, or repeatedly if the configuration says so."""
        log.info("replay serves", address=self.address, frames=self._selection.frame_count)
        await self._play_all(stopping)
        await stopping.wait()

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
            self._log_end()

    async def _play(self, frames: Sequence[Frame], stopping: asyncio.Event) -> bool:
        """Send each frame when it is due; False if the service shall stop."""
        for frame in frames:
            if not self._may_play:
                if not await self._until_it_may_play(stopping):
                    return False
                self._pacing.restart()
            seconds = self._pacing.seconds_until(frame.received_ns)
            if seconds and await stopped_within(stopping, seconds):
                return False
            self._send(frame)
            if not await self._let_drain(stopping):
                return False
        return not stopping.is_set()

    @property
    def _may_play(self) -> bool:
        return self.live.works and bool(self._server.audience())

    async def _until_it_may_play(self, stopping: asyncio.Event) -> bool:
        while not self._may_play:
            if await stopped_within(stopping, _LOOK_SECONDS):
                return False
        return True

    def _send(self, frame: Frame) -> None:
        self._declare_clock(self._clock.follow(frame))
        self._server.send(frame.data)
        self._last_frame = frame
        metrics.REPLAY_FRAMES.inc()

    def _declare_clock(self, feed_time_ms: int) -> None:
        """Declare the feed time before the events up to it. It goes back when a recording is repeated."""
        if not 0 <= feed_time_ms - self._declared_ms < DECLARED_EVERY_MS:
            self._declared_ms = feed_time_ms
            self._server.declare_clock(feed_time_ms)

    async def _let_drain(self, stopping: asyncio.Event) -> bool:
        """Wait for slow clients, and drop a client that reads nothing. False if the service shall stop."""
        waited = 0.0
        while behind := self._clients_behind():
            if await stopped_within(stopping, _DRAIN_LOOK_SECONDS):
                return False
            waited += _DRAIN_LOOK_SECONDS
            if waited >= STALLED_AFTER_SECONDS:
                for client in behind:
                    client.abort("slow_consumer")
        return True

    def _clients_behind(self) -> Sequence[FeedClient]:
        return [client for client in self._server.audience() if client.pending_bytes > PENDING_BYTES]

    def _now_ms(self) -> int:
        """Market time of the last frame sent that has one."""
        if self._last_frame is not None:
            time_ms = market_time_ms(self._frame_reader, self._last_frame, self._declared_ms)
            self._market_time_ms = time_ms or self._market_time_ms
        return self._market_time_ms

    def _log_end(self) -> None:
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


def emulator_of(selection: Selection) -> Emulator:
    """The emulator of the recorded provider.

    Raises:
        ConfigurationError: the files do not belong together, or their provider has no emulator.
    """
    return provider_emulator(_common_metadata(selection).format)


def _common_metadata(selection: Selection) -> Metadata:
    """The metadata that all files of a replay have in common.

    Raises:
        ConfigurationError: the files are of different providers or markets.
    """
    found = [reader.metadata for reader in selection.readers]
    formats = {metadata.format or DEFAULT_PROVIDER for metadata in found}  # older recordings name no format
    if len(formats) > 1:
        raise ConfigurationError(f"the recordings are of different providers: {', '.join(sorted(formats))}")
    markets = {metadata.market for metadata in found}
    if len(markets) > 1:
        raise ConfigurationError(f"the recordings are of different markets: {', '.join(sorted(markets))}")
    seeds = {(metadata.simulator_seed, metadata.simulator_symbols) for metadata in found}
    seed, symbols = seeds.pop() if len(seeds) == 1 else (None, None)
    return Metadata(
        format=formats.pop(),
        market=markets.pop(),
        subscriptions=tuple(dict.fromkeys(name for metadata in found for name in metadata.subscriptions)),
        simulator_seed=seed,
        simulator_symbols=symbols,
    )


def _next_block(blocks: Iterator[Sequence[Frame]]) -> Sequence[Frame] | None:
    """The next block. Called in a thread: reading and decompressing a block takes milliseconds."""
    return next(blocks, None)
