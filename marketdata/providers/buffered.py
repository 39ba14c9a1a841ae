"""The common part of providers: a bounded buffer of frames, and the state that other modules read."""

import functools
from collections.abc import Sequence
from typing import Final

from marketdata.clock import Clock, SystemClock
from marketdata.feeds import FeedTarget, Frame, StatusEvent
from marketdata.providers.base import (
    BufferCounts,
    ConnectionReport,
    FeedOutlook,
    ProviderState,
    ProviderStatus,
    RoutedFrames,
)
from marketdata.providers.frame_buffer import FrameBuffer
from marketdata.providers.wire_format import WireFormat
from marketdata.units import NS_PER_MS

STOPPED_BY_OPERATOR: Final = ProviderStatus(ProviderState.STOPPED, "by_operator", "an operator stopped it")


class BufferedProvider:
    """All of `marketdata.providers.base.Provider` but `set_target` and `run`, which a subclass adds.

    The subclass fills `self.buffer`, and updates `self.state` and `self.report`. By default the feed time is
    the received time, and statuses among the events are ignored. `buffer` replaces the usual buffer, for a
    format whose events can be counted faster than by routing them.
    """

    def __init__(
        self, wire_format: WireFormat, clock: Clock | None = None, *, buffer: FrameBuffer | None = None
    ) -> None:
        self.clock: Final = clock or SystemClock()
        self.buffer: Final = (
            FrameBuffer(functools.partial(_count_events, wire_format)) if buffer is None else buffer
        )
        self.state = ProviderStatus(ProviderState.STOPPED)
        self.report = ConnectionReport()
        self._format = wire_format
        self._router_for = functools.cache(wire_format.router)

    @property
    def format(self) -> str:
        """The name of the format of its frames."""
        return self._format.name

    @property
    def status(self) -> ProviderStatus:
        """The state of the connection now."""
        return self.state

    @property
    def connection(self) -> ConnectionReport:
        """The facts about the newest connection."""
        return self.report

    @property
    def outlook(self) -> FeedOutlook:
        """The market's hours are not known."""
        return FeedOutlook(is_busy=False)

    @property
    def counts(self) -> BufferCounts:
        """The counts of received, taken, dropped and waiting frames."""
        return self.buffer.counts

    def set_target(self, target: FeedTarget | None) -> None:
        """See `marketdata.providers.base.Provider.set_target`."""
        raise NotImplementedError

    async def frames(self) -> Sequence[Frame]:
        """Wait for frames; return the waiting ones, oldest first. None if it is stopped and empty."""
        return await self.buffer.take()

    def discard(self, reason: str) -> None:
        """Drop the waiting frames, and count them under `reason`."""
        self.buffer.discard(reason)

    def route(self, frames: Sequence[Frame], shard_count: int) -> RoutedFrames:
        """Sort the events of frames: see `marketdata.providers.base.Provider.route`."""
        router = self._router_for(shard_count)
        for frame in frames:
            router.add(frame.data)
        routing = router.take()
        self.on_statuses(routing.statuses)
        feed_time_ms = self.feed_time_ms(max([frame.received_ns for frame in frames]))
        return RoutedFrames(routing.parts, routing.set_aside, feed_time_ms)

    def on_statuses(self, statuses: Sequence[StatusEvent]) -> None:
        """Handle the statuses among the events of routed frames."""

    def feed_time_ms(self, received_ns: int) -> int:
        """The feed time (epoch milliseconds) of a frame with this received time (epoch nanoseconds).

        It depends on the statuses in all frames up to this one.
        """
        return received_ns // NS_PER_MS


def _count_events(wire_format: WireFormat, data: str | bytes) -> int:
    router = wire_format.router(1)
    router.add(data)
    return sum(part.event_count for part in router.take().parts)
