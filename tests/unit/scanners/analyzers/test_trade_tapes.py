"""Which trades come onto a symbol's tape, with which sizes, and what a tick stores of it."""

from collections.abc import Mapping, Sequence

import pytest

from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.tapes import TapeTick, decode_tape, encode_header
from marketdata.transport.queues import QueueName
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import batch, block_rows, calendar_of, new_york_ms, trade_wire, whole_of

DAY = "2026-11-23"
CALENDAR = calendar_of(DAY, "2026-11-24")
OPENS_MS = new_york_ms(DAY, "09:30")
DAY_START_MS = new_york_ms(DAY, "04:00")
Event = Mapping[str, object]


def shard(epoch: int = 1) -> ShardProcessor:
    return ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=epoch)


def tick_after(processor: ShardProcessor, *groups: Sequence[Event]) -> ShardTick:
    for events in groups:
        processor.apply([batch(QueueName.TRADES, events)])
    return processor.tick(published_ns=1)


def tapes_of(tick: ShardTick) -> TapeTick:
    assert tick.tapes is not None
    return tick.tapes


def trade(second: int, symbol: str = "AAPL", **fields: object) -> dict[str, object]:
    return trade_wire(symbol, timestamp_ms=OPENS_MS + 1_000 * second, q=second, **fields)


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        (None, True),
        ([12], True),
        ([37, 14], True),
        ([2], True),
        ([15], False),
        ([16, 14], False),
        ([38], False),
    ],
)
def test_a_trade_counts_unless_a_condition_keeps_it_out_of_the_volume(
    conditions: list[int] | None, counts: bool
) -> None:
    event = trade(1) | ({} if conditions is None else {"c": conditions})
    row = block_rows(whole_of(tick_after(shard(), [event])))["AAPL"]
    assert row["trade_count"] == (1 if counts else None)
    assert row["trades_per_minute"] == (1 if counts else None)


def without(event: Event, *keys: str) -> Event:
    return {key: value for key, value in event.items() if key not in keys}


@pytest.mark.parametrize("field", ["i", "x", "z"])
@pytest.mark.parametrize("left_out", [(), ("q",)], ids=["numbered", "not numbered"])
def test_prints_that_differ_in_id_exchange_or_tape_alone_are_as_many_trades(
    field: str, left_out: Sequence[str]
) -> None:
    prints = [without({**trade(1), field: number}, *left_out) for number in range(100)]
    processor = shard()

    row = block_rows(whole_of(tick_after(processor, prints)))["AAPL"]
    assert (row["trade_count"], row["trade_volume"]) == (100, 10_000)

    again = block_rows(whole_of(tick_after(processor, prints[::-1], prints[:50])))["AAPL"]
    assert again == row, "sent twice they remain what they are"


def test_a_tape_is_summed_up() -> None:
    sizes = ((0, None, "0.007300"), (30, 200, "200.250000"), (65, 100, None), (66, 5, "nonsense"))
    trades = [trade(second, s=size or 0, ds=exact) for second, size, exact in sizes]
    row = block_rows(whole_of(tick_after(shard(), trades)))["AAPL"]
    assert row["trade_count"] == 4
    assert row["trade_volume"] == 305.2573
    assert row["trade_average_size"] == 305.2573 / 4
    assert row["trade_largest_size"] == 200.25
    assert row["trade_span_ms"] == 66_000
    assert row["trades_per_minute"] == 3, "the first is more than 60 s older than the newest"


def test_a_minute_that_holds_more_than_the_tape_is_a_rate() -> None:
    trades = [
        trade_wire(timestamp_ms=OPENS_MS + 10 * number, q=number, p=1.0 + number) for number in range(1_500)
    ]
    row = block_rows(whole_of(tick_after(shard(), trades)))["AAPL"]
    assert row["trade_span_ms"] == 9_990
    assert row["trades_per_minute"] == 1_000 * 60_000 / 9_990


def test_the_same_trades_again_change_nothing() -> None:
    processor = shard()
    trades = [trade(second) for second in range(20)]
    processor.confirm(first := tick_after(processor, trades))
    again = tick_after(processor, trades[::-1], trades[5:9])
    assert block_rows(whole_of(again))["AAPL"]["trade_count"] == 20
    assert len(tapes_of(first).writes) == 1
    assert len(tapes_of(again).writes) == 0


def test_what_was_not_published_is_stored_with_the_next_tick() -> None:
    processor = shard()
    processor.confirm(tick_after(processor, [trade(0)]))
    lost = tick_after(processor, [trade(1)])
    tick = tick_after(processor, [trade(2)])
    (part,), (lost_part,) = tapes_of(tick).writes.parts, tapes_of(lost).writes.parts
    assert part.startswith(lost_part)
    assert len(part) == 2 * len(lost_part)
    processor.confirm(tick)
    assert len(tapes_of(processor.tick(published_ns=3)).writes) == 0


def test_the_first_tick_of_a_day_notes_that_all_tapes_are_stored() -> None:
    processor = shard()
    assert processor.tick(published_ns=1).tapes is None
    first = tick_after(processor, [trade(0)])
    assert tapes_of(first).completes
    processor.confirm(first)
    assert not tapes_of(tick_after(processor, [trade(1)])).completes

    next_day = trade_wire(timestamp_ms=new_york_ms("2026-11-24", "04:00"), q=1)
    tick = tick_after(processor, [next_day])
    assert tapes_of(tick).completes
    assert block_rows(whole_of(tick))["AAPL"]["trade_count"] == 1
    assert tapes_of(tick).writes.parts[0].startswith(encode_header(new_york_ms("2026-11-24", "04:00")))


@pytest.mark.parametrize("noted_day_ms", [DAY_START_MS, None, DAY_START_MS - 86_400_000])
def test_a_successor_stores_all_again_unless_all_is_known_to_be_stored(noted_day_ms: int | None) -> None:
    processor = shard()
    tick = tick_after(processor, [trade(0), trade(1, "MSFT")])
    successor = shard(epoch=2)
    successor.restore(Checkpoint(whole_of(tick), tick.private_columns))
    successor.checkpoint.restore_tapes(0, [decode_tape(part) for part in tapes_of(tick).writes.parts])
    successor.checkpoint.complete_tapes(noted_day_ms)

    after = tick_after(successor, [trade(0), trade(2)])

    assert block_rows(whole_of(after))["AAPL"]["trade_count"] == 2
    is_complete = noted_day_ms == DAY_START_MS
    assert tapes_of(after).completes == (not is_complete)
    assert set(tapes_of(after).writes.symbols) == ({"AAPL"} if is_complete else {"AAPL", "MSFT"})
