"""The day's lists page by page: every entry once, in one order, whatever comes between two pages."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketdata.tapes import StoredTape, records_of
from tests.support.builders import row_block
from tests.support.feeds import feed_of
from tests.unit.widgets.fakes import MemorySnapshots
from tests.unit.widgets.hub.hub_rig import STORED
from widgets.hub import day_lists
from widgets.hub.day_lists import DayLists, Key
from widgets.protocol import FeedPosition

HIGHS = feed_of("daily_range_hod_alert")
TRADES = feed_of("trades:AAPL")
STREAM = "daily_range_high"


def at(seq: int) -> FeedPosition:
    return FeedPosition(HIGHS.name, "1.a", seq, received_ns=1, market_time_ms=1)


class Alerts:
    """Stored alerts of two shards; the price of each tells its number."""

    def __init__(self) -> None:
        self.store = MemorySnapshots()
        self.lists = DayLists(self.store, STORED)
        self.count = 0

    def publish(self, entries: int, *, market_time_ms: int = 5) -> None:
        """Publish a block with this number of alerts in one of the shards."""
        shard = self.count % 2
        rows = {f"S{self.count + number}": {"price": float(self.count + number)} for number in range(entries)}
        self.count += entries
        block = row_block(
            rows, epoch=7, tick=self.count, published_ns=self.count, market_time_ms=market_time_ms
        )
        self.store.streams.setdefault((shard, STREAM), []).append(block)

    async def all_pages(self, most: int, seq: int, *, publish_between: bool = False) -> list[float]:
        """The prices of all pages."""
        found: list[float] = []
        before: Key | None = None
        while True:
            page = await self.lists.entries(HIGHS, at(seq), since_ms=0, before=before, most=most)
            assert len(page.rows.symbols) <= most
            found += page.rows.values[:, HIGHS.columns.index("price")].tolist()
            before = page.last
            if before is None:
                return found
            if publish_between:
                self.publish(1)
                seq += 1


@given(blocks=st.lists(st.integers(1, 4), max_size=30), most=st.integers(1, 7), publishes=st.booleans())
async def test_every_entry_is_on_one_page_newest_first(blocks: list[int], most: int, publishes: bool) -> None:
    alerts = Alerts()
    for entries in blocks:
        alerts.publish(entries)
    count = alerts.count
    found = await alerts.all_pages(most, 1, publish_between=publishes)
    assert found == [float(number) for number in reversed(range(count))]


async def test_only_new_blocks_are_read_again_and_none_without_a_change() -> None:
    alerts = Alerts()
    for _ in range(3 * day_lists.REFRESH_BLOCKS):
        alerts.publish(1)
    await alerts.all_pages(500, 1)
    first = len(alerts.store.reads)
    await alerts.all_pages(500, 1)
    assert len(alerts.store.reads) == first
    alerts.publish(1)
    assert (await alerts.all_pages(500, 2))[0] == alerts.count - 1
    assert len(alerts.store.reads) == first + 2  # once for each shard


async def test_a_list_that_moved_on_by_more_than_is_looked_at_is_read_whole() -> None:
    alerts = Alerts()
    alerts.publish(1)
    await alerts.all_pages(500, 1)
    for _ in range(6 * day_lists.REFRESH_BLOCKS):
        alerts.publish(1)
    assert len(await alerts.all_pages(500, 2)) == alerts.count


async def test_a_block_that_is_stored_twice_counts_once() -> None:
    alerts = Alerts()
    alerts.publish(2)
    alerts.store.streams[0, STREAM] *= 2
    assert await alerts.all_pages(5, 1) == [1.0, 0.0]


async def test_entries_of_the_day_before_are_left_out() -> None:
    alerts = Alerts()
    alerts.publish(2, market_time_ms=5)
    alerts.publish(1, market_time_ms=50)
    page = await alerts.lists.entries(HIGHS, at(1), since_ms=50, before=None, most=10)
    assert page.rows.symbols == ["S2"]
    assert page.last is None


@given(times=st.lists(st.integers(0, 5), max_size=40), most=st.integers(1, 9))
async def test_every_trade_is_on_one_page_newest_first(times: list[int], most: int) -> None:
    store = MemorySnapshots()
    numbers = np.arange(len(times), dtype=np.int64)
    prices = np.arange(1, len(times) + 1, dtype=np.float64)
    records = records_of(np.array(times, dtype=np.int64), numbers, prices, prices, numbers, day_start_ms=0)
    store.tapes_by_symbol["AAPL"] = StoredTape(0, records)
    lists = DayLists(store, STORED)
    found: list[float] = []
    before: Key | None = None
    while True:
        page = await lists.trades(TRADES, before=before, most=most)
        found += page.rows.values[:, TRADES.columns.index("trade_price")].tolist()
        before = page.last
        if before is None:
            break
    newest_first = sorted(zip(times, numbers.tolist(), strict=True), reverse=True)
    assert found == [number + 1.0 for _, number in newest_first]
