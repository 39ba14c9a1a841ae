"""04:00 New York starts the day and 09:30 the gainers, by the time of the events and nothing else."""

import math

import pytest

from marketdata.store.shard_state import Checkpoint
from marketdata.transport.queues import QueueName
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    quote_wire,
    row_block,
    whole_of,
)

# The clocks of New York went back on Sunday 2026-11-01: that Friday's trading day is 73 hours long.
FRIDAY, MONDAY, TUESDAY = "2026-10-30", "2026-11-02", "2026-11-03"
CALENDAR = calendar_of(FRIDAY, MONDAY, TUESDAY)


class ShardRig:
    """A shard processor that is fed bars and read row by row."""

    def __init__(self) -> None:
        self.core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)
        self.core.apply_reference(row_block({"AAPL": {}}))  # it has a row on the next day, too

    def bar(self, date: str, time_of_day: str, symbol: str = "AAPL", **fields: object) -> dict[str, int]:
        start_ms = new_york_ms(date, time_of_day)
        wire = aggregate_wire(symbol, start_ms=start_ms) | fields
        return dict(self.core.apply([batch(QueueName.AGGREGATE, [wire])]).ignored)

    def row(self, symbol: str = "AAPL") -> dict[str, float | None]:
        return block_rows(whole_of(self.core.tick(published_ns=1)))[symbol]


@pytest.fixture
def shard() -> ShardRig:
    return ShardRig()


def test_the_day_before_is_forgotten_at_four(shard: ShardRig) -> None:
    shard.bar(FRIDAY, "19:59:59", av=900, h=50.0, o=7.0)
    assert shard.row()["accumulated_volume"] == 900
    shard.bar(MONDAY, "03:59:59", av=901, h=60.0)
    assert shard.row()["day_high"] == 60.0

    shard.bar(MONDAY, "04:00:00", "MSFT")

    row = shard.row()
    assert {name for name, value in row.items() if value is not None} == set()


def test_a_late_bar_of_the_day_before_changes_nothing(shard: ShardRig) -> None:
    shard.bar(MONDAY, "04:00:00", av=5)
    before = shard.row()
    assert shard.bar(FRIDAY, "19:59:59", av=900, h=50.0) == {"other_day": 1}
    assert shard.row() == before
    assert len(shard.core.tick(published_ns=1).changed) == 0


def test_reference_data_outlives_the_night(shard: ShardRig) -> None:
    shard.core.apply_reference(row_block({"AAPL": {"prev_day_close": 8.0}}))
    shard.bar(FRIDAY, "15:00:00", c=10.0)
    assert shard.row()["pct_change"] == 25.0
    shard.bar(MONDAY, "04:00:00", c=9.0)
    assert shard.row()["pct_change"] == 12.5


def test_reference_data_of_the_day_before_tells_no_previous_session(shard: ShardRig) -> None:
    facts = {"AAPL": {"prev_day_close": 8.0, "split_ratio": 2.0, "free_float": 5.0}}
    shard.core.apply_reference(row_block(facts, market_time_ms=new_york_ms(FRIDAY, "04:00:00")))
    shard.bar(FRIDAY, "15:00:00", c=10.0)
    assert shard.row()["pct_change"] == 25.0

    shard.bar(MONDAY, "04:00:00", c=9.0)

    row = shard.row()
    assert (row["prev_day_close"], row["pct_change"], row["split_ratio"]) == (None, None, None)
    assert row["free_float"] == 5.0


def test_quotes_of_the_new_day_end_the_old_one_too(shard: ShardRig) -> None:
    shard.bar(FRIDAY, "19:59:59")
    quote = quote_wire(timestamp_ms=new_york_ms(MONDAY, "04:00:00"))
    shard.core.apply([batch(QueueName.QUOTES, [quote])])
    row = shard.row()
    assert row["close"] is None
    assert row["bid_price"] == 9.99


def test_since_open_counts_from_the_first_bar_of_the_pre_market(shard: ShardRig) -> None:
    shard.bar(MONDAY, "04:00:05", o=10.0, c=10.5, op=99.0)
    shard.bar(MONDAY, "08:00:00", o=11.0, c=12.0)
    row = shard.row()
    assert (row["change_since_open"], row["pct_change_since_open"]) == (2.0, 20.0)
    assert row["official_open_price"] is None, "before the open it can only be another day's"


def test_gainers_start_anew_at_the_open(shard: ShardRig) -> None:
    shard.bar(MONDAY, "08:00:00", o=10.0, c=12.0, h=13.0, av=500)
    shard.bar(MONDAY, "09:30:00", "MSFT")
    row = shard.row()
    assert row["change_since_open"] is None, "it has not traded since the open"
    assert (row["close"], row["day_high"], row["accumulated_volume"]) == (12.0, 13.0, 500)


