"""An analyzer that is off tells nothing, and one that is on again tells what it has not seen."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.payloads import RowBlock, decode_row_block, encode_row_block
from marketdata.schema import names
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.transport.queues import QueueName
from scanners.analysis.contract import Analyzer
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes, streams
from scanners.settings import ANALYZERS, STREAMS
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    quote_wire,
    trade_wire,
)
from tests.support.stored_ticks import StoredTicks

DAY, NEXT_DAY = "2026-11-02", "2026-11-03"
CALENDAR = calendar_of(DAY, NEXT_DAY)
BY_NAME: dict[str, Analyzer] = {each.name: each for route in routes() for each in route.analyzers}
RANGE, LEADERBOARD, TRADES, QUOTES = "daily_range", "leaderboard", "trades", "quotes"


class Shard:
    """A shard processor that is fed events of one symbol."""

    def __init__(self, epoch: int = 1) -> None:
        self.core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=epoch)
        self.stored = StoredTicks()

    def bar(self, time_of_day: str, day: str = DAY, **fields: object) -> None:
        wire = aggregate_wire(start_ms=new_york_ms(day, time_of_day)) | fields
        self.core.apply([batch(QueueName.AGGREGATE, [wire])])

    def trade(self, time_of_day: str) -> None:
        wire = trade_wire(timestamp_ms=new_york_ms(DAY, time_of_day))
        self.core.apply([batch(QueueName.TRADES, [wire])])

    def tick(self) -> ShardTick:
        tick = self.core.tick(published_ns=1)
        self.core.confirm(tick)
        self.stored.store(tick)
        return tick

    def whole(self) -> RowBlock:
        self.tick()
        return self.stored.rows()

    def successor(self) -> "Shard":
        """The next owner of the shard, with the last stored state."""
        other = Shard(epoch=self.core.epoch + 1)
        tick = self.core.tick(published_ns=1)
        stored = decode_row_block(encode_row_block(self.stored.after(tick)))
        other.core.restore(Checkpoint(stored, tick.private_columns))
        return other


@pytest.fixture
def shard() -> Shard:
    return Shard()


def columns_of(*analyzers: str) -> set[str]:
    return {name for analyzer in analyzers for name in names(BY_NAME[analyzer].columns)}


def test_every_analyzer_and_stream_can_be_switched_by_its_name() -> None:
    assert tuple(BY_NAME) == ANALYZERS
    assert tuple(streams(routes())) == STREAMS


def test_an_analyzer_needs_history_for_its_own_columns_only() -> None:
    for analyzer in BY_NAME.values():
        own = columns_of(analyzer.name)
        own.update(name for stream in analyzer.streams for name in names(stream.columns))
        own.update(name for each in analyzer.lists for name in names(each.columns))
        assert set(analyzer.history) <= own, analyzer.name


@pytest.mark.parametrize("name", ANALYZERS)
def test_the_columns_of_an_analyzer_that_is_off_are_absent_in_every_row(shard: Shard, name: str) -> None:
    shard.bar("10:00:00", h=50.0)
    shard.trade("10:00:00")
    quote = quote_wire(timestamp_ms=new_york_ms(DAY, "10:00:00"))
    shard.core.apply([batch(QueueName.QUOTES, [quote])])
    shard.tick()

    shard.core.switch([name])
    shard.bar("10:00:01", h=60.0)
    changed = shard.tick().changed

    assert set(changed.off) == columns_of(name)
    row = block_rows(changed)["AAPL"]
    assert {column for column in changed.off if row[column] is not None} == set()
    others = columns_of(*(other for other in (LEADERBOARD, RANGE, QUOTES, TRADES) if other != name))
    assert any(row[column] is not None for column in others)


def test_a_switch_reaches_the_rows_that_do_not_trade(shard: Shard) -> None:
    shard.bar("10:00:00")
    shard.tick()
    for off in ((RANGE,), ()):
        shard.core.switch(off)
        assert shard.core.has_changes
        assert shard.tick().changed.symbols == ("AAPL",)
        shard.core.switch(off)
        assert not shard.core.has_changes, "it is the same switch"


def test_the_newest_bar_is_exact_again_with_the_next_one(shard: Shard) -> None:
    shard.bar("10:00:00", av=500)
    shard.core.switch([LEADERBOARD])
    shard.bar("10:00:01", av=600)
    shard.core.switch()
    assert block_rows(shard.whole())["AAPL"]["accumulated_volume"] is None
    shard.bar("10:00:02", av=700)
    whole = shard.whole()
    assert block_rows(whole)["AAPL"]["accumulated_volume"] == 700
    assert "accumulated_volume" not in whole.partial
    assert "pct_change_since_open" in whole.partial


def test_what_needs_the_whole_day_is_partial_until_the_next_day(shard: Shard) -> None:
    shard.bar("10:00:00", h=90.0)
    shard.core.switch([RANGE])
    shard.bar("14:00:00", h=50.0)
    shard.core.switch()
    shard.bar("15:00:00", h=51.0)
    whole = shard.whole()
    assert block_rows(whole)["AAPL"]["day_high"] == 51.0
    assert whole.partial["day_high"] == whole.partial["level"] == new_york_ms(DAY, "14:00:01") - 1
    shard.bar("19:59:00")
    assert "day_high" in shard.whole().partial
    shard.bar("04:00:00", NEXT_DAY)
    assert shard.whole().partial == {}


def test_a_window_is_exact_when_all_of_it_was_seen(shard: Shard) -> None:
    shard.bar("10:00:00")
    shard.core.switch([LEADERBOARD])
    shard.core.switch()
    shard.bar("10:00:30")
    assert {"volume_1m", "volume_5m"} <= set(shard.whole().partial)
    shard.bar("10:01:30")
    changed = shard.tick().changed
    assert "volume_1m" not in changed.partial
    assert "volume_5m" in changed.partial
    shard.bar("10:06:00")
    assert "volume_5m" not in shard.whole().partial


def test_what_counts_since_the_open_is_exact_from_the_open_on(shard: Shard) -> None:
    shard.bar("08:00:00")
    shard.core.switch([LEADERBOARD])
    shard.core.switch()
    shard.bar("09:00:00")
    assert "pct_change_since_open" in shard.whole().partial
    shard.bar("09:30:00")
    assert "pct_change_since_open" not in shard.whole().partial


def test_nothing_is_emitted_by_an_analyzer_that_is_off_or_to_a_stream_that_is_off(shard: Shard) -> None:
    def emitted(high: float, second: int) -> Sequence[str]:
        shard.bar(f"10:00:{second:02}", h=high)
        return tuple(shard.tick().streams)

    emitted(50.0, 0)
    assert emitted(51.0, 1) == ("daily_range_high",)
    shard.core.switch((), ["daily_range_high"])
    assert emitted(52.0, 2) == ()
    assert shard.whole().off_streams == ("daily_range_high",)
    assert block_rows(shard.whole())["AAPL"]["day_high"] == 52.0, "the analyzer goes on"
    shard.core.switch()
    assert emitted(53.0, 3) == ("daily_range_high",)
    shard.core.switch([RANGE])
    assert emitted(54.0, 4) == ()
    assert shard.whole().off_streams == ("daily_range_high", "daily_range_low")


def test_the_next_owner_of_the_shard_knows_what_is_off_and_what_is_partial(shard: Shard) -> None:
    shard.bar("10:00:00", h=90.0)
    shard.core.switch([RANGE, TRADES])
    shard.bar("14:00:00")
    shard.core.switch([TRADES])
    shard.bar("15:00:00")
    before = shard.whole()
    after = shard.successor().whole()
    assert (after.off, dict(after.partial)) == (before.off, dict(before.partial))
    assert set(after.off) == columns_of(TRADES)
    assert after.partial["day_high"] == new_york_ms(DAY, "14:00:01") - 1


def test_a_takeover_with_another_switch_clears_what_is_stored(shard: Shard) -> None:
    shard.bar("10:00:00", h=90.0)
    successor = shard.successor()
    successor.core.switch([RANGE])
    assert block_rows(successor.whole())["AAPL"]["day_high"] is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from(ANALYZERS)), st.floats(1, 100)), max_size=12))
def test_a_column_that_is_not_marked_is_as_in_a_shard_that_was_never_switched(
    steps: list[tuple[set[str], float]],
) -> None:
    switched, plain = Shard(), Shard()
    for minute, (off, high) in enumerate([*steps, (set(), 50.0)]):
        switched.core.switch(off)
        for each in (switched, plain):
            each.bar(f"10:{minute:02}:00", h=high, c=1.0, l=1.0, av=100 * minute, op=3.0)
            each.trade(f"10:{minute:02}:00")
    whole, expected = switched.whole(), plain.whole()
    row, truth = block_rows(whole)["AAPL"], block_rows(expected)["AAPL"]
    wrong = {name for name, value in row.items() if value != truth[name]}
    assert wrong <= {*whole.off, *whole.partial}
