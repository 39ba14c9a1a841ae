"""Frames between the socket, which must never wait, and whoever takes them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from marketdata.observability import metrics
from marketdata.providers.base import Frame

DEFAULT_CAPACITY_CHARACTERS: Final = 64 * 2**20
TAKE_CHARACTERS: Final = 2**20


class FrameBuffer:
    """First in, first out, bounded by text size; when full, the oldest frame gives way and is counted.

    Concurrency: one event loop; any number of writers, one reader.
    """

    def __init__(self, capacity_characters: int = DEFAULT_CAPACITY_CHARACTERS) -> None:
        self._capacity = capacity_characters
        self._frames: deque[Frame] = deque()
        self._characters = 0
        self._changed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """Frames that wait."""
        return len(self._frames)

    def append(self, frame: Frame) -> None:
        """Add a frame; never waits. One frame larger than the whole capacity is dropped itself."""
        self._frames.append(frame)
        self._characters += len(frame.data)
        if self._characters > self._capacity:
            self._drop_oldest()
        self._changed.set()

    def open(self) -> None:
        """Expect frames (again): `take` waits for them."""
        self._closed = False

    def close(self) -> None:
        """Expect no more frames: `take` hands over what is left, then nothing."""
        self._closed = True
        self._changed.set()

    async def take(self) -> Sequence[Frame]:
        """Wait for at least one frame; then all that wait, up to about `TAKE_CHARACTERS`."""
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

    def _drop_oldest(self) -> None:
        dropped = 0
        while self._characters > self._capacity:
            self._characters -= len(self._frames.popleft().data)
            dropped += 1
        metrics.PROVIDER_FRAMES_DROPPED.labels(reason="buffer_full").inc(dropped)
