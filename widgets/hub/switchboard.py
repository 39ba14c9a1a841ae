"""Connects feeds with their subscribers, and puts the emissions of a feed into their outboxes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec

from marketdata.clock import Clock
from marketdata.observability import metrics
from marketdata.payloads import RowBlock
from marketdata.store.snapshots import SnapshotReader
from marketdata.units import MS_PER_SECOND
from widgets.hub.feeds import Feed, FeedContext, FeedSource, FeedStream, StoredFeeds
from widgets.outbox import Outbox
from widgets.protocol import EmissionTexts, LastPosition, ProtocolVersion, Resumed, Status

MOST_CHOICES: Final = 64
"""How many choices of columns and rate a process serves. Each is compared and encoded on its own."""


class TooManyChoicesError(ValueError):
    """A process has its greatest number of choices. The message says what is accepted."""


class _OpenFeed(msgspec.Struct, eq=False):
    """A feed with subscribers. `stream` is None for a feed that only greets its subscribers."""

    feed: Feed
    source: FeedSource
    stream: FeedStream | None
    subscribers: set[Outbox]


class Switchboard:
    """All feeds of the process within one epoch of the hub. It takes blocks and emits texts; nothing waits.

    The sources know the feeds of their kind. The switchboard knows only the subscribers of each feed. Two
    events wake the hub's tasks: `has_changes` is set when `emit_due` has work, `read_requested` when a source
    wants keys from the store. They are events, not calls, because many changes of a tick need one emission,
    and because reading waits.
    """

    def __init__(
        self,
        kinds: Mapping[str, type[FeedSource]],
        *,
        stored: StoredFeeds,
        snapshots: SnapshotReader,
        clock: Clock,
        status: Callable[[], Status | None],
        subscribers: Mapping[Feed, set[Outbox]] | None = None,
    ) -> None:
        self.has_changes = asyncio.Event()
        self.read_requested = asyncio.Event()
        self._clock = clock
        self._newest_epoch = 0
        context = FeedContext(
            stored=stored,
            snapshots=snapshots,
            clock=clock,
            new_epoch=self._new_epoch,
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
        self._open_feeds: dict[str, _OpenFeed] = {}  # by key
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
        return {opened.feed: opened.subscribers for opened in self._open_feeds.values()}

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
        if last is None or not self._resume(opened, outbox, last):
            opened.source.greet(outbox, feed)

    def _resume(self, opened: _OpenFeed, outbox: Outbox, last: LastPosition) -> bool:
        """Send the emissions after a client's position. Returns False if it needs a snapshot."""
        stream = opened.stream
        missed = None if stream is None else stream.since(last.epoch, last.seq)
        snapshot = None if stream is None else stream.snapshot()
        if missed is None or snapshot is None:
            return False
        version, at = outbox.version, snapshot.position
        resumed = Resumed(at.feed, at.epoch, at.seq, at.age_ms(self._clock.time_ns()), snapshot.hz)
        texts = [*(each[version] for each in missed), version.encode_answer(resumed)]
        outbox.resume(opened.feed.key, texts)
        return True

    def leave(self, outbox: Outbox, key: str) -> None:
        """Remove a subscriber. No frame of the feed follows."""
        outbox.discard(key)
        if (opened := self._open_feeds.get(key)) is None:
            return
        opened.subscribers.discard(outbox)
        if opened.subscribers:
            return
        del self._open_feeds[key]
        if choice := opened.feed.choice:
            self._choices[choice] -= 1
            if not self._choices[choice]:
                del self._choices[choice]
        if opened.stream is not None:
            self._changed_streams.discard(opened.stream)
            opened.source.close(opened.stream)

    def snapshot(self, key: str, version: ProtocolVersion) -> str | None:
        """The text of the newest snapshot of an open feed; None before its first data."""
        opened = self._open_feeds.get(key)
        snapshot = opened.stream.snapshot() if opened is not None and opened.stream is not None else None
        if snapshot is None:
            return None
        text = version.encode_emission(snapshot, self._clock.time_ns())
        metrics.HUB_ENCODED_BYTES.labels("snapshot").inc(len(text))
        return text

    def _open(self, feed: Feed) -> _OpenFeed:
        if feed.choice and feed.choice not in self._choices and len(self._choices) >= MOST_CHOICES:
            raise TooManyChoicesError(
                f"this process already serves {MOST_CHOICES} choices of columns and rate; "
                "accepted are the usual columns and rate, and the choices that others have made"
            )
        source = self._sources[feed.kind]
        opened = self._open_feeds[feed.key] = _OpenFeed(feed, source, source.open(feed), set())
        if feed.choice:
            self._choices[feed.choice] += 1
        return opened

    def _new_epoch(self) -> int:
        self._newest_epoch = max(self._newest_epoch + 1, self._clock.time_ns())
        return self._newest_epoch

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

    def emit_due(self) -> float | None:
        """Emit every changed feed that may send now.

        Returns the seconds until the next changed feed may send, or None if no feed waits.
        """
        self.has_changes.clear()
        pauses = []
        for stream in tuple(self._changed_streams):
            pause = stream.seconds_until_due()
            if pause > 0:
                pauses.append(pause)
            else:
                self._changed_streams.discard(stream)
                if (opened := self._open_feeds.get(stream.feed.key)) is not None:
                    self._emit(opened)
        return min(pauses, default=None)

    def _emit(self, opened: _OpenFeed) -> None:
        if opened.stream is None or (emission := opened.stream.emit()) is None:
            return
        key = opened.feed.key
        if emission.replaces:
            for outbox in opened.subscribers:
                outbox.snapshot(key)
            return
        now_ns = self._clock.time_ns()
        texts = EmissionTexts(emission, now_ns)
        opened.stream.keep(texts)
        for outbox in opened.subscribers:
            outbox.delta(key, texts[outbox.version])
        metrics.HUB_ENCODED_BYTES.labels("delta").inc(sum(map(len, texts.values())))
        if (age_ms := emission.position.age_ms(now_ns)) is not None:
            metrics.WIDGET_FRAME_AGE_SECONDS.observe(age_ms / MS_PER_SECOND)
