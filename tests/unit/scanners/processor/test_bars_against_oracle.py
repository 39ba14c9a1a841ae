"""Whatever the order, the repetitions and the batching of a day's bars: the rows come out the same."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from marketdata.payloads import RowBlock
from marketdata.transport.queues import QueueName
from scanners.processor.shard import Checkpoint, ShardProcessor
from scanners.registry import routes
from tests.support.builders import aggregate_wire, batch, block_rows, calendar_of, new_york_ms, row_block
from tests.unit.scanners.processor.bar_oracle import expected_rows, same

DAY = "2026-11-23"
CALENDAR = calendar_of(DAY, "2026-11-24")
OPEN_MS = new_york_ms(DAY, "09:30")
SYMBOLS = ("AAA", "BB", "C")
PREVIOUS_CLOSE = {"AAA": 10.0, "BB": 0.0}
AVERAGE_VOLUME = {"AAA": 4_000.0, "C": 0.0}

prices = st.sampled_from([1.0, 9.5, 10.0, 12.25, 80.0])


@st.composite
def bars(draw: st.DrawFn) -> dict[str, object]:
    """A second or minute bar around the open, with and without an official open."""
    is_minute = draw(st.booleans())
    minutes = draw(st.integers(-3, 3))
    start_ms = OPEN_MS + minutes * 60_000 + (0 if is_minute else draw(st.integers(0, 2)) * 1_000)
    return aggregate_wire(
        draw(st.sampled_from(SYMBOLS)),
        start_ms=start_ms,
        ev="AM" if is_minute else "A",
        v=draw(st.integers(0, 500)),
        av=draw(st.integers(0, 9_000)),
        o=draw(prices),
        c=draw(prices),
        h=draw(prices),
        l=draw(prices),
        op=draw(st.sampled_from([None, 0, 11.0, 12.0])),
    )


def new_shard(epoch: int) -> ShardProcessor:
    shard = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=epoch)
    shard.apply_reference(
        row_block(
            {
                symbol: {
                    name: values[symbol]
                    for name, values in (("prev_day_close", PREVIOUS_CLOSE), ("avg_volume", AVERAGE_VOLUME))
                    if symbol in values
                }
                for symbol in SYMBOLS
            },
            names=("prev_day_close", "avg_volume"),
        )
    )
    return shard


def run_shard(
    batches: Sequence[Sequence[Mapping[str, object]]], resumed_before: int
) -> dict[str, dict[str, float | None]]:
    """Rows after all batches; a successor takes over before one of them, and is sent the one before again."""
    shard = new_shard(1)
    whole: RowBlock | None = None
    sheets: dict[str, RowBlock] = {}
    for number, events in enumerate(batches):
        if number == resumed_before and whole is not None:
            shard = new_shard(2)
            shard.restore(Checkpoint(whole, sheets))
            shard.apply([batch(QueueName.AGGREGATE, batches[number - 1])])
        shard.apply([batch(QueueName.AGGREGATE, events)])
        tick = shard.tick(published_ns=1)
        whole, sheets = tick.whole, {**sheets, **tick.sheets}
        shard.confirm(tick)
    return block_rows(shard.tick(published_ns=2).whole)


@given(day=st.lists(bars(), min_size=1, max_size=25), data=st.data())
def test_rows_equal_the_plain_computation(day: list[dict[str, object]], data: st.DataObject) -> None:
    repeated = day + data.draw(st.lists(st.sampled_from(day), max_size=5))
    arrived = data.draw(st.permutations(repeated)) if data.draw(st.booleans()) else repeated
    cuts = sorted(data.draw(st.sets(st.integers(1, len(arrived)), max_size=4)))
    batches = [arrived[first:last] for first, last in zip([0, *cuts], [*cuts, len(arrived)], strict=True)]

    rows = run_shard([events for events in batches if events], resumed_before=data.draw(st.integers(0, 3)))

    expected = expected_rows(
        arrived,  # type: ignore[arg-type]
        opens_at_ms=OPEN_MS,
        previous_close=PREVIOUS_CLOSE,
        average_volume=AVERAGE_VOLUME,
    )
    assert set(rows) == set(expected)
    different = {
        (symbol, name): (rows[symbol][name], value)
        for symbol, row in expected.items()
        for name, value in row.items()
        if not same(rows[symbol][name], value)
    }
    assert different == {}
