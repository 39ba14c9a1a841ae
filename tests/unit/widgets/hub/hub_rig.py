"""A hub over fakes, for tests: its announcements, its stored data, and one client."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from marketdata.transport.queues import shard_of
from tests.support.builders import row_block
from tests.support.feeds import CATALOG, feed_of
from tests.support.manual_clock import ManualClock
from tests.support.reference_client import FRAMES_OF_FEEDS, FeedCopy
from tests.unit.widgets.fakes import (
    MemoryAnnouncements,
    MemoryListenerRecord,
    MemorySnapshots,
    ReadingClient,
)
from widgets.hub import Hub, HubTiming
from widgets.hub.feeds import Feed, StoredFeeds
from widgets.protocol import LastPosition

SHARDS = 2
QUICK = HubTiming(
    housekeeping_seconds=0.02,
    read_seconds=0.02,
    retry_seconds=0.02,
    restart_seconds=0.02,
    listener_seconds=0.02,
    store_seconds=0.1,
)
STORED = StoredFeeds(Keys(), SHARDS)
BOARD = feed_of(TOP_GAINERS)
QUOTE = feed_of("quote:AAPL")
TRADES = feed_of("trades:AAPL")
SHARD = shard_of("AAPL", SHARDS)
ROWS = STORED.rows_channel("AAPL")


class HubRig:
    """A hub, its announcements and stored data, and one client that reads when the test calls `read`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.announcements = MemoryAnnouncements()
        self.snapshots = MemorySnapshots()
        self.listener = MemoryListenerRecord()
        self.hub = Hub(
            announcements=self.announcements,
            snapshots=self.snapshots,
            listener=self.listener,
            stored=STORED,
            catalog=CATALOG,
            clock=self.clock,
            timing=QUICK,
        )
        self.client = ReadingClient()
        self.copies: dict[str, FeedCopy] = {}
        self.statuses: list[dict[str, Any]] = []
        self._attached = False

    def attach(self) -> None:
        """Connect the client, which starts the hub."""
        if not self._attached:
            self._attached = True
            self.hub.attach(self.client.outbox)

    def subscribe(self, feed: Feed) -> None:
        """Subscribe the client to a feed."""
        self.attach()
        self.hub.subscribe(self.client.outbox, feed)
        self.hub.flush(self.client.outbox)

    def read(self) -> None:
        """Take all frames; a frame that does not follow fails the test."""
        for text in self.client.sink.read():
            frame = json.loads(text)
            if frame["type"] == "status":
                self.statuses.append(frame)
            else:
                self.copies.setdefault(frame["feed"], FeedCopy()).apply(text)

    def data_state(self) -> str:
        """The state that `/readyz` would report; empty before it is known."""
        status = self.hub.data_status()
        return status.state if status else ""

    def holds(self, feed: str, rows: dict[str, list[Any]]) -> Callable[[], bool]:
        """A condition: the client, reading on, holds exactly these rows."""

        def condition() -> bool:
            self.clock.advance(0.25)
            self.read()
            return feed in self.copies and self.copies[feed].rows == rows

        return condition

    def board(self, close: float, tick: int, epoch: int = 1) -> None:
        self.announcements.announce(TOP_GAINERS, quotes({"AAPL": close}, tick, epoch))

    def rows(self, closes: dict[str, float], tick: int, epoch: int = 1) -> None:
        self.announcements.announce(ROWS, quotes(closes, tick, epoch))

    def store(self, closes: dict[str, float], tick: int, epoch: int = 1) -> None:
        self.snapshots.shards[SHARD] = quotes(closes, tick, epoch)


class Reader:
    """One more client of the hub of a rig, with one subscription; it reads when the test calls `read`."""

    def __init__(self, rig: HubRig, feed: Feed, last: LastPosition | None = None) -> None:
        self._hub = rig.hub
        self.feed = feed
        self.client = ReadingClient()
        self.copies = defaultdict[str, FeedCopy](FeedCopy)
        self.texts: list[str] = []
        self._hub.attach(self.client.outbox)
        self._hub.subscribe(self.client.outbox, feed, last)

    def read(self) -> Mapping[str, FeedCopy]:
        """Take all frames. Returns what the client holds of each feed."""
        self._hub.flush(self.client.outbox)
        for text in self.client.sink.read():
            frame = json.loads(text)
            if frame["type"] in FRAMES_OF_FEEDS:
                self.texts.append(text)
                self.copies[frame["feed"]].apply(text)
        return self.copies

    def has_read(self, frames: int) -> Callable[[], bool]:
        """A condition: the client, reading on, has had so many frames of its feed."""
        return lambda: self.read()[self.feed.name].frames == frames

    def come_back(self, rig: HubRig) -> "Reader":
        """Lose the connection and what was not read, and resume after the last applied frame."""
        copy = self.copies[self.feed.name]
        self._hub.detach(self.client.outbox)
        again = Reader(rig, self.feed, LastPosition(copy.epoch, copy.seq))
        again.copies[self.feed.name] = copy
        return again


def quotes(closes: dict[str, float], tick: int, epoch: int = 1) -> RowBlock:
    rows = {symbol: {"close": close} for symbol, close in closes.items()}
    return row_block(rows, names=("close",), tick=tick, epoch=epoch)
