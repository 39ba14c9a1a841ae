"""Connects feeds with their subscribers, and puts the emissions of a feed into their outboxes."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from marketdata.store.snapshots import SnapshotReader
from widgets.hub.feeds import Feed, FeedContext, FeedSource, FeedStream, StoredFeeds
from widgets.outbox import Outbox
from widgets.protocol import EmissionTexts, FeedEmission, ProtocolVersion, Status
from widgets.wire import Frame

SNAPSHOT_SECONDS: Final = 0.25
"""How long connections share the frame of a snapshot. It bounds the error of `age_ms` in the frame."""


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
    (monotonic seconds).
    """

    feed: Feed
    source: FeedSource
    stream: FeedStream | None
    subscribers: set[Outbox]
    snapshots: dict[ProtocolVersion, tuple[Frame, float]] = msgspec.field(default_factory=dict)


class Switchboard:
    """All feeds of the process within one epoch of the hub. It takes blocks and emits frames; nothing waits.

    The sources know the feeds of their kind. The switchboard knows only the subscribers of each feed. Two
    events wake the hub's tasks: `has_changes` is set when `emit_due` has work, `read_requested` when a source
    wants keys from the store. They are events, not calls, because many changes of a tick need one emission,
    and because reading waits. `mark` gets the outboxes into which something was put.
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
        subscribers: Mapping[Feed, set[Outbox]] | None = None,
    ) -> None:
        self.has_changes = asyncio.Event()
        self.read_requested = asyncio.Event()
        self._clock = clock
        self._mark_outboxes = mark
        context = FeedContext(
            stored=stored,
            snapshots=snapshots,
            clock=clock,
            epoch=str(clock.time_ns()),
            mark=self._mark,
            wake_reader=self.read_requested.set,
            status=status,
        )
        self._changed_streams: set[FeedStream] = set()
        self._sources = {kind: source(context) for kind, source in kinds.items()}
        self._sources_of_channel: dict[str, list[FeedSource]] = {}
        for source in self._sources.values():
            for channel in source.channels(stored):
                self._sources_of_channel.setdefault(channel, []).append(source)
        self._open_feeds: dict[str, _OpenFeed] = {}
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
        return {opened.feed: opened.subscribers for opened in self._open_feeds.values()}

    def join(self, outbox: Outbox, feed: Feed) -> None:
        """Add a subscriber: it is greeted, mostly with a snapshot, and then receives changes.

        A repeated call greets the subscriber again.
        """
        opened = self._open_feeds.get(feed.name) or self._open(feed)
        if not opened.subscribers:
            self._emit(opened)  # without subscribers it did not emit, so its snapshot may be old
        opened.subscribers.add(outbox)
        opened.source.greet(outbox, feed)

    def leave(self, outbox: Outbox, name: str) -> None:
        """Remove a subscriber. No frame of the feed follows."""
        outbox.discard(name)
        if (opened := self._open_feeds.get(name)) is None:
            return
        opened.subscribers.discard(outbox)
        if opened.subscribers:
            return
        del self._open_feeds[name]
        if opened.stream is not None:
            self._changed_streams.discard(opened.stream)
            opened.source.close(opened.stream)

    def snapshot(self, name: str, version: ProtocolVersion) -> Frame | None:
        """The frame of the newest snapshot of an open feed; None before its first data.

        All who ask within `SNAPSHOT_SECONDS`, until the next emission, get the same frame.
        """
        if (opened := self._open_feeds.get(name)) is None or opened.stream is None:
            return None
        now = self._clock.monotonic()
        frame, shared_until = opened.snapshots.get(version, (None, 0.0))
        if frame is not None and now < shared_until:
            return frame
        if (snapshot := opened.stream.snapshot()) is None:
            return None
        frame = Frame(version.encode_emission(snapshot, self._clock.time_ns()))
        opened.snapshots[version] = (frame, now + SNAPSHOT_SECONDS)
        metrics.HUB_ENCODED_BYTES.labels("snapshot").inc(len(frame.payload))
        return frame

    def _open(self, feed: Feed) -> _OpenFeed:
        source = self._sources[feed.kind]
        opened = self._open_feeds[feed.name] = _OpenFeed(feed, source, source.open(feed), set())
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
                if (opened := self._open_feeds.get(stream.feed.name)) is not None:
                    emission = self._emit(opened)
                    if emission is not None and not emission.replaces and emission.position.received_ns > 0:
                        received.append(emission.position.received_ns)
        return Tick(min(pauses, default=None), received)

    def _emit(self, opened: _OpenFeed) -> FeedEmission | None:
        emission = None if opened.stream is None else opened.stream.emit()
        if emission is None:
            return None
        name, subscribers, conflated = opened.feed.name, opened.subscribers, 0
        opened.snapshots.clear()
        self._mark_outboxes(subscribers)
        if emission.replaces:
            for outbox in subscribers:
                conflated += outbox.snapshot(name)
        else:
            texts = EmissionTexts(emission, self._clock.time_ns())
            updates: dict[ProtocolVersion, tuple[Frame, ...]] = {}
            for outbox in subscribers:
                update = updates.get(outbox.version)
                if update is None:
                    update = updates[outbox.version] = (Frame(texts[outbox.version]),)
                conflated += outbox.update(name, update)
            metrics.HUB_ENCODED_BYTES.labels("delta").inc(sum(map(len, texts.values())))
        metrics.WIDGET_CONFLATED.inc(conflated)
        return emission
