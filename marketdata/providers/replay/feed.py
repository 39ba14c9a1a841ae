"""The frames of recordings as a feed, each when it is due; see `marketdata.providers.base.Provider`."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from marketdata.clock import Clock
from marketdata.errors import ConfigurationError
from marketdata.feeds import ConnectionTarget, Frame
from marketdata.observability.logs import get_logger
from marketdata.providers.base import ProviderState, ProviderStatus
from marketdata.providers.buffered import STOPPED_BY_OPERATOR, BufferedProvider
from marketdata.providers.registry import recorded_format
from marketdata.providers.replay.configuration import (
    EVERYTHING,
    ReplaySettings,
    check_target,
    recordings_of,
)
from marketdata.providers.wire_format import WireFormat
from marketdata.recording.clock import RecordedClock
from marketdata.recording.pacing import Pacing
from marketdata.recording.selection import Selection

WAITING_FRAMES: Final = 1_000
"""When this many frames wait for the listener, the replay waits, too: so no frames are dropped."""

LOOK_SECONDS: Final = 0.005
FINISHED: Final = ProviderStatus(ProviderState.MARKET_CLOSED, "finished", "the recording has ended")

log = get_logger(__name__)


class ReplayProvider(BufferedProvider):
    """Plays recordings into the platform, without a socket. See `marketdata.providers.base.Provider`.

    The received time of a frame is the time at which it is played; the feed time is the recorded one. After
    the end the connection stays open without frames. `wire_format` is that of the recorded provider.

    Raises:
        ConfigurationError: a file cannot be read, or the speed is out of range.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        target: ConnectionTarget,
        wire_format: WireFormat,
        *,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(wire_format, clock)
        self._settings = settings
        Pacing(self.clock, settings.speed)  # refuses a speed that is out of range
        self._target: ConnectionTarget | None = None
        self._changed = asyncio.Event()
        self._feed_times: deque[tuple[int, int]] = deque()
        self.set_target(target)

    def set_target(self, target: ConnectionTarget | None) -> None:
        """Play these recordings from the beginning; None stops."""
        if target == self._target:
            return
        if target is not None:
            check_target(target)
            with Selection(recordings_of(target), recorded_format) as selection:
                formats = {recorded_format(reader.metadata.format).name for reader in selection.readers}
            if formats != {self.format}:
                raise ConfigurationError(
                    f"{target.feed} was recorded in the format {', '.join(sorted(formats))}; this listener "
                    f"was started with recordings in the format {self.format}, and takes no others"
                )
        self._target = target
        self._changed.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Play until `stopping`."""
        self.buffer.open()
        try:
            while not stopping.is_set():
                self._changed.clear()
                if self._target is None:
                    self.state = STOPPED_BY_OPERATOR
                else:
                    await self._play(self._target, stopping)
                await self._disturbed(stopping)
        finally:
            self.buffer.close()
            self.state = ProviderStatus(ProviderState.STOPPED)

    def feed_time_ms(self, received_ns: int) -> int:
        """The recorded feed time of the frames that were played up to this received time."""
        while len(self._feed_times) > 1 and self._feed_times[1][0] <= received_ns:
            self._feed_times.popleft()
        return self._feed_times[0][1] if self._feed_times else super().feed_time_ms(received_ns)

    async def _play(self, target: ConnectionTarget, stopping: asyncio.Event) -> None:
        """All frames, once or for ever; returns early when stopping, or for another target."""
        try:
            with Selection(recordings_of(target), recorded_format) as selection:
                while await self._play_once(selection, stopping):
                    if not self._settings.loop:
                        self.state = FINISHED
                        return
        except ConfigurationError as error:  # the file was readable when it was chosen
            log.warning("recording not played", reason="unreadable", error=str(error))
            self.state = ProviderStatus(ProviderState.REFUSED, "unreadable", str(error))

    async def _play_once(self, selection: Selection, stopping: asyncio.Event) -> bool:
        """Play the selection once; False if it was not played to its end."""
        self.report = structs.replace(
            self.report,
            number=self.report.number + 1,
            live_since_ns=self.clock.time_ns(),
            confirmed=(EVERYTHING,),
        )
        self.state = ProviderStatus(ProviderState.LIVE)
        pacing = Pacing(self.clock, self._settings.speed)
        feed_clock = RecordedClock(self._format)
        blocks = selection.blocks()
        while (frames := await asyncio.to_thread(_next_block, blocks)) is not None:
            for frame in frames:
                if not await self._is_due(pacing.seconds_until(frame.received_ns), stopping):
                    return False
                self._keep(frame, feed_clock.follow(frame))
        for path, damage in selection.damage:
            log.warning("recording damaged", path=str(path), reason=damage.reason, offset=damage.offset)
        log.info("recording played", frames=selection.frame_count)
        return True

    async def _is_due(self, seconds: float, stopping: asyncio.Event) -> bool:
        """Wait until a frame is due and the buffer has space for it; False if it shall not be played."""
        if seconds and await self._disturbed(stopping, seconds):
            return False
        while len(self.buffer) >= WAITING_FRAMES:
            if await self._disturbed(stopping, LOOK_SECONDS):
                return False
        return not (stopping.is_set() or self._changed.is_set())

    async def _disturbed(self, stopping: asyncio.Event, seconds: float | None = None) -> bool:
        """Wait for a stop or another target, for at most `seconds`; returns whether one came."""
        waiting = [asyncio.create_task(event.wait()) for event in (stopping, self._changed)]
        try:
            done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return bool(done)

    def _keep(self, frame: Frame, feed_time_ms: int) -> None:
        received_ns = self.clock.time_ns()
        self._feed_times.append((received_ns, feed_time_ms))
        self.buffer.append(Frame(frame.data, received_ns))
        self.report = structs.replace(self.report, newest_received_ns=received_ns)


def _next_block(blocks: Iterator[Sequence[Frame]]) -> Sequence[Frame] | None:
    """The next block. Called in a thread: reading and decompressing a block takes milliseconds."""
    return next(blocks, None)
