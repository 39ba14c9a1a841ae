"""The common part of providers: a bounded buffer of frames, the feed's clock, and the state for others.

The buffer lies between the socket, which must never wait, and the listener.
"""

import abc
import asyncio
import functools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from marketdata.clock import Clock, SystemClock
from marketdata.feeds import DECLARATION_LIFE_NS, ConnectionTarget, Frame, StatusEvent, declared_time_ms
from marketdata.observability import metrics
from marketdata.providers.base import (
    BufferCounts,
    ConnectionReport,
    FeedOutlook,
    ProviderState,
    ProviderStatus,
    RoutedFrames,
)
from marketdata.providers.wire_format import WireFormat
from marketdata.units import NS_PER_MS

STOPPED_BY_OPERATOR: Final = ProviderStatus(ProviderState.STOPPED, "by_operator", "an operator stopped it")
DEFAULT_CAPACITY_CHARACTERS: Final = 64 * 2**20
TAKE_CHARACTERS: Final = 2**20


class FrameBuffer:
    """First in, first out, bounded by text size. A full buffer drops its oldest frames and counts them.

    `count_events` returns the number of events in a frame. It is called only for dropped frames. So every
    event is counted, in a fraction of the time that routing takes.

    Concurrency: one event loop; any number of writers, one reader.
    """

    def __init__(
        self,
        count_events: Callable[[str | bytes], int],
        capacity_characters: int = DEFAULT_CAPACITY_CHARACTERS,
    ) -> None:
        self._count_events = count_events
        self._capacity = capacity_characters
        self._frames: deque[Frame] = deque()
        self._characters = 0
        self._received = 0
        self._frames_dropped = 0
        self._events_dropped: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """The number of waiting frames."""
        return len(self._frames)

    @property
    def counts(self) -> BufferCounts:
        """The frames that came in, and what happened to them."""
        waiting = len(self._frames)
        return BufferCounts(
            frames_received=self._received,
            frames_taken=self._received - self._frames_dropped - waiting,
            frames_dropped=self._frames_dropped,
            frames_waiting=waiting,
            events_dropped=dict(self._events_dropped),
        )

    def append(self, frame: Frame) -> None:
        """Add a frame without waiting. A frame larger than the whole capacity is dropped itself."""
        self._frames.append(frame)
        self._received += 1
        self._characters += len(frame.data)
        if self._characters > self._capacity:
            self._drop_oldest("buffer_full", self._capacity)
        self._changed.set()

    def open(self) -> None:
        """Expect frames: `take` waits for them."""
        self._closed = False

    def close(self) -> None:
        """Expect no more frames: `take` returns the remaining ones, then nothing."""
        self._closed = True
        self._changed.set()

    async def take(self) -> Sequence[Frame]:
        """Wait for at least one frame. Returns all waiting frames, up to about `TAKE_CHARACTERS`."""
        while not self._frames and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        taken: list[Frame] = []
        size = 0
        while self._frames and size < TAKE_CHARACTERS:
            frame = self._frames.popleft()
            taken.append(frame)
            size += len(frame.data)
        self._characters -= size
        return taken

    def discard(self, reason: str) -> None:
        """Drop all waiting frames."""
        self._drop_oldest(reason, 0)

    def _drop_oldest(self, reason: str, remaining_characters: int) -> None:
        frames = events = 0
        while self._frames and self._characters > remaining_characters:
            data = self._frames.popleft().data
            self._characters -= len(data)
            frames += 1
            events += self._count_events(data)
        self._frames_dropped += frames
        self._events_dropped[reason] += events
        metrics.PROVIDER_FRAMES_DROPPED.labels(reason=reason).inc(frames)
        metrics.PROVIDER_EVENTS_DROPPED.labels(reason=reason).inc(events)


class FeedClock:
    """The feed's own clock: the current time at the source of the events. No event can be later.

    The time of a live feed is the received time, less its minimum delay `delay_ms`. `may_declare`: whether
    the feed may declare its own time (`marketdata.feeds`). Only a feed at an address that the operator has
    set may; a provider's own feeds are live, so their declarations do not count. Until it declares one, it
    counts as live.
    """

    def __init__(self, *, delay_ms: int = 0, may_declare: bool = False) -> None:
        self._delay_ms = delay_ms
        self._may_declare = may_declare
        self._declared_ms: int | None = None
        self._declared_at_ns: int | None = None

    def apply_declarations(self, statuses: Iterable[StatusEvent]) -> list[StatusEvent]:
        """Apply the declarations among some statuses. Returns all other statuses.

        A declaration holds from the next received frame on. One that is not allowed or not readable is
        returned.
        """
        others = []
        for event in statuses:
            declared_ms = declared_time_ms(event) if self._may_declare else None
            if declared_ms is None:
                others.append(event)
            else:
                self._declared_ms, self._declared_at_ns = declared_ms, None
        return others

    def feed_time_ms(self, received_ns: int) -> int:
        """The feed's time (epoch milliseconds) for a frame that was received at `received_ns` (epoch)."""
        if self._declared_ms is not None:
            if self._declared_at_ns is None:
                self._declared_at_ns = received_ns
            if received_ns - self._declared_at_ns <= DECLARATION_LIFE_NS:
                return self._declared_ms
        return received_ns // NS_PER_MS - self._delay_ms


class BufferedProvider(abc.ABC):
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

    @abc.abstractmethod
    def set_target(self, target: ConnectionTarget | None) -> None:
        """See `marketdata.providers.base.Provider.set_target`."""

    @abc.abstractmethod
    async def run(self, stopping: asyncio.Event) -> None:
        """See `marketdata.providers.base.Provider.run`."""

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

    def on_statuses(self, statuses: Sequence[StatusEvent]) -> None:  # noqa: B027 - optional: some feeds have none
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
