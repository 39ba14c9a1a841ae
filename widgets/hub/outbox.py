"""The frames that wait for connections, and the walk that writes them.

Their number is bounded, so a slow client gets no backlog.

A market is a state, not a list of events. So at most one update per feed waits. If an update arrives while
another of the same feed waits, both are replaced by a request for a snapshot. The snapshot is made when it is
sent, so it is always the newest. Answers (errors, pongs) wait in a bounded queue of their own and are sent
first. Only the newest status waits.

So a client that reads slowly, or not at all, costs only references to frames that it shares with others. An
outbox is plain data: it has no task, and nothing in it waits.

A walk writes everything that waits for a connection with one call of its sink. It works in slices and gives
way to the event loop between them, so 10,000 connections do not stop handshakes, messages and announcements.
`Pace` decides how often the hub walks.
"""

import asyncio
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from marketdata.runtime.books import Book
from marketdata.runtime.report import ClientsStatus
from widgets.hub.client_identity import UNKNOWN_CLIENT, ClientIdentity
from widgets.hub.fates import Fates
from widgets.protocol import ProtocolVersion, Status
from widgets.wire import FrameSink, PreparedFrame

MOST_ANSWERS: Final = 1_024
LARGEST_BATCH_BYTES: Final = 1024 * 1024
"""A batch ends with the frame that reaches this size (before compression). So a client that subscribes to
many feeds at once does not fill the transport's buffer with all their snapshots."""

STATUS_FEED: Final = "status"

Render: TypeAlias = Callable[[str, ProtocolVersion], PreparedFrame | None]


class SentCounts(msgspec.Struct):
    """Numbers of sent frames by kind, and their bytes before compression, over all connections.

    `feeds` is the number of feeds whose waiting frames were taken. `empty` of them sent nothing, since they
    have no data yet.
    """

    answers: int = 0
    statuses: int = 0
    snapshots: int = 0
    deltas: int = 0
    payload_bytes: int = 0
    feeds: int = 0
    empty: int = 0

    @property
    def entries(self) -> int:
        """Everything that was sent, as `Fates` counts it."""
        return self.answers + self.statuses + self.feeds - self.empty


class StatusFrames:
    """One status as frames. Connections with the same version and the same conflated frames share a frame."""

    __slots__ = ("_frames", "_status")

    def __init__(self, status: Status) -> None:
        self._status = status
        self._frames: dict[tuple[ProtocolVersion, int], PreparedFrame] = {}

    def frame(self, version: ProtocolVersion, conflated: int) -> PreparedFrame:
        """The frame for a client for which so many frames were conflated since its last status."""
        frame = self._frames.get((version, conflated))
        if frame is None:
            status = msgspec.structs.replace(self._status, conflated=conflated)
            frame = self._frames[version, conflated] = PreparedFrame(version.encode_answer(status))
        return frame


