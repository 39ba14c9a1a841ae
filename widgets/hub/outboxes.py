"""The outboxes of all connections of the process, and the walk that writes their frames.

A walk writes everything that waits for a connection with one call of its sink. It works in slices and gives
way to the event loop between them, so 10,000 connections do not stop handshakes, messages and announcements.
"""

import asyncio
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.observability.logs import RateLimitedLog, get_logger
from widgets.outbox import Outbox, Render, SentCounts, StatusFrames
from widgets.protocol import Status

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
        self._outboxes: dict[Outbox, None] = {}
        self._dirty: set[Outbox] = set()
        # The connections that have not taken all that was sent, and since when (monotonic seconds).
        self._blocked: dict[Outbox, float] = {}
        self._counts = SentCounts()
        self._log = RateLimitedLog(_log)

    def __iter__(self) -> Iterator[Outbox]:
        return iter(tuple(self._outboxes))

    def __len__(self) -> int:
        return len(self._outboxes)

    def add(self, outbox: Outbox) -> None:
        """Add a connection. The next walk visits it each time that it becomes writable again."""
        self._outboxes[outbox] = None
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
                self.flush(outbox)

    def flush(self, outbox: Outbox) -> None:
        """Write what waits for one connection, as far as it takes it. The rest waits until it is writable."""
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
        counts, self._counts = self._counts, SentCounts()
        metrics.WIDGET_FRAMES.labels("answers").inc(counts.answers)
        metrics.WIDGET_FRAMES.labels("statuses").inc(counts.statuses)
        metrics.WIDGET_FRAMES.labels("snapshots").inc(counts.snapshots)
        metrics.WIDGET_FRAMES.labels("deltas").inc(counts.deltas)
        metrics.WIDGET_BYTES.inc(counts.payload_bytes)
        metrics.WIDGET_BLOCKED.set(len(self._blocked))
        metrics.WIDGET_SUBSCRIPTIONS.set(sum(len(outbox.feeds) for outbox in self._outboxes))
