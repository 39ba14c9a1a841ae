"""Feeds of events: the newest of all shards, each once, whatever is announced twice, missed or read again."""

import json
import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.payloads import RowBlock
from tests.support.builders import row_block
from tests.support.feeds import feed_of
from tests.support.manual_clock import ManualClock
from tests.support.reference_client import FeedCopy
from tests.unit.widgets.fakes import text_of
from widgets.hub.feeds.events import EventStream
from widgets.hub.feeds.stream import ROWS_HELD
from widgets.protocol import FeedAlert, FeedEmission, FeedSnapshot

SHARDS = (0, 1)
HIGHS = feed_of("daily_range_hod_alert")


def stream(clock: ManualClock | None = None) -> EventStream:
    return EventStream(HIGHS, 1, clock or ManualClock(), SHARDS)


def alerts(prices: Sequence[float], *, tick: int, at_ns: int, epoch: int = 1) -> RowBlock:
    """What a shard publishes with one tick: one event for each price, each of another symbol."""
    rows = {f"S{index}": {"price": price, "level": price - 1} for index, price in enumerate(prices)}
    return row_block(rows, epoch=epoch, tick=tick, published_ns=at_ns, received_ns=at_ns)


def at(seconds: float) -> int:
    return round(1e9 * seconds)


def read(feed: EventStream) -> None:
    for shard in SHARDS:
        feed.read(shard)


def prices(emission: FeedEmission | None) -> list[float]:
    text = text_of(emission)
    assert text is not None
    return [row[1] for row in json.loads(text)["rows"]]


def follow(copy: FeedCopy, feed: EventStream) -> None:
    text = text_of(feed.emit())
    if text is not None:
        copy.apply(text)


def test_nothing_goes_out_before_the_lists_of_all_shards_were_read() -> None:
    feed = stream()
    feed.offer(0, alerts([1.0], tick=1, at_ns=1))
    feed.read(0)
    assert feed.emit() is None
    assert feed.snapshot() is None
    feed.read(1)
    assert isinstance(feed.emit(), FeedSnapshot)
    assert prices(feed.snapshot()) == [1.0]


def test_a_snapshot_says_its_columns_and_its_limit_and_has_every_column() -> None:
    feed = stream()
    read(feed)
    feed.offer(0, alerts([2.5], tick=1, at_ns=1))
    feed.emit()
    snapshot = json.loads(text_of(feed.snapshot()) or "")
    assert (snapshot["columns"], snapshot["limit"]) == (list(HIGHS.columns), ROWS_HELD)
    assert snapshot["rows"] == [["S0", 2.5, 1.5, *[None] * (len(HIGHS.columns) - 2)]]


def test_what_happens_later_goes_out_as_an_alert_with_the_new_events_alone() -> None:
    feed = stream()
    read(feed)
    feed.emit()
    feed.offer(0, alerts([1.0, 2.0], tick=7, at_ns=10))
    feed.offer(1, alerts([3.0], tick=3, at_ns=11))
    emission = feed.emit()
    assert isinstance(emission, FeedAlert)
    frame = json.loads(text_of(emission) or "")
    assert (frame["type"], frame["seq"]) == ("alert", 2)
    assert [row[:2] for row in frame["rows"]] == [["S0", 1.0], ["S1", 2.0], ["S0", 3.0]]
    assert feed.emit() is None


def test_a_block_that_is_announced_or_read_again_counts_once() -> None:
    feed = stream()
    block = alerts([1.0], tick=7, at_ns=10)
    assert feed.offer(0, block)
    assert not feed.offer(0, block)
    assert feed.offer(1, block), "another shard's tick of the same number is another block"
    assert feed.offer(0, alerts([2.0], tick=7, at_ns=12, epoch=2)), "so is one of the shard's new owner"


def test_a_missed_block_takes_its_place_and_everybody_gets_a_snapshot() -> None:
    feed = stream()
    read(feed)
    feed.emit()
    feed.offer(0, alerts([3.0], tick=3, at_ns=at(30)))
    feed.emit()
    feed.offer(0, alerts([2.0], tick=2, at_ns=at(20)))
    assert isinstance(feed.emit(), FeedSnapshot)
    assert prices(feed.snapshot()) == [2.0, 3.0]


def test_shards_that_tick_together_make_no_snapshots_however_their_clocks_differ() -> None:
    feed = stream()
    read(feed)
    feed.emit()
    for tick in range(1, 5):
        feed.offer(0, alerts([1.0], tick=tick, at_ns=at(tick / 4)))
        assert isinstance(feed.emit(), FeedAlert)
        feed.offer(1, alerts([2.0], tick=tick, at_ns=at(tick / 4 - 0.1)))
        emission = feed.emit()
        assert isinstance(emission, FeedAlert)
        assert prices(emission) == [2.0]
    assert prices(feed.snapshot()) == [1.0, 2.0] * 4


def test_only_the_newest_events_are_held_however_many_come_at_once() -> None:
    feed = stream()
    read(feed)
    feed.emit()
    feed.offer(0, alerts([0.5], tick=1, at_ns=1))
    feed.offer(0, alerts([float(price) for price in range(3 * ROWS_HELD)], tick=2, at_ns=2))
    emission = feed.emit()
    assert isinstance(emission, FeedAlert)
    newest = [float(price) for price in range(2 * ROWS_HELD, 3 * ROWS_HELD)]
    assert prices(emission) == prices(feed.snapshot()) == newest
    assert not feed.offer(0, alerts([0.5], tick=1, at_ns=1)), "what was forgotten stays forgotten"


def test_the_age_is_that_of_the_newest_event() -> None:
    clock = ManualClock()
    feed = stream(clock)
    read(feed)
    feed.emit()
    assert age_ms(feed, clock) is None
    feed.offer(0, alerts([1.0], tick=1, at_ns=clock.time_ns()))
    feed.emit()
    clock.advance(1.5)
    assert age_ms(feed, clock) == 1_500


def age_ms(feed: EventStream, clock: ManualClock) -> int | None:
    snapshot = feed.snapshot()
    assert snapshot is not None
    return snapshot.position.age_ms(clock.time_ns())


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 90), max_size=12),
    seed=st.integers(0, 2**32),
    emits=st.lists(st.booleans(), min_size=24, max_size=24),
)
def test_in_whatever_order_blocks_come_a_client_ends_with_the_newest_in_order(
    sizes: list[int], seed: int, emits: list[bool]
) -> None:
    """Each block comes twice: announced, or read from the store, in any order."""
    blocks = [
        (tick % 2, alerts([1_000.0 * tick + index for index in range(size)], tick=tick, at_ns=at(2 * tick)))
        for tick, size in enumerate(sizes, 1)
    ]
    arrivals = [*blocks, *blocks]
    random.Random(seed).shuffle(arrivals)
    feed, client = stream(), FeedCopy()
    read(feed)
    for (shard, block), emit in zip(arrivals, emits, strict=False):
        feed.offer(shard, block)
        if emit:
            follow(client, feed)
    follow(client, feed)
    happened = [1_000.0 * tick + index for tick, size in enumerate(sizes, 1) for index in range(size)]
    assert [row[1] for row in client.table] == happened[-ROWS_HELD:]
