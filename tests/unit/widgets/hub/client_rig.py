"""A market, web processes that follow it, and clients of both versions, all moved step by step.

Nothing waits: a process hears what the market announces at once or not at all, and acts when it is told to.
"""

import json
from typing import Any, Final

import numpy as np

from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_GAINERS
from marketdata.tapes import StoredTape, records_of
from marketdata.transport.queues import shard_of
from tests.support.builders import row_block
from tests.support.feeds import CATALOG
from tests.support.manual_clock import ManualClock
from tests.support.reference_client import FeedCopy
from tests.support.version_1_client import IDENTITY, PayloadCopy
from tests.unit.widgets.fakes import MemorySink, MemorySnapshots, ReadingClient
from tests.unit.widgets.hub.hub_rig import ROWS, SHARD, SHARDS, STORED, TRADES
from widgets.consumers.version_1_feeds import feed_of_version_1
from widgets.hub.feeds import Feed
from widgets.hub.installation_watch import InstallationWatch
from widgets.hub.outbox import Outboxes
from widgets.hub.switchboard import Switchboard
from widgets.protocol import VERSION_1, VERSION_2, LastPosition, ProtocolVersion
from widgets.protocol.v1 import cache_frame

HIGHS: Final = "daily_range_hod_alert"
_STREAM: Final = "daily_range_high"
_ALERTS: Final = STORED.keys.stream(SHARD, _STREAM)
_NAMES: Final = ("AAPL", *(f"S{number}" for number in range(20)))
SYMBOLS: Final = tuple(name for name in _NAMES if shard_of(name, SHARDS) == SHARD)
FEEDS: Final = (TOP_GAINERS, "quote:AAPL", HIGHS, TRADES.name, "quote:*")
DAY_MS: Final = 1_800_000_000_000
STEP_SECONDS: Final = 1.0
"""Longer than the pause of the slowest feed, so that each step may send."""


class Market:
    """Stores and announces boards, rows, alerts and trades, each entry of a list with a time of its own."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.snapshots = MemorySnapshots()
        self.processes = [Process(self), Process(self)]
        self._epoch, self._tick, self._board_tick, self._count = 1, 0, 0, 0
        self.rows: dict[str, dict[str, float]] = {}
        self.trades: list[tuple[int, int]] = []  # milliseconds of the day, sequence number
        self.alerts: list[tuple[str, float]] = []
        self.snapshots.shards = {shard: row_block({}, names=("close",)) for shard in range(SHARDS)}
        self.board([])
        self.tick([], alerts=0, trades=0)

    def board(self, symbols: list[str]) -> None:
        """Rank these symbols."""
        self._board_tick += 1
        rows = {symbol: {"close": self._next()} for symbol in symbols}
        block = row_block(rows, names=("close",), epoch=self._epoch, tick=self._board_tick, **self._times())
        self.snapshots.boards[TOP_GAINERS] = block
        self._announce((TOP_GAINERS, block))

    def tick(self, symbols: list[str], *, alerts: int, trades: int, late: bool = False) -> None:
        """One tick of the shard: changed rows, and new alerts and trades of its first symbols."""
        self._tick += 1
        stamp: dict[str, Any] = {"epoch": self._epoch, "tick": self._tick, **self._times()}
        changed = {symbol: {"close": self._next()} for symbol in symbols}
        if trades:
            changed.setdefault("AAPL", {"close": self._next()})
            self._trade(trades, late=late)
        self.rows |= changed
        self.snapshots.shards[SHARD] = row_block(self.rows, names=("close",), **stamp)
        news = [(ROWS, row_block(changed, names=("close",), **stamp))]
        if alerts:
            events = {f"A{n}": {"price": self._next(), "start_timestamp": self._count} for n in range(alerts)}
            self.alerts += [(symbol, event["price"]) for symbol, event in events.items()]
            block = row_block(events, **stamp)
            self.snapshots.streams.setdefault((SHARD, _STREAM), []).append(block)
            news.insert(0, (_ALERTS, block))
        self._announce(*news)

    def truth(self, name: str) -> Any:
        """What a client of a feed must hold at last, as `Client2.holds`."""
        if name == TRADES.name:
            return {("AAPL", number) for _, number in self.trades}
        if name == HIGHS:
            return set(self.alerts)
        if name == TOP_GAINERS:
            block = self.snapshots.boards[TOP_GAINERS]
            return list(zip(block.symbols, block.columns["close"].tolist(), strict=True))
        symbols = self.rows if name == "quote:*" else self.rows.keys() & {"AAPL"}
        return {symbol: self.rows[symbol]["close"] for symbol in symbols}

    def new_producer(self) -> None:
        """Go on as another process of the producer: its epoch and its ticks begin anew."""
        self._epoch, self._tick, self._board_tick = self._epoch + 1, 0, 0

    def _trade(self, trades: int, *, late: bool) -> None:
        for _ in range(trades):
            self._count += 1
            self.trades.append((1 if late else self._count, self._count))
        offsets_ms, numbers = (np.array(values, dtype=np.int64) for values in zip(*self.trades, strict=True))
        count = len(numbers)
        ring = records_of(
            DAY_MS + offsets_ms, numbers, np.full(count, 10.0), np.full(count, 100.0), np.zeros(count),
            day_start_ms=DAY_MS,
        )  # fmt: skip
        self.snapshots.tapes_by_symbol["AAPL"] = StoredTape(DAY_MS, ring)

    def _next(self) -> float:
        self._count += 1
        return float(self._count)

    def _times(self) -> dict[str, Any]:
        now_ns = self.clock.time_ns()
        return {"published_ns": now_ns, "received_ns": now_ns}

    def _announce(self, *news: tuple[str, RowBlock]) -> None:
        for process in self.processes:
            for channel, block in news:
                process.hear(channel, block)


class Process:
    """The hub of one web process without its tasks: `step` does what they would do."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._is_cut_off = False
        self._outboxes = Outboxes(self._render, market.clock, lambda: None)
        self.switchboard = Switchboard(
            CATALOG.kinds,
            stored=STORED,
            snapshots=market.snapshots,
            clock=market.clock,
            status=lambda: None,
            mark=self._outboxes.mark,
            installation=InstallationWatch(None),
            fates=self._outboxes.fates,
        )
        self.switchboard.missed()

    def _render(self, feed: str, version: Any) -> Any:
        return self.switchboard.snapshot(feed, version)

    def hear(self, channel: str, block: RowBlock) -> None:
        """Take an announcement, unless the process is cut off from the cache."""
        if not self._is_cut_off:
            self.switchboard.take(channel, block)

    def cut_off(self) -> None:
        """Hear nothing from now on."""
        self._is_cut_off = True

    def connect_again(self) -> None:
        """Hear again, and know that something may have been missed."""
        if self._is_cut_off:
            self._is_cut_off = False
            self.switchboard.missed()

    async def step(self) -> None:
        """Read what is wanted, emit what is due, and walk over the outboxes."""
        self._market.clock.advance(STEP_SECONDS)
        if not self._is_cut_off:
            for source in self.switchboard.sources:
                for keys in source.take_wanted():
                    await source.restore(keys)
        self.switchboard.emit_due()
        await self._outboxes.walk()

    def subscribe(self, client: ReadingClient, feed: Feed, last: LastPosition | None) -> None:
        """Serve a client with a feed."""
        self._outboxes.add(client.outbox)
        self.switchboard.join(client.outbox, feed, last)
        self._outboxes.flush(client.outbox)

    def detach(self, client: ReadingClient, feed: Feed) -> None:
        """Serve a client no longer."""
        self._outboxes.remove(client.outbox)
        self.switchboard.leave(client.outbox, feed.key)


