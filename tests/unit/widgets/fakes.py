"""Stand-ins for what the hub is given: announcements and a store, moved by hand, and correct clients."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.listener.wanted import ListenerActual, encode
from marketdata.payloads import RowBlock
from marketdata.store.announcements import Announcement, MissedAnnouncements, News, NewsBatch
from marketdata.store.keys import STREAM_BLOCKS
from marketdata.store.snapshots import SnapshotReader
from marketdata.tapes import StoredTape
from tests.support.manual_clock import ManualClock
from widgets.hub.outbox import Outbox
from widgets.protocol import VERSION_2, FeedEmission, ProtocolVersion
from widgets.wire import PreparedFrame


class MemoryAnnouncements:
    """Announcements by hand, with the promises of `AnnouncementReader`: first `MissedAnnouncements`."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[News | BaseException] = asyncio.Queue()
        self.readers = 0

    def announce(self, channel: str, block: RowBlock) -> None:
        self._news.put_nowait(Announcement(channel, block))

    def reconnect(self) -> None:
        self._news.put_nowait(MissedAnnouncements())

    def fail(self, error: BaseException) -> None:
        """Make the reader raise what it never should."""
        self._news.put_nowait(error)

    async def batches(self) -> AsyncIterator[NewsBatch]:
        self.readers += 1
        yield NewsBatch((MissedAnnouncements(),))
        while True:
            await asyncio.sleep(0)  # other tasks have a turn between the batches
            news = await self._news.get()
            if isinstance(news, BaseException):
                raise news
            yield NewsBatch((news,), more_wait=not self._news.empty())


class MemorySnapshots(SnapshotReader):
    """The stored wholes, in memory: what the hub reads of them.

    While `released` is not set, a shard that was read is on its way and does not arrive.
    """

    def __init__(self) -> None:
        self.shards: dict[int, RowBlock] = {}
        self.boards: dict[str, RowBlock] = {}
        self.streams: dict[tuple[int, str], list[RowBlock]] = {}
        self.tapes_by_symbol: dict[str, StoredTape] = {}
        self.unreadable: set[str] = set()
        self.reads: list[int | str] = []
        self.away = False
        self.released = asyncio.Event()
        self.released.set()

    async def rows(self, shard: int) -> RowBlock | None:
        block = self.shards.get(shard)
        self._answer(shard)
        await self.released.wait()
        return block

    async def board(self, feed: str) -> RowBlock | None:
        self._answer(feed)
        if feed in self.unreadable:
            raise ContentError("row_block", "foreign bytes")
        return self.boards.get(feed)

    async def stream(self, shard: int, name: str, newest: int = STREAM_BLOCKS) -> Sequence[RowBlock]:
        self._answer(f"{name}:{shard}")
        if name in self.unreadable:
            raise ContentError("row_block", "foreign bytes")
        return self.streams.get((shard, name), [])[-newest:]

    async def tapes(self, symbols: Sequence[str]) -> Sequence[StoredTape | None]:
        for symbol in symbols:
            self._answer(f"tape:{symbol}")
        return [self.tapes_by_symbol.get(symbol) for symbol in symbols]

    def _answer(self, what: int | str) -> None:
        self.reads.append(what)
        if self.away:
            raise StoreUnavailable("ConnectionError: refused")


class MemoryListenerRecord:
    """The listener's record, with the promises of `ServiceRecords.actual`."""

    def __init__(self) -> None:
        self.record: ListenerActual | bytes | None = None
        self.away = False
        self.hangs = False

    async def actual(self) -> bytes | None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailable("ConnectionError: refused")
        return encode(self.record) if isinstance(self.record, ListenerActual) else self.record


def text_of(emission: FeedEmission | None, clock: ManualClock | None = None) -> str | None:
    """What a client of version 2 is sent now for an emission."""
    now_ns = (clock or ManualClock()).time_ns()
    return None if emission is None else VERSION_2.encode_emission(emission, now_ns)


class MemorySink:
    """A connection that takes frames while `writable`, as `FrameSink` promises; `texts` is what it took."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.frames: list[PreparedFrame] = []
        self.writes = 0
        self.is_aborted = False
        self._writable = True
        self._callbacks: list[Callable[[], None]] = []

    @property
    def writable(self) -> bool:
        return self._writable and not self.is_aborted

    def write(self, frames: Sequence[PreparedFrame]) -> None:
        assert self.writable, "written while the client does not keep up"
        assert frames, "a write without frames"
        self.writes += 1
        self.frames += frames
        self.texts += [str(frame.payload) for frame in frames]

    def when_writable(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def abort(self) -> None:
        self.is_aborted = True

    def pause(self) -> None:
        """Take no frames, as a client that does not read."""
        self._writable = False

    def resume(self) -> None:
        """Take frames again."""
        self._writable = True
        for callback in self._callbacks:
            callback()

    def read(self) -> list[str]:
        """Remove and return the texts that were taken."""
        texts, self.texts = self.texts, []
        return texts


class ReadingClient:
    """An outbox with a sink in memory."""

    def __init__(self, version: ProtocolVersion = VERSION_2) -> None:
        self.given_up = 0
        self.sink = MemorySink()
        self.outbox = Outbox(self.sink, version, self._give_up)

    def _give_up(self) -> None:
        self.given_up += 1
