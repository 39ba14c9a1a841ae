"""Who gets what: feeds, their subscribers, and the emissions that go from the ones to the others."""

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
from widgets.protocol import EmissionTexts, ProtocolVersion, Status

_MS_PER_SECOND: Final = 1_000


class _Line(msgspec.Struct, eq=False):
    """A feed that somebody subscribed to, and by whom; some have no stream, only a greeting."""

    feed: Feed
    source: FeedSource
    stream: FeedStream | None
    subscribers: set[Outbox]


class Switchboard:
    """All feeds of the process within one epoch of the hub: blocks come in, texts go out, nothing waits.

    What a feed is, the source of its kind knows; here is only who subscribed to it. `changed` is set when
    `emit_due` has work, `unread` when a source wants something from the store.
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
        self.changed = asyncio.Event()
        self.unread = asyncio.Event()
        self._clock = clock
        context = FeedContext(
            stored=stored,
            snapshots=snapshots,
            clock=clock,
            epoch=str(clock.time_ns()),
            mark=self._mark,
            wake_reader=self.unread.set,
            status=status,
        )
        self._changed_streams: set[FeedStream] = set()
        self._sources = {kind: source(context) for kind, source in kinds.items()}
        self._hearers: dict[str, list[FeedSource]] = {}
        for source in self._sources.values():
            for channel in source.channels(stored):
                self._hearers.setdefault(channel, []).append(source)
        self._lines: dict[str, _Line] = {}
        for feed, outboxes in (subscribers or {}).items():
            self._open(feed).subscribers = outboxes

    @property
    def sources(self) -> Collection[FeedSource]:
        """The source of each kind."""
        return self._sources.values()

    # --- Subscriptions --------------------------------------------------------------------------------------

    @property
    def subscribers(self) -> Mapping[Feed, set[Outbox]]:
        """Who subscribed to what."""
        return {line.feed: line.subscribers for line in self._lines.values()}

    def join(self, outbox: Outbox, feed: Feed) -> None:
        """Send what a feed begins with as soon as there is data, then what changes. Again: once more."""
        line = self._lines.get(feed.name) or self._open(feed)
        if not line.subscribers:
            self._emit(line)  # nobody held it, so it may lag behind what was offered
        line.subscribers.add(outbox)
        line.source.greet(outbox, feed)

    def leave(self, outbox: Outbox, name: str) -> None:
        """Nothing of a feed that was joined follows."""
        outbox.discard(name)
        if (line := self._lines.get(name)) is None:
            return
        line.subscribers.discard(outbox)
        if line.subscribers:
            return
        del self._lines[name]
        if line.stream is not None:
            self._changed_streams.discard(line.stream)
            line.source.close(line.stream)

    def snapshot(self, name: str, version: ProtocolVersion) -> str | None:
        """The text of a joined feed's newest snapshot; None before its first data."""
        line = self._lines.get(name)
        snapshot = line.stream.snapshot() if line is not None and line.stream is not None else None
        if snapshot is None:
            return None
        text = version.encode_emission(snapshot, self._clock.time_ns())
        metrics.HUB_ENCODED_BYTES.labels("snapshot").inc(len(text))
        return text

    def _open(self, feed: Feed) -> _Line:
        source = self._sources[feed.kind]
        line = self._lines[feed.name] = _Line(feed, source, source.open(feed), set())
        return line

    # --- Blocks in ------------------------------------------------------------------------------------------

    def take(self, channel: str, block: RowBlock) -> None:
        """Hand an announced block to the kinds that hear its channel."""
        for source in self._hearers.get(channel, ()):
            source.take(channel, block)

    def missed(self) -> None:
        """Anything may have been announced unheard: read everything that is shown, and send it whole."""
        metrics.HUB_RESYNCS.labels("connected").inc()
        for source in self._sources.values():
            source.missed()

    def _mark(self, streams: Iterable[FeedStream]) -> None:
        self._changed_streams.update(streams)
        if self._changed_streams:
            self.changed.set()

    # --- Emissions out --------------------------------------------------------------------------------------

    def emit_due(self) -> float | None:
        """Emit every changed feed that may send now; seconds until the next one may, None when none waits."""
        self.changed.clear()
        pauses = []
        for stream in tuple(self._changed_streams):
            pause = stream.seconds_until_due()
            if pause > 0:
                pauses.append(pause)
            else:
                self._changed_streams.discard(stream)
                if (line := self._lines.get(stream.feed.name)) is not None:
                    self._emit(line)
        return min(pauses, default=None)

    def _emit(self, line: _Line) -> None:
        emission = None if line.stream is None else line.stream.emit()
        if emission is None:
            return
        name = line.feed.name
        if emission.replaces:
            for outbox in line.subscribers:
                outbox.snapshot(name)
            return
        now_ns = self._clock.time_ns()
        texts = EmissionTexts(emission, now_ns)
        for outbox in line.subscribers:
            outbox.delta(name, texts[outbox.version])
        metrics.HUB_ENCODED_BYTES.labels("delta").inc(sum(map(len, texts.values())))
        if (age_ms := emission.position.age_ms(now_ns)) is not None:
            metrics.WIDGET_FRAME_AGE_SECONDS.observe(age_ms / _MS_PER_SECOND)