class Client:
    """A client with one feed, which connects, reads, leaves and connects again."""

    def __init__(self, feed: Feed, version: ProtocolVersion) -> None:
        self.feed = feed
        self.process: Process | None = None
        self._version = version
        self._reading = ReadingClient(version)

    @property
    def sink(self) -> MemorySink:
        """The sink of the present connection."""
        return self._reading.sink

    def connect(self, process: Process, last: LastPosition | None = None) -> None:
        """Connect to a process, and leave the one before."""
        self.leave()
        self.process, self._reading = process, ReadingClient(self._version)
        process.subscribe(self._reading, self.feed, last)

    def leave(self) -> None:
        """Lose the connection and what was not read."""
        if self.process is not None:
            self.process.detach(self._reading, self.feed)
            self.process = None


class Client2(Client):
    """A client of version 2. It resumes where it was, also on another process."""

    def __init__(self, name: str) -> None:
        super().__init__(CATALOG.chosen(name, ["close"] if name == "quote:*" else None), VERSION_2)
        self.copy = FeedCopy()

    def come_back(self, process: Process) -> None:
        """Connect, and resume."""
        self.connect(process, LastPosition(self.copy.epoch, self.copy.seq) if self.copy.frames else None)

    async def read(self) -> None:
        """Take all frames. One that does not follow fails the test."""
        for text in self.sink.read():
            self.copy.apply(text)

    def holds(self) -> Any:
        """What it holds: rows in order, or of a list the entries."""
        if self.feed.name == TRADES.name:
            return {(row[0], row[4]) for row in self.copy.table}
        if self.feed.name == HIGHS:
            return {(row[0], row[1]) for row in self.copy.table}
        index = 1 + self.copy.columns.index("close") if "close" in self.copy.columns else 0
        pairs = [(row[0], row[index]) for row in self.copy.table]
        return pairs if self.feed.name == TOP_GAINERS else dict(pairs)


class Client1(Client):
    """A client of version 1. After it has subscribed to a list, it gets the entries before."""

    def __init__(self, name: str) -> None:
        super().__init__(feed_of_version_1(CATALOG, name), VERSION_1)
        self.copy = PayloadCopy(name)
        self._has_got = False

    def come_back(self, process: Process) -> None:
        """Connect, and subscribe anew."""
        self.connect(process)
        self.copy.begin_anew()
        self._has_got = self.feed.name not in IDENTITY

    async def read(self) -> None:
        """Take all frames. An entry that comes twice fails the test."""
        for text in self.sink.read():
            self.copy.apply(json.loads(text))
        if not self._has_got and self.process is not None:
            state = await self.process.switchboard.fetch(self.feed, 0)
            got = json.loads(cache_frame(self.feed.name, state, 500).payload)["data"]
            self.copy.add(got or ())
            self._has_got = got is not None

    def holds(self) -> Any:
        """What it holds, as the client of version 2."""
        copy = self.copy
        if self.feed.name == TRADES.name:
            return {(entry["symbol"], entry["trade_sequence_number"]) for entry in copy.entries.values()}
        if self.feed.name == HIGHS:
            return {(entry["symbol"], entry["price"]) for entry in copy.entries.values()}
        if self.feed.name == TOP_GAINERS:
            return [(row["symbol"], row["close"]) for row in copy.board]
        return {symbol: row["close"] for symbol, row in copy.rows.items() if row.get("close") is not None}
