"""The buffer between the socket, which must never wait, and the listener."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

from marketdata.feeds import Frame
from marketdata.observability import metrics
from marketdata.providers.base import BufferCounts

DEFAULT_CAPACITY_CHARACTERS: Final = 64 * 2**20
TAKE_CHARACTERS: Final = 2**20


class FrameBuffer:
    """A queue of frames, bounded by text size. When it is full, the oldest frames are dropped and counted.

    `count_events` gives the number of events in a frame. It is called only for dropped frames. Counting takes
    a fraction of the time of routing, and every dropped event is counted.

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
        """Frames that wait."""
        return len(self._frames)

    @property
    def counts(self) -> BufferCounts:
        """The counts of received, taken, dropped and waiting frames."""
        waiting = len(self._frames)
        return BufferCounts(
            frames_received=self._received,
            frames_taken=self._received - self._frames_dropped - waiting,
            frames_dropped=self._frames_dropped,
            frames_waiting=waiting,
            events_dropped=dict(self._events_dropped),
        )

    def append(self, frame: Frame) -> None:
        """Add a frame; never waits. A frame that is larger than the whole capacity is dropped."""
        self._frames.append(frame)
        self._received += 1
        self._characters += len(frame.data)
        if self._characters > self._capacity:
            self._drop_oldest("buffer_full", self._capacity)
        self._changed.set()

    def open(self) -> None:
        """Expect frames (again): `take` waits for them."""
        self._closed = False

    def close(self) -> None:
        """Expect no more frames: `take` returns the remaining frames, then none."""
        self._closed = True
        self._changed.set()

    async def take(self) -> Sequence[Frame]:
        """Wait for at least one frame; return all waiting frames, up to about `TAKE_CHARACTERS`."""
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
