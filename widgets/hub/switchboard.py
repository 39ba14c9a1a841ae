"""Connects feeds with their subscribers, and puts the emissions of a feed into their outboxes."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from marketdata.store.snapshots import SnapshotReader
from widgets.hub.fates import Fates
from widgets.hub.feeds import Feed, FeedContext, FeedSource, FeedStream, StoredFeeds
from widgets.hub.installation_watch import InstallationWatch
from widgets.hub.outbox import Outbox
from widgets.protocol import (
    EmissionFrames,
    FeedEmission,
    FeedSnapshot,
    LastPosition,
    ProtocolVersion,
    Resumed,
    Status,
)
from widgets.wire import PreparedFrame

SNAPSHOT_SECONDS: Final = 0.25
"""How long connections share the frame of a snapshot. It bounds the error of `age_ms` in the frame."""

MOST_CHOICES: Final = 64
"""How many choices of columns and rate a process serves. Each is compared and encoded on its own."""

MOST_KEPT_FEEDS: Final = 2_000
"""How many feeds stay open for programs that fetch them again. Each costs a little work with each tick."""


EPOCH_BITS: Final = 63


class TooManyChoicesError(ValueError):
    """A process has its greatest number of choices. The message says what is accepted."""


class Tick(msgspec.Struct, frozen=True):
    """What `Switchboard.emit_due` did.

    `pause_seconds`: until the next changed feed may send; None if no feed waits. `received_ns`: for each
    delta, when its newest data was received.
    """

    pause_seconds: float | None
    received_ns: list[int]


class _OpenFeed(msgspec.Struct, eq=False):
    """A feed with subscribers. `stream` is None for a feed that only greets its subscribers.

    `snapshots` has, by version, the frame of the state after the last emission, and until when it is shared
    (monotonic seconds). `awaiting` has those who wait for the first emission. Because it was fetched, it
    stays open without subscribers until `kept_until` (monotonic seconds).
    """

    feed: Feed
    source: FeedSource
    stream: FeedStream | None
    subscribers: set[Outbox]
    snapshots: dict[ProtocolVersion, tuple[PreparedFrame, float]] = msgspec.field(default_factory=dict)
    awaiting: set[asyncio.Future[None]] = msgspec.field(default_factory=set)
    kept_until: float = 0.0


class Switchboard:
    """All feeds of the process within one epoch of the hub. It takes blocks and emits frames; nothing waits.

    The sources know the feeds of their kind. The switchboard knows only the subscribers of each feed. Two
    events wake the hub's tasks: `has_changes` is set when `emit_due` has work, `read_requested` when a source
    wants keys from the store. They are events, not calls, because many changes of a tick need one emission,
    and because reading waits. `mark` gets the outboxes into which something was put, and `fates` counts it.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[FeedSource]],
        *,
        stored: StoredFeeds,
        snapshots: SnapshotReader,
        clock: Clock,
        status: Callable[[], Status | None],
        mark: Callable[[Iterable[Outbox]], None],
        fates: Fates,
        installation: InstallationWatch,
        subscribers: Mapping[Feed, set[Outbox]] | None = None,
    ) -> None:
        self.has_changes = asyncio.Event()
        self.read_requested = asyncio.Event()
        self._clock = clock
        self._mark_outboxes = mark
        self._fates = fates
        context = FeedContext(
            stored=stored,
            snapshots=snapshots,
            clock=clock,
            new_epoch=_new_epoch,
            mark=self._mark,
            wake_reader=self.read_requested.set,
            status=status,
            installation=installation,
        )
        self._changed_streams: set[FeedStream] = set()
        self._sources = {kind: source(context) for kind, source in kinds.items()}
        self._sources_of_channel: dict[str, list[FeedSource]] = {}
        for source in self._sources.values():
            for channel in source.channels(stored):
                self._sources_of_channel.setdefault(channel, []).append(source)
        self._open_feeds: dict[str, _OpenFeed] = {}  # by key
        self._kept: set[str] = set()  # keys of the feeds that are or were kept open after a fetch
        self._choices: Counter[str] = Counter()
        for feed, outboxes in (subscribers or {}).items():
            self._open(feed).subscribers = outboxes

    @property
    def sources(self) -> Collection[FeedSource]:
        """One source for each kind of feed."""
        return self._sources.values()

    # --- Subscriptions --------------------------------------------------------------------------------------

    @property
    def subscribers(self) -> Mapping[Feed, set[Outbox]]:
        """The subscribers of each feed."""
        return {opened.feed: opened.subscribers for opened in self._open_feeds.values() if opened.subscribers}

    def join(self, outbox: Outbox, feed: Feed, last: LastPosition | None = None) -> None:
        """Add a subscriber: it is greeted, mostly with a snapshot, and then receives changes.

        A client that comes back with its `last` position is sent the missed emissions instead, if the stream
        still has them all. A repeated call greets the subscriber again.

        Raises:
            TooManyChoicesError: nobody has made this choice yet, and there are `MOST_CHOICES`.
        """
        opened = self._open_feeds.get(feed.key) or self._open(feed)
        if not opened.subscribers:
            self._emit(opened)  # without subscribers it did not emit, so its snapshot may be old
        opened.subscribers.add(outbox)
        if not _is_greeted(opened, outbox):
            return
        if last is None or not self._resume(opened, outbox, last):
            opened.source.greet(outbox, feed)

    def greet_again(self, outbox: Outbox, key: str) -> bool:
        """Greet a subscriber once more. False if it has left, or is never greeted."""
        opened = self._open_feeds.get(key)
        if opened is None or outbox not in opened.subscribers or not _is_greeted(opened, outbox):
            return False
        opened.source.greet(outbox, opened.feed)
        return True

    def _resume(self, opened: _OpenFeed, outbox: Outbox, last: LastPosition) -> bool:
        """Send the emissions after a client's position. Returns False if it needs a snapshot."""
        stream = opened.stream
        missed = None if stream is None else stream.since(last.epoch, last.seq)
        snapshot = None if stream is None else stream.snapshot()
        if missed is None or snapshot is None:
            return False
        version, at = outbox.version, snapshot.position
        resumed = Resumed(at.feed, at.epoch, at.seq, at.age_ms(self._clock.time_ns()), snapshot.hz)
        updates = (frame for each in missed for frame in each[version] or ())
        frames = (*updates, PreparedFrame(version.encode_answer(resumed)))
        outbox.resume(opened.feed.key, frames)
        return True

    def leave(self, outbox: Outbox, key: str) -> None:
        """Remove a subscriber. No frame of the feed follows."""
        outbox.discard(key)
        if (opened := self._open_feeds.get(key)) is None:
            return
        opened.subscribers.discard(outbox)
        self._close_if_unused(opened)

    async def fetch(
        self, feed: Feed, within_seconds: float, keep_seconds: float = 0.0
    ) -> FeedSnapshot | None:
        """The newest state of a feed, once, without a subscription; None if there is none in time.

        The feed stays open for `keep_seconds`. So who fetches it again in this time is answered from memory,
        and positions can be compared. Beyond `MOST_KEPT_FEEDS`, feeds are closed at once.

        Raises:
            TooManyChoicesError: as `join`.
        """
        opened = self._open_feeds.get(feed.key) or self._open(feed)
        if keep_seconds > 0 and (feed.key in self._kept or len(self._kept) < MOST_KEPT_FEEDS):
            self._kept.add(feed.key)
            opened.kept_until = self._clock.monotonic() + keep_seconds
        if not opened.subscribers:
            self._emit(opened)
        stream = opened.stream
        snapshot = None if stream is None else stream.snapshot()
        if stream is not None and snapshot is None:
            emitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            opened.awaiting.add(emitted)
            try:
                await asyncio.wait((emitted,), timeout=within_seconds)
            finally:
                opened.awaiting.discard(emitted)
                self._close_if_unused(opened)
            return stream.snapshot()
        self._close_if_unused(opened)
        return snapshot

    def close_unused(self) -> None:
        """Close the feeds that were kept open after a fetch, and that nobody fetched again in time."""
        now = self._clock.monotonic()
        for key in tuple(self._kept):
            opened = self._open_feeds.get(key)
            if opened is None or opened.kept_until <= now:
                self._kept.discard(key)
                if opened is not None:
                    self._close_if_unused(opened)

    def _close_if_unused(self, opened: _OpenFeed) -> None:
        key = opened.feed.key
        if opened.subscribers or opened.awaiting or self._open_feeds.get(key) is not opened:
            return
        if key in self._kept:
            return
        del self._open_feeds[key]
        if opened.feed.is_counted and (choice := opened.feed.choice):
            self._choices[choice] -= 1
            if not self._choices[choice]:
                del self._choices[choice]
        if opened.stream is not None:
            self._changed_streams.discard(opened.stream)
            opened.source.close(opened.stream)

    def snapshot(self, key: str, version: ProtocolVersion) -> PreparedFrame | None:
        """The frame of the newest snapshot of an open feed; None before its first data.

        All who ask within `SNAPSHOT_SECONDS`, until the next emission, get the same frame.
        """
        if (opened := self._open_feeds.get(key)) is None or opened.stream is None:
            return None
        now = self._clock.monotonic()
        frame, shared_until = opened.snapshots.get(version, (None, 0.0))
        if frame is not None and now < shared_until:
            return frame
        if (snapshot := opened.stream.snapshot()) is None:
            return None
        frame = PreparedFrame(version.encode_emission(snapshot, self._clock.time_ns()))
        opened.snapshots[version] = (frame, now + SNAPSHOT_SECONDS)
        metrics.HUB_ENCODED_BYTES.labels("snapshot").inc(len(frame.payload))
        return frame

    def _open(self, feed: Feed) -> _OpenFeed:
        counts = bool(feed.choice) and feed.is_counted
        if counts and feed.choice not in self._choices and len(self._choices) >= MOST_CHOICES:
            raise TooManyChoicesError(
                f"this process already serves {MOST_CHOICES} choices of columns and rate; "
                "accepted are the usual columns and rate, and the choices that others have made"
            )
        source = self._sources[feed.kind]
        opened = self._open_feeds[feed.key] = _OpenFeed(feed, source, source.open(feed), set())
        if counts:
            self._choices[feed.choice] += 1
        return opened

    # --- Blocks in ------------------------------------------------------------------------------------------

    def take(self, channel: str, block: RowBlock) -> None:
        """Pass an announced block to the sources that use its channel."""
        for source in self._sources_of_channel.get(channel, ()):
            source.take(channel, block)

    def missed(self) -> None:
        """Note that announcements may have been missed: open feeds are read again and sent as snapshots."""
        metrics.HUB_RESYNCS.labels("connected").inc()
        for source in self._sources.values():
            source.missed()

    def _mark(self, streams: Iterable[FeedStream]) -> None:
        self._changed_streams.update(streams)
        if self._changed_streams:
            self.has_changes.set()

    # --- Emissions out --------------------------------------------------------------------------------------

    def emit_due(self) -> Tick:
        """Put every changed feed that may send now into the outboxes of its subscribers."""
        self.has_changes.clear()
        pauses: list[float] = []
        received: list[int] = []
        for stream in tuple(self._changed_streams):
            pause = stream.seconds_until_due()
            if pause > 0:
                pauses.append(pause)
            else:
                self._changed_streams.discard(stream)
                if (opened := self._open_feeds.get(stream.feed.key)) is None:
                    self._keep_up(stream)
                elif (emission := self._emit(opened)) is not None and not emission.replaces:
                    received.append(emission.position.received_ns)
        return Tick(min(pauses, default=None), [each for each in received if each > 0])

    def _keep_up(self, stream: FeedStream) -> None:
        """Emit for a stream that is kept without subscribers: clients of another process may come."""
        if (emission := stream.emit()) is not None and not emission.replaces:
            stream.keep(EmissionFrames(emission, self._clock.time_ns(), None))

    def _emit(self, opened: _OpenFeed) -> FeedEmission | None:
        stream = opened.stream
        if stream is None:
            return None
        limit = stream.limit
        before = None if limit is None else stream.snapshot()
        if (emission := stream.emit()) is None:
            return None
        key, subscribers, conflated, others = opened.feed.key, opened.subscribers, 0, 0
        opened.snapshots.clear()
        for emitted in opened.awaiting:
            if not emitted.done():
                emitted.set_result(None)
        self._mark_outboxes(subscribers)
        frames = EmissionFrames(emission, self._clock.time_ns(), before if emission.replaces else None)
        if not emission.replaces:
            stream.keep(frames)
        for outbox in subscribers:
            update = frames[outbox.version]
            if update is None:
                others += 1
                conflated += outbox.snapshot(key)
            elif update:
                most_entries = limit if limit is not None and outbox.version.sends_entries else 0
                conflated += outbox.update(key, update, most_entries)
            else:
                others += 1
        metrics.HUB_ENCODED_BYTES.labels("delta").inc(frames.payload_bytes)
        metrics.WIDGET_CONFLATED.inc(conflated)
        self._fates.put += len(subscribers) - others
        return emission


def _is_greeted(opened: _OpenFeed, outbox: Outbox) -> bool:
    """Whether a subscriber gets what there is. In version 1, lists are sent only from then on."""
    is_list = opened.stream is not None and opened.stream.limit is not None
    return not (outbox.version.sends_entries and is_list)


def _new_epoch() -> int:
    """An epoch that no other stream of any process has.

    Two web processes may open a stream at the same instant, so an instant does not do.
    """
    return secrets.randbits(EPOCH_BITS)
