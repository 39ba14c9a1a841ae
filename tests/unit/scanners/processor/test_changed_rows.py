"""What a shard announces as changed is all that changed: whoever lays it over older rows has the newest."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS
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
    trade_wire,
    whole_of,
)
from tests.support.stored_ticks import StoredTicks

DAY = "2026-11-23"
OPENS_MS = new_york_ms(DAY, "09:30")
SYMBOLS = tuple(f"S{number}" for number in range(8))


def shard() -> ShardProcessor:
    processor = ShardProcessor(0, routes=routes(), calendar=calendar_of(DAY), epoch=1)
    processor.apply_reference(row_block({symbol: {"prev_day_close": 9.0} for symbol in SYMBOLS}))
    return processor


def event(queue: QueueName, symbol: str, second: int, number: int) -> dict[str, Any]:
    """An event of some seconds around the open, often one that is older than what its row has."""
    at_ms = OPENS_MS + 1_000 * second
    if queue is QueueName.AGGREGATE:
        return aggregate_wire(symbol, start_ms=at_ms, h=10.0 + number, av=100 * number)
    if queue is QueueName.TRADES:
        return trade_wire(symbol, timestamp_ms=at_ms, q=number, p=10.0 + number)
    return quote_wire(symbol, timestamp_ms=at_ms, q=number)


moments = st.tuples(
    st.sampled_from((QueueName.AGGREGATE, QueueName.TRADES, QueueName.QUOTES)),
    st.sampled_from(SYMBOLS),
    st.integers(-2, 3),
    st.integers(0, 3),
)


def test_an_event_without_another_effect_changes_the_received_time() -> None:
    processor = shard()
    bar = event(QueueName.AGGREGATE, "S0", 2, 1)
    processor.apply([batch(QueueName.AGGREGATE, [bar], received_ns=5 * NS_PER_MS)])
    processor.confirm(processor.tick(published_ns=1))
    older = event(QueueName.AGGREGATE, "S0", 1, 1)
    processor.apply([batch(QueueName.AGGREGATE, [older], received_ns=7 * NS_PER_MS)])
    changed = processor.tick(published_ns=2).changed
    assert block_rows(changed)["S0"]["received_timestamp"] == 7


@given(st.lists(st.lists(moments, max_size=4), max_size=12))
def test_the_changed_rows_of_all_ticks_add_up_to_the_whole(groups: list[list[tuple[Any, ...]]]) -> None:
    processor, double, stored = shard(), shard(), StoredTicks()
    for number, group in enumerate(groups, 1):
        batches = [
            batch(queue, [event(queue, *others)], sequence=number, received_ns=number * NS_PER_MS)
            for queue, *others in group
        ]
        for each in (processor, double):
            each.apply(batches)
        tick = processor.tick(published_ns=1)
        read, expected = stored.store(tick), whole_of(double.tick(published_ns=1))
        processor.confirm(tick)
        assert str(block_rows(read)) == str(block_rows(expected))
        plain = {"symbols": (), "columns": {}, "tick": 0}
        assert msgspec.structs.replace(read, **plain) == msgspec.structs.replace(expected, **plain)