class Outbox:
    """The frames that wait for one connection, and the sink that takes them.

    `version` is the protocol version of the client. All frames in the outbox have this version. `feeds` are
    the keys of the feeds that it subscribed to; the hub adds and removes keys. `sent_bytes` (before
    compression) and `conflated` count since the beginning. `abandon` calls `give_up`
    once: when the hub finds that the client has stalled, or when more than `MOST_ANSWERS` answers wait. Then
    the connection must end: a client that loses an answer would be in a wrong state.
    """

    __slots__ = (
        "_answers",
        "_fates",
        "_frames",
        "_give_up",
        "_is_closed",
        "_status",
        "_told_conflated",
        "conflated",
        "feeds",
        "sent_bytes",
        "sink",
        "version",
    )

    def __init__(self, sink: FrameSink, version: ProtocolVersion, give_up: Callable[[], None]) -> None:
        self.sink: Final = sink
        self.version: Final = version
        self.feeds: Final[set[str]] = set()
        self._give_up = give_up
        self._answers: list[PreparedFrame] = []
        self._status: StatusFrames | None = None
        # Feed -> frames of an update, or None for a snapshot that is made when it is sent. The order is that
        # in which feeds began to wait, so that a busy feed cannot delay a quiet one for ever.
        self._frames: dict[str, tuple[PreparedFrame, ...] | None] = {}
        self.conflated = 0
        self._told_conflated = 0  # of these, those that a status has told the client
        self.sent_bytes = 0
        self._is_closed = False
        self._fates = Fates()

    def count_in(self, fates: Fates) -> None:
        """From now on count in these, which all connections share, and add what was counted before."""
        if self._fates is not fates:
            fates.take_over(self._fates)
            self._fates = fates

    def count_apart(self) -> None:
        """Take what waits out of the shared counts: the connection is not among the others."""
        waiting = len(self)
        self._fates.put -= waiting
        self._fates = Fates(put=waiting)

    def __len__(self) -> int:
        """The number of answers, statuses and feeds that wait."""
        return len(self._answers) + len(self._frames) + (self._status is not None)

    def answer(self, frame: PreparedFrame) -> None:
        """Send an answer, after earlier answers and before all feeds."""
        if self._is_closed:
            return
        if len(self._answers) >= MOST_ANSWERS:
            self.abandon()
        else:
            self._answers.append(frame)
            self._fates.put += 1

    def status(self, status: StatusFrames) -> None:
        """Send a status, if the client is told it. It replaces a status that still waits."""
        if not self._is_closed and (self.version.sends_status or STATUS_FEED in self.feeds):
            self._fates.put += 1
            self._fates.conflated += self._status is not None
            self._status = status

    def update(self, feed: str, frames: tuple[PreparedFrame, ...], most_entries: int = 0) -> bool:
        """Send the frames of an update. If a frame of this feed still waits, send a snapshot instead of both.

        With `most_entries`, the frames are entries of a list. Then they wait behind those that still wait,
        and the oldest above this number are dropped. Returns whether frames were conflated. The caller counts
        the calls in `Fates.put`, once for all connections.
        """
        waiting = self._frames
        if feed in waiting and most_entries:
            entries = (*(waiting[feed] or ()), *frames)
            waiting[feed] = entries[-most_entries:]
            self._fates.conflated += 1
            if len(entries) <= most_entries:
                return False
            self.conflated += 1
            return True
        if feed in waiting:
            waiting[feed] = None
            self.conflated += 1
            self._fates.conflated += 1
            return True
        if self._is_closed:
            self._fates.gone += 1
        else:
            waiting[feed] = frames
        return False

    def resume(self, feed: str, frames: tuple[PreparedFrame, ...]) -> None:
        """Send the missed updates of a feed. They replace a waiting frame of this feed."""
        if not self._is_closed:
            self._note_put(feed)
            self._frames[feed] = frames

    def snapshot(self, feed: str) -> bool:
        """Send a snapshot, which is made when it is sent. It replaces a waiting frame of this feed.

        Returns whether a frame was conflated.
        """
        conflated = feed in self._frames
        self.conflated += conflated
        if not self._is_closed:
            self._note_put(feed)
            self._frames[feed] = None
        return conflated

    def _note_put(self, feed: str) -> None:
        self._fates.put += 1
        self._fates.conflated += feed in self._frames

    def discard(self, feed: str) -> None:
        """Remove the waiting frames of a feed, because its subscription has ended."""
        if feed in self._frames:
            del self._frames[feed]
            self._fates.gone += 1

    def close(self) -> None:
        """Remove all frames, and take no more: the connection ends."""
        self._is_closed = True
        self._fates.gone += len(self)
        self._answers.clear()
        self._frames.clear()
        self._status = None

    def abandon(self) -> None:
        """Remove all frames and have the connection closed, because the client does not read its frames."""
        if not self._is_closed:
            self.close()
            self._give_up()

    def take(self, render: Render, counts: SentCounts) -> list[PreparedFrame]:
        """Remove and return the frames of the next batch, and count them; empty if no frame waits.

        `render` makes the snapshot of a feed, or returns None before the feed has data. Such a feed is
        skipped: the hub calls `snapshot` again when the first data arrives.
        """
        batch: list[PreparedFrame] = []
        if self._answers:
            batch, self._answers = self._answers, batch
            counts.answers += len(batch)
        if self._status is not None:
            batch.append(self._status.frame(self.version, self.conflated - self._told_conflated))
            self._status, self._told_conflated = None, self.conflated
            counts.statuses += 1
        size = 0
        for frame in batch:
            size += len(frame.payload)
        waiting = self._frames
        feeds = len(waiting)
        while waiting and size < LARGEST_BATCH_BYTES:
            feed = next(iter(waiting))
            frames = waiting.pop(feed)
            if frames is None:
                snapshot = render(feed, self.version)
                if snapshot is None:
                    counts.empty += 1
                    continue
                frames = (snapshot,)
                counts.snapshots += 1
            else:
                counts.deltas += len(frames)
            for frame in frames:
                size += len(frame.payload)
            batch += frames
        counts.feeds += feeds - len(waiting)
        counts.payload_bytes += size
        self.sent_bytes += size
        return batch


