"""An analyzer's private columns and streams: stored after a change, repeated until published, restored."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
import pytest

from marketdata.errors import ContentError
from marketdata.payloads import decode_row_block, encode_row_block
from marketdata.schema import Stream
from marketdata.store.shard_state import Checkpoint
from marketdata.transport.queues import QueueName
from scanners.analysis.bars import EVENT_COLUMNS, EVENT_TIME, VOLUME
from scanners.analysis.contract import Analyzer, Emission, EventGroup, MarketPhase
from scanners.analyzers.leaderboard import LeaderboardAnalyzer
from scanners.processor.shard import ShardProcessor
from scanners.registry import Route
from scanners.table import MarketTable
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    row_block,
    whole_of,
)

DAY = "2026-11-23"
CALENDAR = calendar_of(DAY, "2026-11-24")


class HighestVolume(Analyzer):
    """Keeps each symbol's largest bar in a private column, and emits every larger one."""

    name: Final = "highest_volume"
    columns: Final = ()
    private_columns = MappingProxyType({"largest": ("largest_volume",)})
    streams: Final = (Stream(name="larger", label="Larger", description="Larger volume", columns=()),)

    def update(self, table: MarketTable, group: EventGroup, phase: MarketPhase) -> Sequence[Emission]:
        held = table.private_columns["largest"].values[0]
        larger = [
            (row, volume)
            for row, volume in zip(group.rows.tolist(), group.values[VOLUME].tolist(), strict=True)
            if not volume <= held[row]
        ]
        if not larger:
            return ()
        rows, volumes = (np.array(part) for part in zip(*larger, strict=True))
        held[rows] = volumes
        table.private_columns["largest"].mark()
        return [Emission("larger", rows, {"larger_volume": volumes})]


def shard(epoch: int = 1, *, show_test_issues: bool = False) -> ShardProcessor:
    analyzers = (LeaderboardAnalyzer(), HighestVolume())
    route = Route(QueueName.AGGREGATE, EVENT_COLUMNS, EVENT_TIME, analyzers)
    return ShardProcessor(
        0, routes=[route], calendar=CALENDAR, epoch=epoch, show_test_issues=show_test_issues
    )


def bar(to: ShardProcessor, volume: int, time_of_day: str = "10:00:00", symbol: str = "A") -> None:
    wire = aggregate_wire(symbol, start_ms=new_york_ms(DAY, time_of_day), v=volume)
    to.apply([batch(QueueName.AGGREGATE, [wire])])


def test_private_columns_are_stored_until_confirmed_and_again_after_a_change() -> None:
    processor = shard()
    bar(processor, 5)
    first = processor.tick(published_ns=1)
    assert block_rows(first.private_columns["largest"]) == {"A": {"largest_volume": 5.0}}
    again = processor.tick(published_ns=2)
    assert "largest" in again.private_columns

    processor.confirm(again)
    assert processor.tick(published_ns=3).private_columns == {}
    bar(processor, 3)
    assert "largest" not in processor.tick(published_ns=4).private_columns
    processor.checkpoint.store_anew()
    assert set(processor.tick(published_ns=5).private_columns) == set(processor.checkpoint.private_groups)


def test_what_happened_is_told_in_order_with_its_circumstances() -> None:
    processor = shard()
    processor.apply_reference(row_block({"A": {"free_float": 7.0}}))
    for volume in (5, 4, 6):
        bar(processor, volume)

    (block,) = processor.tick(published_ns=1).streams["larger"]

    assert block.symbols == ("A", "A")
    assert block.columns["larger_volume"].tolist() == [5.0, 6.0]
    assert block.columns["free_float"].tolist() == [7.0, 7.0]


def test_what_happens_to_a_test_issue_is_told_only_if_it_is_asked_for() -> None:
    for shown, told in ((False, [("A",)]), (True, [("ZVZZT",), ("ZVZZT", "A")])):
        processor = shard(show_test_issues=shown)
        bar(processor, 5, symbol="ZVZZT")
        first = processor.tick(published_ns=1)
        processor.confirm(first)
        bar(processor, 6, symbol="ZVZZT")
        bar(processor, 4, symbol="A")
        second = processor.tick(published_ns=2)

        assert [block.symbols for tick in (first, second) for block in tick.streams.get("larger", ())] == told
        assert block_rows(whole_of(second))["ZVZZT"]["volume"] == 6, "its quote is shown in any case"
        told_to_the_scanner = [decode_row_block(encode_row_block(whole_of(second))), second.changed]
        assert [block.shows_test_issues for block in told_to_the_scanner] == [shown, shown]


def test_what_could_not_be_published_is_given_again_as_it_was() -> None:
    processor = shard()
    bar(processor, 5)
    lost = processor.tick(published_ns=1)
    bar(processor, 6)

    tick = processor.tick(published_ns=2)

    assert [block.tick for block in tick.streams["larger"]] == [1, 2]
    assert tick.streams["larger"][0] is lost.streams["larger"][0]
    processor.confirm(tick)
    assert processor.tick(published_ns=3).streams == {}


def test_a_successor_continues_from_the_private_columns_and_repeats_nothing() -> None:
    processor = shard()
    for symbol in ("A", "B"):
        bar(processor, 5, symbol=symbol)
    tick = processor.tick(published_ns=1)
    successor = shard(epoch=2)
    successor.restore(Checkpoint(whole_of(tick), tick.private_columns))

    bar(successor, 5, symbol="B")
    assert successor.tick(published_ns=2).streams == {}
    bar(successor, 6, symbol="B")
    assert successor.tick(published_ns=3).streams["larger"][0].symbols == ("B",)


def test_private_columns_of_another_producer_are_refused() -> None:
    whole = whole_of(shard().tick(published_ns=1))
    foreign = row_block({"A": {"largest_volume": 1.0}}, producer="shard:7")
    with pytest.raises(ContentError, match="shard:7"):
        shard().restore(Checkpoint(whole, {"largest": foreign}))


def test_a_new_day_clears_the_private_columns() -> None:
    processor = shard()
    bar(processor, 5)
    wire = aggregate_wire("A", start_ms=new_york_ms("2026-11-24", "04:00:00"), v=1)
    processor.confirm(processor.tick(published_ns=1))

    processor.apply([batch(QueueName.AGGREGATE, [wire])])

    (block,) = processor.tick(published_ns=2).streams["larger"]
    assert block.columns["larger_volume"].tolist() == [1.0]
