"""Changes and volumes over the last minutes, however late, repeated, permuted or cut the bars are."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketdata.payloads import RowBlock
from marketdata.reference.volume_curve import VolumeCurve
from marketdata.transport.queues import QueueName
from scanners.processor.shard import Checkpoint, ShardProcessor
from scanners.registry import routes
from tests.support.builders import aggregate_wire, batch, block_rows, calendar_of, new_york_ms, row_block
from tests.unit.scanners.processor.bar_oracle import same
from tests.unit.scanners.processor.window_oracle import MINUTE_MS, expected_windows

DAY = "2026-11-23"
START_MS = new_york_ms(DAY, "10:00")
AVERAGE_VOLUME = {"AAA": 400_000.0}
CURVE = VolumeCurve(
    shares=np.linspace(0, 1, 16 * 60 + 1) ** 2, symbols=("SPY",), sessions=20, last_date=dt.date(2026, 11, 20)
)
DAY_START_MS = new_york_ms(DAY, "04:00")

Wire = dict[str, Any]


def bar(symbol: str, minute: int, second: int = 0, *, ev: str = "A", **fields: object) -> Wire:
    return aggregate_wire(symbol, start_ms=START_MS + minute * MINUTE_MS + second * 1_000, ev=ev, **fields)


@st.composite
def bars(draw: st.DrawFn) -> Wire:
    """Mostly within twenty minutes, some an hour apart, on the seconds around the minute."""
    is_minute = draw(st.booleans())
    return bar(
        draw(st.sampled_from(("AAA", "BB"))),
        draw(st.one_of(st.integers(0, 20), st.sampled_from((-61, 33, 70)))),
        0 if is_minute else draw(st.sampled_from((0, 1, 58, 59))),
        ev="AM" if is_minute else "A",
        v=draw(st.integers(0, 500)),
        av=draw(st.integers(500, 9_000)),
        c=draw(st.sampled_from([1.0, 9.5, 10.0, 12.25])),
    )


def new_shard(epoch: int, curve: VolumeCurve | None) -> ShardProcessor:
    shard = ShardProcessor(0, routes=routes(), calendar=calendar_of(DAY, "2026-11-24"), epoch=epoch)
    shard.apply_reference(
        row_block({symbol: {"avg_volume": average} for symbol, average in AVERAGE_VOLUME.items()}), curve
    )
    return shard


def run_shard(
    batches: Sequence[Sequence[Wire]], curve: VolumeCurve | None, resumed_before: int = -1
) -> dict[str, dict[str, float | None]]:
    """Rows after all batches; a successor takes over before one of them, and is sent the one before again."""
    shard = new_shard(1, curve)
    whole: RowBlock | None = None
    sheets: dict[str, RowBlock] = {}
    for number, events in enumerate(batches):
        if number == resumed_before and whole is not None:
            shard = new_shard(2, curve)
            shard.restore(Checkpoint(whole, sheets))
            shard.apply([batch(QueueName.AGGREGATE, batches[number - 1])])
        shard.apply([batch(QueueName.AGGREGATE, events)])
        tick = shard.tick(published_ns=1)
        whole, sheets = tick.whole, {**sheets, **tick.sheets}
        shard.confirm(tick)
    return block_rows(shard.tick(published_ns=2).whole)


def different(
    rows: Mapping[str, Mapping[str, float | None]], arrived: Sequence[Wire], curve: VolumeCurve | None
) -> dict[tuple[str, str], object]:
    by_symbol = defaultdict(list)
    for event in arrived:
        by_symbol[event["sym"]].append(event)
    expected = {
        symbol: expected_windows(
            events, average_volume=AVERAGE_VOLUME.get(symbol), usual_share=shares_by_time(curve)
        )
        for symbol, events in by_symbol.items()
    }
    return {
        (symbol, name): (rows[symbol][name], value)
        for symbol, row in expected.items()
        for name, value in row.items()
        if not same(rows[symbol][name], value)
    }


class _Shares(dict[int, float]):
    def __missing__(self, time_ms: int) -> float:
        minutes = (time_ms - DAY_START_MS) / MINUTE_MS
        return float(CURVE.share_at(minutes))


def shares_by_time(curve: VolumeCurve | None) -> Mapping[int, float] | None:
    return None if curve is None else _Shares()


@given(day=st.lists(bars(), min_size=1, max_size=25), data=st.data())
def test_windows_equal_the_plain_computation(day: list[Wire], data: st.DataObject) -> None:
    repeated = day + data.draw(st.lists(st.sampled_from(day), max_size=5))
    arrived = data.draw(st.one_of(st.just(repeated), st.permutations(repeated)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(arrived)), max_size=6)))
    batches = [arrived[first:last] for first, last in zip([0, *cuts], [*cuts, len(arrived)], strict=True)]
    curve = data.draw(st.sampled_from((None, CURVE)))

    rows = run_shard(
        [events for events in batches if events], curve, resumed_before=data.draw(st.integers(0, 3))
    )

    assert different(rows, arrived, curve) == {}