CONNECTIONS_PER_SLICE: Final = 500

_log = get_logger(__name__)


LONGEST_PAUSE_SECONDS: Final = 1.0
LONGEST_GATHERING_SECONDS: Final = 0.05
REMEMBERED: Final = 0.9
"""Of the cost of earlier walks, after one more. One that writes nothing must not hide what the next costs."""


class Pace:
    """Sheds load: after a walk of some duration there is a pause of the same duration, but at most 1 s.

    So the walks take at most half of the time of the event loop, and announcements that arrive in the pause
    are merged. With few connections the pause is too short to matter. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._costly_seconds = 0.0
        self._next_at = 0.0

    def note_walk(self, started_at: float, ended_at: float) -> None:
        """Note the emissions and the walk that just ended."""
        seconds = ended_at - started_at
        self._costly_seconds = max(seconds, self._costly_seconds * REMEMBERED)
        self._next_at = ended_at + min(seconds, LONGEST_PAUSE_SECONDS)

    def seconds_to_wait(self, now: float) -> float:
        """How long the next emission must wait.

        If walks are costly, the emission also waits for the announcements that belong to the same tick of
        the scanner: one walk with all boards costs little more than one with a single board.
        """
        gathering = min(self._costly_seconds / 2, LONGEST_GATHERING_SECONDS)
        return max(self._next_at - now, gathering)


class Outboxes:
    """The outboxes of all connections.

    `render` makes the newest snapshot of a feed as a frame. `wake` is called when the next walk has work.
    Outboxes may be added and removed at any time, also during a walk.
    """

    def __init__(self, render: Render, clock: Clock, wake: Callable[[], None]) -> None:
        self._render = render
        self._clock = clock
        self._wake = wake
        self._outboxes: dict[Outbox, ClientIdentity] = {}
        self._dirty: set[Outbox] = set()
        self._blocked: dict[Outbox, float] = {}
        self._counts = SentCounts()
        self._sent_bytes = 0
        self._subscriptions = 0
        self.fates: Final = Fates()
        self.walked = asyncio.Event()
        """Set at the end of the present or next walk. Each walk has its own."""
        self._log = RateLimitedLog(_log)

    def __iter__(self) -> Iterator[Outbox]:
        return iter(tuple(self._outboxes))

    def __len__(self) -> int:
        return len(self._outboxes)

    @property
    def identities(self) -> Mapping[Outbox, ClientIdentity]:
        """Who is behind each connection."""
        return self._outboxes

    @property
    def blocked(self) -> Mapping[Outbox, float]:
        """The connections that have not taken all that was sent, and since when (monotonic seconds)."""
        return self._blocked

    def add(self, outbox: Outbox, identity: ClientIdentity = UNKNOWN_CLIENT) -> None:
        """Add a connection. The next walk visits it each time that it becomes writable again."""
        self._outboxes[outbox] = identity
        outbox.count_in(self.fates)
        outbox.sink.when_writable(functools.partial(self._on_writable, outbox))

    def remove(self, outbox: Outbox) -> None:
        """Remove a connection. Nothing more is written to it."""
        outbox.close()
        self._outboxes.pop(outbox, None)
        self._dirty.discard(outbox)
        self._blocked.pop(outbox, None)

    def mark(self, outboxes: Iterable[Outbox]) -> None:
        """Have the next walk visit these outboxes: something was put into them."""
        self._dirty.update(outboxes)
        self._wake()

    def send_status(self, status: Status) -> None:
        """Put a status into all outboxes."""
        frames = StatusFrames(status)
        for outbox in self._outboxes:
            outbox.status(frames)
        self.mark(self._outboxes)

    async def walk(self) -> None:
        """Write the frames of all marked outboxes."""
        dirty, self._dirty = list(self._dirty), set()
        for start in range(0, len(dirty), CONNECTIONS_PER_SLICE):
            if start:
                await asyncio.sleep(0)
            for outbox in dirty[start : start + CONNECTIONS_PER_SLICE]:
                self._flush(outbox)
        walked, self.walked = self.walked, asyncio.Event()
        walked.set()

    def flush(self, outbox: Outbox) -> None:
        """Write what waits for one connection, as far as it takes it. The rest waits until it is writable.

        The connection need not have been added: a client that has not logged in is answered, too.
        """
        if outbox in self._outboxes:
            self._flush(outbox)
        else:
            outbox.count_in(self.fates)
            self._flush(outbox)
            outbox.count_apart()

    def _flush(self, outbox: Outbox) -> None:
        sink = outbox.sink
        while len(outbox):
            if not sink.writable:
                break
            frames = outbox.take(self._render, self._counts)
            if frames:
                try:
                    sink.write(frames)
                except Exception as error:  # noqa: BLE001 - a boundary: no connection may end the walk
                    self._log.warning("frames not written", reason=type(error).__name__, error=str(error))
                    outbox.abandon()
        if not sink.writable:
            if outbox in self._outboxes:
                self._blocked.setdefault(outbox, self._clock.monotonic())
        elif self._blocked:
            self._blocked.pop(outbox, None)

    def _on_writable(self, outbox: Outbox) -> None:
        self._blocked.pop(outbox, None)
        # The walk writes, not this callback of the transport: a defect must end in the hub's task.
        if len(outbox):
            self.mark((outbox,))

    def housekeep(self, longest_stall_seconds: float) -> None:
        """Abandon connections that have taken nothing for too long, and update the metrics."""
        stalled_since = self._clock.monotonic() - longest_stall_seconds
        for outbox in [each for each, since in self._blocked.items() if since <= stalled_since]:
            del self._blocked[outbox]
            outbox.abandon()
        counts = self._take_counts()
        metrics.WIDGET_FRAMES.labels("answers").inc(counts.answers)
        metrics.WIDGET_FRAMES.labels("statuses").inc(counts.statuses)
        metrics.WIDGET_FRAMES.labels("snapshots").inc(counts.snapshots)
        metrics.WIDGET_FRAMES.labels("deltas").inc(counts.deltas)
        metrics.WIDGET_BYTES.inc(counts.payload_bytes)
        metrics.WIDGET_BLOCKED.set(len(self._blocked))
        self._subscriptions = sum(len(outbox.feeds) for outbox in self._outboxes)
        metrics.WIDGET_SUBSCRIPTIONS.set(self._subscriptions)

    def _take_counts(self) -> SentCounts:
        """The counts since the last housekeeping, which are also added to those since the start."""
        counts, self._counts = self._counts, SentCounts()
        self.fates.written += counts.entries
        self.fates.empty += counts.empty
        self._sent_bytes += counts.payload_bytes
        return counts

    def clients(self) -> ClientsStatus:
        """The connections, as of the last housekeeping."""
        return ClientsStatus(
            connections=len(self._outboxes),
            subscriptions=self._subscriptions,
            blocked=len(self._blocked),
            sent_bytes=self._sent_bytes,
        )

    def book(self) -> Book:
        """What became of everything that was put into outboxes, at this instant."""
        counts = self._counts
        fates = msgspec.structs.replace(
            self.fates,
            written=self.fates.written + counts.entries,
            empty=self.fates.empty + counts.empty,
        )
        return fates.book(sum(map(len, self._outboxes)))
