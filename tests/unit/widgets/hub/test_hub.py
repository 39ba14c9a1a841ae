"""The hub between announcements and outboxes: joining, gaps, reconnection, defects, and the status."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from marketdata.payloads import RowBlock
from marketdata.schema.boards import TOP_GAINERS
from marketdata.store.keys import Keys
from marketdata.transport.queues import shard_of
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.feeds import CATALOG, feed_of
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import waiting_frames
from tests.unit.widgets.fakes import (
    FeedCopy,
    MemoryAnnouncements,
    MemoryListenerRecord,
    MemorySnapshots,
    ReadingClient,
)
from widgets.data_state import DataState
from widgets.hub import Hub, HubTiming
from widgets.hub.feeds import Feed, StoredFeeds
from widgets.hub.feeds.events import stream_parts
from widgets.protocol import VERSION_2

SHARDS = 2
QUICK = HubTiming(
    housekeeping_seconds=0.02,
    read_seconds=0.02,
    retry_seconds=0.02,
    restart_seconds=0.02,
    listener_seconds=0.02,
)
STORED = StoredFeeds(Keys(), SHARDS)
BOARD = feed_of(TOP_GAINERS)
QUOTE = feed_of("quote:AAPL")
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
        self.client = ReadingClient(self.clock)
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

    def read(self) -> None:
        """Take all frames; a frame that does not follow fails the test."""
        while (text := self.client.outbox.take(self.hub.snapshot)) is not None:
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


def quotes(closes: dict[str, float], tick: int, epoch: int = 1) -> RowBlock:
    rows = {symbol: {"close": close} for symbol, close in closes.items()}
    return row_block(rows, names=("close",), tick=tick, epoch=epoch)


@pytest.fixture
async def rig() -> AsyncIterator[HubRig]:
    rig = HubRig()
    yield rig
    await rig.hub.stop()


async def test_a_board_is_read_from_the_store_and_then_followed(rig: HubRig) -> None:
    rig.snapshots.boards[TOP_GAINERS] = quotes({"AAPL": 1.0}, tick=7)
    rig.subscribe(BOARD)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    rig.board(2.0, tick=8)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [2.0]}), 2.0)
    assert rig.copies[TOP_GAINERS].snapshots == 1


async def test_every_subscriber_gets_the_very_same_text(rig: HubRig) -> None:
    other = ReadingClient(rig.clock)
    rig.hub.attach(other.outbox)
    rig.subscribe(BOARD)
    rig.hub.subscribe(other.outbox, BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    while other.outbox.take(rig.hub.snapshot) is not None:
        pass
    rig.board(2.0, tick=2)
    await eventually(lambda: len(other.outbox) == 1, 2.0)
    texts = [outbox.take(rig.hub.snapshot) for outbox in (rig.client.outbox, other.outbox)]
    assert texts[0] is not None
    assert texts[0] is texts[1]


async def test_rows_announced_while_the_store_is_read_are_newer_than_what_it_held(
    rig: HubRig,
) -> None:
    """The race on purpose: the stored whole of tick 5 arrives after the announcement of tick 6."""
    rig.store({"AAPL": 5.0, "MSFT": 5.0}, tick=5)
    rig.snapshots.released.clear()
    rig.subscribe(QUOTE)
    await eventually(lambda: SHARD in rig.snapshots.reads, 2.0)
    rig.rows({"AAPL": 6.0}, tick=6)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [6.0]}), 2.0)
    rig.snapshots.released.set()
    rig.rows({"AAPL": 7.0}, tick=7)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [7.0]}), 2.0)


async def test_a_quote_that_joins_while_the_store_is_read_waits_for_a_read_of_its_own(
    rig: HubRig,
) -> None:
    """Tick 6 came before the second quote was watched, and the read of tick 5 does not contain it."""
    second = next(s for s in ("MSFT", "IBM", "KO", "GE") if shard_of(s, SHARDS) == SHARD)
    rig.store({"AAPL": 5.0, second: 5.0}, tick=5)
    rig.snapshots.released.clear()
    rig.subscribe(QUOTE)
    await eventually(lambda: SHARD in rig.snapshots.reads, 2.0)
    rig.rows({"AAPL": 6.0, second: 6.0}, tick=6)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [6.0]}), 2.0)
    rig.subscribe(feed_of(f"quote:{second}"))
    rig.store({"AAPL": 6.0, second: 6.0}, tick=6)
    rig.snapshots.released.set()
    await eventually(rig.holds(f"quote:{second}", {second: [6.0]}), 2.0)
    assert rig.copies[f"quote:{second}"].seq == 1, "a state from before it was watched went out first"


async def test_many_quotes_of_a_shard_share_one_read(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.attach()
    await eventually(lambda: len(rig.snapshots.reads) >= len(STORED.boards) + len(stream_parts(STORED)), 2.0)
    rig.snapshots.reads.clear()
    symbols = [s for s in map("S{}".format, range(200)) if shard_of(s, SHARDS) == SHARD]
    for symbol in symbols:
        rig.subscribe(feed_of(f"quote:{symbol}"))
    await eventually(rig.holds(f"quote:{symbols[-1]}", {}), 2.0)
    assert rig.snapshots.reads == [SHARD]


async def test_a_gap_in_the_ticks_is_healed_from_the_store(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.subscribe(QUOTE)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0]}), 2.0)
    rig.store({"AAPL": 2.0, "MSFT": 3.0}, tick=3)
    rig.rows({"MSFT": 3.0}, tick=3)  # tick 2, with the change of AAPL, was missed
    await eventually(rig.holds(QUOTE.name, {"AAPL": [2.0]}), 2.0)
    assert rig.copies[QUOTE.name].snapshots == 2


async def test_after_a_reconnection_everything_is_read_again_and_sent_whole(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.snapshots.boards[TOP_GAINERS] = quotes({"AAPL": 1.0}, tick=1)
    for feed in (QUOTE, BOARD):
        rig.subscribe(feed)
        await eventually(rig.holds(feed.name, {"AAPL": [1.0]}), 2.0)
    rig.store({"AAPL": 9.0}, tick=9)
    rig.snapshots.boards[TOP_GAINERS] = quotes({"AAPL": 9.0}, tick=9)
    rig.announcements.reconnect()
    for feed in (QUOTE, BOARD):
        await eventually(rig.holds(feed.name, {"AAPL": [9.0]}), 2.0)
        assert rig.copies[feed.name].snapshots == 2


async def test_a_symbol_that_left_its_shard_leaves_the_feed(rig: HubRig) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    rig.subscribe(QUOTE)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0]}), 2.0)
    rig.store({}, tick=1, epoch=2)
    rig.rows({}, tick=1, epoch=2)
    await eventually(rig.holds(QUOTE.name, {}), 2.0)


async def test_a_quote_is_answered_once_the_store_has_its_shard(rig: HubRig) -> None:
    rig.subscribe(QUOTE)
    await eventually(lambda: SHARD in rig.snapshots.reads, 2.0)
    rig.read()
    assert QUOTE.name not in rig.copies
    rig.store({}, tick=1)
    rig.rows({}, tick=1)
    await eventually(rig.holds(QUOTE.name, {}), 2.0)


async def test_to_subscribe_to_the_status_asks_for_it_at_once_and_to_leave_it_ends_nothing(
    rig: HubRig,
) -> None:
    status = feed_of("status")
    rig.snapshots.away = rig.listener.away = True
    rig.attach()
    await eventually(lambda: rig.data_state() == DataState.CACHE_AWAY, 3.0)
    rig.read()
    seen = len(rig.statuses)
    rig.subscribe(status)
    rig.read()
    assert [sent["state"] for sent in rig.statuses[seen:]] == ["cache_away"]
    rig.hub.unsubscribe(rig.client.outbox, status)
    assert rig.hub.snapshot(status.name, VERSION_2) is None
    seen = len(rig.statuses)
    rig.clock.advance(6.0)

    def one_more_came() -> bool:
        rig.read()
        return len(rig.statuses) > seen

    await eventually(one_more_came, 3.0)


TRADES = feed_of("trades:AAPL")


async def test_a_store_that_answers_again_is_no_failure_where_only_tapes_are_read(
    rig: HubRig,
) -> None:
    rig.subscribe(TRADES)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)
    rig.snapshots.away = True
    rig.rows({"AAPL": 1.0}, tick=1)
    rig.hub.detach(rig.client.outbox)
    rig.hub.attach(rig.client.outbox)
    rig.hub.subscribe(rig.client.outbox, TRADES)
    await eventually(lambda: rig.data_state() == DataState.CACHE_AWAY, 3.0)
    rig.snapshots.away = False
    await eventually(lambda: rig.data_state() != DataState.CACHE_AWAY, 3.0)


async def test_a_store_that_answers_with_foreign_bytes_is_not_away(rig: HubRig) -> None:
    rig.snapshots.away = True
    rig.subscribe(BOARD)
    await eventually(lambda: rig.data_state() == DataState.CACHE_AWAY, 3.0)
    rig.snapshots.unreadable.add(TOP_GAINERS)
    rig.snapshots.away = False
    await eventually(lambda: rig.data_state() != DataState.CACHE_AWAY, 3.0)


async def test_a_defect_is_survived_by_starting_over_with_a_new_epoch(rig: HubRig) -> None:
    rig.subscribe(BOARD)
    rig.board(1.0, tick=1)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [1.0]}), 2.0)
    epoch = rig.copies[TOP_GAINERS].epoch
    rig.announcements.fail(LookupError("a defect"))
    await eventually(lambda: "a defect" in rig.hub.unready().get("hub", ""), 2.0)
    await eventually(lambda: rig.announcements.readers == 2, 5.0)
    assert rig.hub.unready() == {}
    rig.board(2.0, tick=2)
    await eventually(rig.holds(TOP_GAINERS, {"AAPL": [2.0]}), 2.0)
    assert rig.copies[TOP_GAINERS].epoch != epoch


async def test_a_client_that_leaves_gets_nothing_more_and_its_quotes_are_forgotten(
    rig: HubRig,
) -> None:
    rig.store({"AAPL": 1.0}, tick=1)
    for feed in (QUOTE, BOARD):
        rig.subscribe(feed)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0]}), 2.0)
    rig.hub.detach(rig.client.outbox)
    assert waiting_frames(rig.hub) == []
    assert rig.hub.snapshot(QUOTE.name, VERSION_2) is None
    other = ReadingClient(rig.clock)
    rig.hub.attach(other.outbox)
    rig.hub.subscribe(other.outbox, BOARD)
    rig.board(1.0, tick=1)
    await eventually(lambda: rig.hub.snapshot(TOP_GAINERS, VERSION_2) is not None, 2.0)
    assert len(rig.client.outbox) == 0


async def test_a_client_that_stalls_is_given_up(rig: HubRig) -> None:
    class Stalled(ReadingClient):
        def __init__(self, clock: ManualClock) -> None:
            super().__init__(clock)
            self.outbox.stalled_seconds = lambda: 31.0  # type: ignore[method-assign]

    rig.attach()
    stalled = Stalled(rig.clock)
    rig.hub.attach(stalled.outbox)
    await eventually(lambda: stalled.given_up == 1, 3.0)
    assert rig.client.given_up == 0


async def test_a_store_that_is_away_is_reported_and_leaves_the_process_ready(
    rig: HubRig,
) -> None:
    rig.snapshots.away = rig.listener.away = True
    rig.attach()

    def tick() -> None:
        for channel in CATALOG.channels(STORED):
            block = quotes({}, tick=rig.clock.time_ns())
            rig.announcements.announce(
                channel, msgspec.structs.replace(block, received_ns=rig.clock.time_ns())
            )

    def state() -> str:
        tick()
        rig.read()
        return rig.statuses[-1]["state"] if rig.statuses else ""

    await eventually(lambda: state() == "cache_away", 3.0)
    assert rig.hub.unready() == {}
    rig.snapshots.away = rig.listener.away = False
    await eventually(lambda: state() == "live", 5.0)
    rig.clock.advance(6)
    await eventually(lambda: rig.data_state() == "no_listener", 5.0)


async def test_a_listeners_record_of_another_version_counts_as_none(rig: HubRig) -> None:
    rig.listener.record = b'{"version": 99}'
    rig.attach()

    def state() -> str:
        rig.clock.advance(1)
        return rig.data_state()

    await eventually(lambda: state() == "no_listener", 3.0)


HIGHS = feed_of("daily_range_hod_alert")
HIGHS_OF_SHARD = {
    part.shard: channel for channel, part in stream_parts(STORED).items() if part.feed == HIGHS.name
}


def high(price: float, tick: int, epoch: int = 1) -> RowBlock:
    return row_block({"AAPL": {"price": price}}, tick=tick, epoch=epoch, published_ns=1_000 * epoch + tick)


class Alerts:
    """What a correct client makes of a feed of events."""

    def __init__(self, rig: HubRig) -> None:
        self._rig = rig
        self.prices: list[float] = []
        self.snapshots = 0

    def are(self, *prices: float) -> Callable[[], bool]:
        def condition() -> bool:
            self._rig.clock.advance(0.25)
            while (text := self._rig.client.outbox.take(self._rig.hub.snapshot)) is not None:
                self._apply(json.loads(text))
            return self.prices == list(prices)

        return condition

    def _apply(self, frame: dict[str, Any]) -> None:
        if frame.get("feed") == HIGHS.name:
            self.snapshots += frame["type"] == "snapshot"
            before = [] if frame["type"] == "snapshot" else self.prices
            self.prices = [*before, *(row[1] for row in frame["rows"])]


async def test_alerts_of_all_shards_are_read_from_the_store_and_then_followed(rig: HubRig) -> None:
    for shard in range(SHARDS):
        rig.snapshots.streams[shard, "daily_range_high"] = [high(1.0 + shard, tick=1 + shard)]
    rig.subscribe(HIGHS)
    alerts = Alerts(rig)
    await eventually(alerts.are(1.0, 2.0), 2.0)
    rig.announcements.announce(HIGHS_OF_SHARD[0], high(2.0, tick=1))  # known: it was read
    rig.announcements.announce(HIGHS_OF_SHARD[1], high(3.0, tick=9))
    await eventually(alerts.are(1.0, 2.0, 3.0), 2.0)
    assert alerts.snapshots == 1


async def test_alerts_that_were_missed_are_read_when_the_rows_show_a_gap_or_a_new_owner(
    rig: HubRig,
) -> None:
    rig.subscribe(HIGHS)
    alerts = Alerts(rig)
    rig.rows({}, tick=1)
    await eventually(lambda: "daily_range_high:0" in rig.snapshots.reads, 2.0)
    rig.snapshots.streams[SHARD, "daily_range_high"] = [high(5.0, tick=2)]
    rig.rows({}, tick=3)
    await eventually(alerts.are(5.0), 2.0)
    rig.snapshots.streams[SHARD, "daily_range_high"] += [high(6.0, tick=1, epoch=2)]
    rig.rows({}, tick=1, epoch=2)
    await eventually(alerts.are(5.0, 6.0), 2.0)


async def test_alerts_of_ticks_that_nobody_heard_are_read_though_a_quote_has_read_those_ticks(
    rig: HubRig,
) -> None:
    rig.subscribe(HIGHS)
    rig.rows({}, tick=1)
    await eventually(lambda: "daily_range_high:0" in rig.snapshots.reads, 2.0)
    rig.store({"AAPL": 3.0}, tick=3)
    rig.subscribe(QUOTE)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [3.0]}), 2.0)
    rig.snapshots.streams[SHARD, "daily_range_high"] = [high(5.0, tick=2)]
    alerts = Alerts(rig)
    rig.rows({}, tick=4)
    await eventually(alerts.are(5.0), 2.0)


async def test_a_tape_is_read_after_a_gap_though_a_quote_has_read_the_missed_ticks(
    rig: HubRig,
) -> None:
    rig.subscribe(TRADES)
    rig.rows({}, tick=1)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)
    rig.store({"AAPL": 3.0}, tick=3)
    rig.subscribe(QUOTE)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [3.0]}), 2.0)
    rig.snapshots.reads.clear()
    rig.rows({}, tick=4)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)


async def test_a_store_that_lost_its_alerts_takes_none_away(rig: HubRig) -> None:
    rig.snapshots.streams[0, "daily_range_high"] = [high(1.0, tick=1)]
    rig.subscribe(HIGHS)
    alerts = Alerts(rig)
    await eventually(alerts.are(1.0), 2.0)
    rig.snapshots.streams.clear()
    rig.announcements.reconnect()
    rig.announcements.announce(HIGHS_OF_SHARD[0], high(2.0, tick=1, epoch=2))
    await eventually(alerts.are(1.0, 2.0), 2.0)


async def test_alerts_of_one_shard_that_cannot_be_read_do_not_hold_up_those_of_others(
    rig: HubRig,
) -> None:
    rig.snapshots.unreadable.add("daily_range_high")
    rig.subscribe(HIGHS)
    alerts = Alerts(rig)
    rig.announcements.announce(HIGHS_OF_SHARD[1], high(1.0, tick=1))
    await eventually(alerts.are(1.0), 2.0)


async def test_two_feeds_of_one_symbol_show_their_own_parts_of_its_row(rig: HubRig) -> None:
    rows = {"AAPL": {"close": 1.0, "day_high": 2.0, "bid_price": 0.5}}
    rig.snapshots.shards[SHARD] = row_block(rows, tick=1)
    day_range = feed_of("daily_range:AAPL")
    for feed in (QUOTE, day_range):
        rig.subscribe(feed)
    await eventually(rig.holds(QUOTE.name, {"AAPL": [1.0, 2.0, 0.5]}), 2.0)
    await eventually(rig.holds(day_range.name, {"AAPL": [1.0, 2.0]}), 2.0)
    rig.hub.unsubscribe(rig.client.outbox, QUOTE)
    changed = {"AAPL": {"close": 3.0, "day_high": 3.0, "bid_price": 0.5}}
    rig.announcements.announce(ROWS, row_block(changed, tick=2))
    await eventually(rig.holds(day_range.name, {"AAPL": [3.0, 3.0]}), 2.0)
    assert rig.hub.snapshot(QUOTE.name, VERSION_2) is None


async def test_the_tape_of_a_watched_symbol_is_read_again_whenever_its_row_changed(
    rig: HubRig,
) -> None:
    trades = feed_of("trades:AAPL")
    rig.subscribe(trades)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)
    rig.snapshots.reads.clear()
    rig.rows({"MSFT": 1.0}, tick=1)
    rig.rows({"AAPL": 1.0}, tick=2)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)
    rig.hub.unsubscribe(rig.client.outbox, trades)
    assert rig.hub.snapshot(trades.name, VERSION_2) is None
