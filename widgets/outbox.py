"""What waits to be sent to one connection: bounded, newest first to matter, never a backlog.

A market is a state, not a list of events. So of each feed at most one frame waits: a delta that
arrives while another frame of its feed waits is not queued behind it but turns it into "a fresh
snapshot", which is made when the writer gets to it. Answers (errors, pongs) wait in a bounded queue of
their own and go first; of the status only the newest waits.

A client that reads slowly, or never, thus costs a few texts that it shares with everybody else, and
delays nobody: whoever fills an outbox never waits for it.

Concurrency: one event loop; everything but `write` is synchronous and returns at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from marketdata.clock import Clock
from widgets.protocol import ProtocolVersion

MOST_ANSWERS: Final = 1_024

Send: TypeAlias = Callable[[str], Awaitable[None]]
Render: TypeAlias = Callable[[str, ProtocolVersion], str | None]


class SentCounts(msgspec.Struct):
    """Frames handed to the connection since the last `Outbox.collect_counts`, and frames that need not go."""

    answers: int = 0
    statuses: int = 0
    snapshots: int = 0
    deltas: int = 0
    conflated: int = 0
    characters: int = 0


class Outbox:
    """The frames that wait for one connection, and the loop that writes them.

    `version` is the version of the protocol that the client speaks: all texts are of this version.
    `give_up` is called, once, by `abandon`: by whoever finds the writer stalled, or when the client leaves
    more than `MOST_ANSWERS` answers unread. An answer that is silently lost would leave the client in error,
    so from then on nothing is kept any more.
    """

    def __init__(self, clock: Clock, give_up: Callable[[], None], version: ProtocolVersion) -> None:
        self.version: Final = version
        self._clock = clock
        self._give_up = give_up
        self._answers: deque[str] = deque()
        self._status: str | None = None
        # Feed -> a delta's text, or None for "a fresh snapshot". In the order in which feeds began to wait,
        # so that a busy feed cannot keep a quiet one from being sent.
        self._frames: dict[str, str | None] = {}
        self._waiting = asyncio.Event()
        self._sending_since: float | None = None
        self._abandoned = False
        self._counts = SentCounts()

    def __len__(self) -> int:
        """How many frames wait."""
        return len(self._answers) + len(self._frames) + (self._status is not None)

    def answer(self, text: str) -> None:
        """Send an answer, in order, ahead of all feeds."""
        if len(self._answers) >= MOST_ANSWERS:
            self.abandon()
        elif not self._abandoned:
            self._answers.append(text)
            self._waiting.set()

    def status(self, text: str) -> None:
        """Send a status in place of one that still waits."""
        if not self._abandoned:
            self._status = text
            self._waiting.set()

    def delta(self, feed: str, text: str) -> None:
        """Send a delta, or a fresh snapshot instead when a frame of this feed still waits."""
        if feed in self._frames:
            self._frames[feed] = None
            self._counts.conflated += 1
        elif not self._abandoned:
            self._frames[feed] = text
            self._waiting.set()

    def snapshot(self, feed: str) -> None:
        """Send a snapshot as fresh as it will be when its turn comes, in place of what waits of this feed."""
        self._counts.conflated += feed in self._frames
        if not self._abandoned:
            self._frames[feed] = None
            self._waiting.set()

    def discard(self, feed: str) -> None:
        """Forget what waits of a feed: its subscription has ended."""
        self._frames.pop(feed, None)

    def abandon(self) -> None:
        """Forget everything and have the connection closed: its client does not take what it is sent."""
        if self._abandoned:
            return
        self._abandoned = True
        self._answers.clear()
        self._frames.clear()
        self._status = None
        self._give_up()

    def take(self, render: Render) -> str | None:
        """Remove and give the next frame, or None when nothing waits.

        `render` makes the snapshot of a feed in a version, or gives None when there is none yet; then the
        feed is passed over, and whoever gets its first data asks for its snapshot again.
        """
        if self._answers:
            self._counts.answers += 1
            return self._answers.popleft()
        if self._status is not None:
            status, self._status = self._status, None
            self._counts.statuses += 1
            return status
        while self._frames:
            feed = next(iter(self._frames))
            text = self._frames.pop(feed)
            if text is not None:
                self._counts.deltas += 1
                return text
            if (text := render(feed, self.version)) is not None:
                self._counts.snapshots += 1
                return text
        return None

    def last_answers(self) -> list[str]:
        """Remove and give the answers that still wait, to be heard before the connection ends."""
        answers = list(self._answers)
        self._answers.clear()
        return answers

    async def write(self, send: Send, render: Render) -> None:
        """Send what waits, for as long as the connection lives; `send` returns when the network took a frame.

        Ends by cancellation, or with what `send` raises when the connection is gone.
        """
        while True:
            await self._waiting.wait()
            self._sending_since = self._clock.monotonic()
            while (text := self.take(render)) is not None:
                self._counts.characters += len(text)
                await send(text)
                self._sending_since = self._clock.monotonic()
            self._sending_since = None
            self._waiting.clear()

    def stalled_seconds(self) -> float:
        """For how long the writer has made no progress with what waits; 0 while nothing waits."""
        since = self._sending_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def collect_counts(self) -> SentCounts:
        """What was sent since the last call, for the metrics, which cost too much to count each frame."""
        counts, self._counts = self._counts, SentCounts()
        return counts
