"""The hub with feeds of several kinds: alerts, tapes and parts of one row after gaps and reconnections."""

import json
from collections.abc import Callable
from typing import Any

from marketdata.payloads import RowBlock
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.feeds import feed_of
from tests.unit.widgets.hub.hub_rig import QUOTE, ROWS, SHARD, SHARDS, STORED, TRADES, HubRig
from widgets.hub.feeds.stored import stream_parts
from widgets.protocol import VERSION_2

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
            for text in self._rig.client.sink.read():
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
    rig.subscribe(TRADES)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)
    rig.snapshots.reads.clear()
    rig.rows({"MSFT": 1.0}, tick=1)
    rig.rows({"AAPL": 1.0}, tick=2)
    await eventually(lambda: "tape:AAPL" in rig.snapshots.reads, 2.0)
    rig.hub.unsubscribe(rig.client.outbox, TRADES)
    assert rig.hub.snapshot(TRADES.name, VERSION_2) is None
