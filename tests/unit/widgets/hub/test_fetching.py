"""Feeds that are fetched once: they are kept open for those who fetch them again."""

import pytest

from marketdata.schema.boards import TOP_GAINERS
from tests.support.builders import row_block
from tests.support.deadlines import eventually
from tests.support.feeds import feed_of
from tests.unit.widgets.hub.hub_rig import QUOTE, SHARD, HubRig
from widgets.hub import switchboard

KEEP_SECONDS = 30.0


async def test_a_feed_that_is_fetched_again_reads_no_store(rig: HubRig) -> None:
    rig.hub.start()
    rig.snapshots.shards[SHARD] = row_block({"AAPL": {"close": 10.0}})
    first = await rig.hub.fetch(QUOTE, 5.0, KEEP_SECONDS)
    assert first is not None
    reads = rig.snapshots.reads.count(SHARD)
    again = await rig.hub.fetch(QUOTE, 5.0, KEEP_SECONDS)
    assert again is not None
    assert again.position.epoch == first.position.epoch
    assert rig.snapshots.reads.count(SHARD) == reads


async def test_a_feed_is_closed_when_nobody_fetches_it_in_time(rig: HubRig) -> None:
    rig.hub.start()
    rig.snapshots.shards[SHARD] = row_block({"AAPL": {"close": 10.0}})
    await rig.hub.fetch(QUOTE, 5.0, KEEP_SECONDS)
    assert QUOTE.key in rig.hub._switchboard._open_feeds
    rig.clock.advance(KEEP_SECONDS + 1)
    await eventually(lambda: QUOTE.key not in rig.hub._switchboard._open_feeds, 5.0)


async def test_a_feed_with_a_subscriber_stays_open_for_it(rig: HubRig) -> None:
    rig.snapshots.shards[SHARD] = row_block({"AAPL": {"close": 10.0}})
    rig.subscribe(QUOTE)
    await rig.hub.fetch(QUOTE, 5.0, KEEP_SECONDS)
    rig.clock.advance(KEEP_SECONDS + 1)
    await eventually(lambda: not rig.hub._switchboard._kept, 5.0)
    assert QUOTE.key in rig.hub._switchboard._open_feeds


async def test_the_number_of_kept_feeds_is_bounded(rig: HubRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard, "MOST_KEPT_FEEDS", 2)
    rig.hub.start()
    rig.snapshots.boards[TOP_GAINERS] = row_block({}, producer=TOP_GAINERS)
    for number in range(5):
        await rig.hub.fetch(feed_of(f"quote:S{number}"), 0.0, KEEP_SECONDS)
    assert sorted(rig.hub._switchboard._open_feeds) == ["quote:S0", "quote:S1"]
