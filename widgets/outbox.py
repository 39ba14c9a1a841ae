"""The frames that wait for one connection. Their number is bounded, so a slow client gets no backlog.

A market is a state, not a list of events. So at most one frame per feed waits. If a delta arrives while a
frame of the same feed waits, both are replaced by a request for a snapshot. The snapshot is made when it is
sent, so it is always the newest. Answers (errors, pongs) wait in a bounded queue of their own and are sent
first. Only the newest status waits.

So a client that reads slowly, or not at all, costs only a few texts, which it shares with other clients. And
it delays no other client, because adding to an outbox never waits.

Concurrency: one event loop. All methods except `write` are synchronous and return immediately.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from marketdata.clock import Clock
from widgets.protocol import ProtocolVersion

MOST_ANSWERS: Final = 1_024

Send: TypeAlias = Callable[[str], Awaitable[None]]
Render: TypeAlias = Callable[[str, ProtocolVersion], str | None]


class SentCounts(msgspec.Struct):
    """Numbers of frames and characters sent since the last call of `Outbox.collect_counts`.

    `conflated` counts frames that were not sent because a newer snapshot replaced them.
    """

    answers: int = 0
    statuses: int = 0
    snapshots: int = 0
    deltas: int = 0
    conflated: int = 0
    characters: int = 0


class Outbox:
    """The frames that wait for one connection, and the loop that writes them.

    `version` is the protocol version of the client. All texts in the outbox have this version. `abandon`
    calls `give_up` once: when the hub finds that the writer has stalled, or when more than `MOST_ANSWERS`
    answers wait. Then the connection must end: a client that loses an answer would be in a wrong state.
    """

    def __init__(self, clock: Clock, give_up: Callable[[], None], version: ProtocolVersion) -> None:
        self.version: Final = version
        self._clock = clock
        self._give_up = give_up
        self._answers: deque[str] = deque()
        self._status: str | None = None
        # Feed -> texts in order, or None for a snapshot that is made when it is sent. The order is that in
        # which feeds began to wait, so that a busy feed cannot delay a quiet one for ever.
        self._frames: dict[str, Sequence[str] | None] = {}
        self._waiting = asyncio.Event()
        self._sending_since: float | None = None
        self._abandoned = False
        self._counts = SentCounts()

    def __len__(self) -> int:
        """The number of frames that wait."""
        return len(self._answers) + len(self._frames) + (self._status is not None)

    def answer(self, text: str) -> None:
        """Send an answer, after earlier answers and before all feeds."""
        if len(self._answers) >= MOST_ANSWERS:
            self.abandon()
        elif not self._abandoned:
            self._answers.append(text)
            self._waiting.set()

    def status(self, text: str) -> None:
        """Send a status. It replaces a status that still waits."""
        if not self._abandoned:
            self._status = text
            self._waiting.set()

    def delta(self, feed: str, text: str) -> None:
        """Send a delta. If a frame of this feed still waits, send a snapshot instead of both."""
        if feed in self._frames:
            self._frames[feed] = None
            self._counts.conflated += 1
        elif not self._abandoned:
            self._frames[feed] = (text,)
            self._waiting.set()

    def resume(self, feed: str, texts: Sequence[str]) -> None:
        """Send the missed deltas of a feed. They replace a waiting frame of this feed."""
        if not self._abandoned:
            self._frames[feed] = texts
            self._waiting.set()

    def snapshot(self, feed: str) -> None:
        """Send a snapshot, which is made when it is sent. It replaces a waiting frame of this feed."""
        self._counts.conflated += feed in self._frames
        if not self._abandoned:
            self._frames[feed] = None
            self._waiting.set()

    def discard(self, feed: str) -> None:
        """Remove the waiting frame of a feed, because its subscription has ended."""
        self._frames.pop(feed, None)

    def abandon(self) -> None:
        """Remove all frames and have the connection closed, because the client does not read its frames."""
        if self._abandoned:
            return
        self._abandoned = True
        self._answers.clear()
        self._frames.clear()
        self._status = None
        self._give_up()

    def take(self, render: Render) -> str | None:
        """Remove and return the next frame, or None if no frame waits.

        `render` makes the snapshot of a feed, or returns None before the feed has data. Such a feed is
        skipped: the hub calls `snapshot` again when the first data arrives.
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
            texts = self._frames.pop(feed)
            if texts:
                if len(texts) > 1:
                    self._frames[feed] = texts[1:]
                self._counts.deltas += 1
                return texts[0]
            if (text := render(feed, self.version)) is not None:
                self._counts.snapshots += 1
                return text
        return None

    def last_answers(self) -> list[str]:
        """Remove and return the answers that still wait, so that they are sent before the connection ends."""
        answers = list(self._answers)
        self._answers.clear()
        return answers

    async def write(self, send: Send, render: Render) -> None:
        """Send waiting frames as long as the connection lives. `send` returns when the network took a frame.

        Ends by cancellation, or with the error that `send` raises for a lost connection.
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
        """How long the writer has made no progress; 0 while no frame waits."""
        since = self._sending_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def collect_counts(self) -> SentCounts:
        """The counts since the last call. Counting each frame in the metrics would cost too much."""
        counts, self._counts = self._counts, SentCounts()
        return counts