def test_a_quiet_first_minute_does_not_miss_the_reset(shard: ShardRig) -> None:
    shard.bar(MONDAY, "08:00:00", o=10.0, c=12.0)
    shard.bar(MONDAY, "09:47:12", o=16.0, c=20.0)
    assert shard.row()["pct_change_since_open"] == 25.0


def test_the_official_open_replaces_the_first_bar_once_known(shard: ShardRig) -> None:
    shard.bar(MONDAY, "09:30:00", o=10.0, c=12.0, op=None)
    assert shard.row()["change_since_open"] == 2.0
    shard.bar(MONDAY, "09:30:01", c=12.0, op=0)
    assert shard.row()["change_since_open"] == 2.0
    shard.bar(MONDAY, "09:30:02", c=12.0, op=11.0)
    assert shard.row()["change_since_open"] == 1.0
    shard.bar(MONDAY, "09:30:03", c=12.0, op=None)
    assert shard.row()["change_since_open"] == 1.0, "what is known stays known"


def test_a_pre_market_bar_after_the_open_brings_no_old_base(shard: ShardRig) -> None:
    shard.bar(MONDAY, "09:30:00", "MSFT")
    shard.bar(MONDAY, "09:29:59", o=10.0, c=12.0)
    row = shard.row()
    assert row["close"] == 12.0
    assert row["session_open_price"] is None
    assert row["change_since_open"] is None


def test_times_that_no_calendar_knows_are_ignored(shard: ShardRig) -> None:
    outcome = shard.core.apply([batch(QueueName.AGGREGATE, [aggregate_wire(start_ms=5)])])
    assert outcome.ignored == {"other_day": 1}
    assert len(whole_of(shard.core.tick(published_ns=1))) == 0


def test_zero_is_a_value(shard: ShardRig) -> None:
    shard.core.apply_reference(row_block({"AAPL": {"prev_day_close": 0.0, "free_float": 0.0}}))
    shard.bar(MONDAY, "10:00:00", v=0, av=0, z=0)
    row = shard.row()
    assert (row["volume"], row["accumulated_volume"], row["free_float"]) == (0.0, 0.0, 0.0)
    assert row["change"] == 10.0
    assert row["pct_change"] is None, "no percentage of nothing"
    assert row["avg_volume"] is None
    assert row["relative_volume"] is None


def test_reference_data_of_the_coming_day_waits_for_it(shard: ShardRig) -> None:
    shard.core.apply_reference(row_block({"AAPL": {"prev_day_close": 5.0}}))
    shard.bar(FRIDAY, "19:59:59", c=6.0)
    coming = row_block({"AAPL": {"prev_day_close": 6.0}}, market_time_ms=new_york_ms(MONDAY, "04:00:00"))

    shard.core.apply_reference(coming)

    assert shard.row()["change"] == 1.0
    shard.bar(MONDAY, "04:00:00", c=8.0)
    assert shard.row()["change"] == 2.0


def test_reference_data_of_a_later_day_waits_also_when_it_came_first(shard: ShardRig) -> None:
    coming = row_block({"AAPL": {"prev_day_close": 6.0}}, market_time_ms=new_york_ms(MONDAY, "04:00:00"))
    shard.core.apply_reference(coming)
    shard.bar(FRIDAY, "19:59:59", c=6.0)
    assert shard.row()["change"] is None
    shard.bar(MONDAY, "04:00:00", c=8.0)
    assert shard.row()["change"] == 2.0


def test_a_late_bar_within_the_range_of_the_day_announces_nothing(shard: ShardRig) -> None:
    shard.bar(MONDAY, "10:00:00", h=11.0)
    shard.bar(MONDAY, "10:00:02")
    shard.core.tick(published_ns=1)
    shard.bar(MONDAY, "10:00:01", h=10.5)
    blocks = shard.core.tick(published_ns=2)
    assert len(blocks.changed) == 0
    assert len(whole_of(blocks)) == 1


def test_a_restored_shard_continues_where_the_other_stopped(shard: ShardRig) -> None:
    shard.bar(MONDAY, "09:29:00", o=5.0, c=5.0)
    shard.bar(MONDAY, "09:30:00", o=10.0, c=12.0)
    checkpoint = Checkpoint(whole_of(shard.core.tick(published_ns=1)), {})
    successor = ShardRig()
    successor.core.restore(checkpoint)
    for each in (shard, successor):
        each.bar(MONDAY, "09:31:00", o=12.0, c=15.0)
    assert successor.row() == shard.row()
    assert math.isclose(successor.row()["pct_change_since_open"] or 0.0, 50.0)
