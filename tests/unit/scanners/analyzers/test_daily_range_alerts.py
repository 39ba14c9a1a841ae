"""New highs and lows of the day: told bar by bar in the order of arrival, however the bars were batched."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.payloads import RowBlock
from marketdata.store.shard_state import Checkpoint, ShardTick
from marketdata.transport.queues import QueueName
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    row_block,
    whole_of,
)
from tests.support.stored_ticks import StoredTicks

DAY, NEXT_DAY = "2026-11-23", "2026-11-24"
CALENDAR: Final = calendar_of(DAY, NEXT_DAY)
SYMBOLS: Final = ("AAA", "BB", "C")
SESSION_NAMES: Final = ("pre_market", "regular", "after_hours")
SESSION_BOUNDS: Final = [new_york_ms(DAY, time) for time in ("04:00", "09:30", "16:00", "20:00")]
HIGH_STREAM, LOW_STREAM = "daily_range_high", "daily_range_low"
PREVIOUS_CLOSE: Final = {"AAA": 10.0, "BB": 0.0}
RESTRICTED_YESTERDAY: Final = {"AAA": 0.0, "C": 1.0}

Wire = Mapping[str, Any]
Alert = tuple[str, str, float, float, float, float, float]


class ShardRig:
    """A shard processor, its alerts collected as whoever listens to the published streams hears them."""

    def __init__(self, epoch: int = 1) -> None:
        self.core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=epoch)
        self.alerts: list[Alert] = []
        self.stored = StoredTicks()

    def bars(self, events: Iterable[Wire]) -> None:
        if wires := list(events):
            self.core.apply([batch(QueueName.AGGREGATE, wires)])

    def publish(self) -> ShardTick:
        tick = self.core.tick(published_ns=1)
        for stream in (HIGH_STREAM, LOW_STREAM):
            for block in tick.streams.get(stream, ()):
                self.alerts += told(stream, block)
        self.stored.store(tick)
        self.core.confirm(tick)
        return tick

    def rows(self) -> dict[str, dict[str, float | None]]:
        self.publish()
        return block_rows(self.stored.rows())


def told(stream: str, block: RowBlock) -> list[Alert]:
    names = ("price", "level", "session", "start_timestamp", "end_timestamp")
    columns = [block.columns[name].tolist() for name in names]
    return [
        (stream, symbol, price, level, session, start, end)
        for symbol, price, level, session, start, end in zip(block.symbols, *columns, strict=True)
    ]


def bar(time_of_day: str, high: float, low: float, symbol: str = "AAA", day: str = DAY) -> Wire:
    return aggregate_wire(symbol, start_ms=new_york_ms(day, time_of_day), h=high, l=low)


def session_of(start_ms: float) -> int:
    inside = [code for code in range(3) if SESSION_BOUNDS[code] <= start_ms < SESSION_BOUNDS[code + 1]]
    return inside[0] if inside else 3


class PlainRange:
    """The slow and obvious way: one bar after the other, dictionaries only."""

    def __init__(self, snapshot: Mapping[str, tuple[float, float]]) -> None:
        self.range = {symbol: list(extremes) for symbol, extremes in snapshot.items()}
        self.by_session: dict[tuple[str, str], list[float]] = {}
        self.counts: dict[str, list[int]] = {}
        self.alerts: list[Alert] = []
        self.stored = StoredTicks()

    def add(self, wire: Wire) -> None:
        symbol, high, low = wire["sym"], wire["h"], wire["l"]
        code = session_of(wire["s"])
        counts = self.counts.setdefault(symbol, [0, 0])
        held = self.range.get(symbol)
        if held is not None and high > held[0]:
            counts[0] += 1
            self.alerts.append((HIGH_STREAM, symbol, high, held[0], code, wire["s"], wire["e"]))
        if held is not None and low < held[1]:
            counts[1] += 1
            self.alerts.append((LOW_STREAM, symbol, low, held[1], code, wire["s"], wire["e"]))
        self.range[symbol] = [high, low] if held is None else [max(held[0], high), min(held[1], low)]
        if code < len(SESSION_NAMES):
            name = SESSION_NAMES[code]
            highs, lows = zip(self.by_session.get((symbol, name), (high, low)), (high, low), strict=True)
            self.by_session[symbol, name] = [max(highs), min(lows)]

    def row(self, symbol: str) -> dict[str, float | None]:
        high, low = self.range.get(symbol, (None, None))
        counts = self.counts.get(symbol, (None, None))
        row: dict[str, float | None] = {
            "day_high": high,
            "day_low": low,
            "new_high_count": counts[0],
            "new_low_count": counts[1],
        }
        for name in SESSION_NAMES:
            extremes = self.by_session.get((symbol, name), (None, None))
            row[f"{name}_high"], row[f"{name}_low"] = extremes
        row["short_sale_restricted"] = self._restricted(symbol)
        return row

    def _restricted(self, symbol: str) -> float | None:
        if symbol not in PREVIOUS_CLOSE:
            return None
        regular = self.by_session.get((symbol, "regular"))
        triggered = regular is not None and regular[1] <= 0.9 * PREVIOUS_CLOSE[symbol]
        return float(triggered or RESTRICTED_YESTERDAY.get(symbol) == 1)


@st.composite
def any_bar(draw: st.DrawFn) -> Wire:
    start_ms = draw(st.sampled_from([*SESSION_BOUNDS, SESSION_BOUNDS[0] + 86_000_000])) + draw(
        st.sampled_from([-1_000, 0, 5_000])
    )
    low, high = sorted(draw(st.tuples(*[st.sampled_from([7.0, 8.5, 9.0, 10.0, 10.5, 12.0])] * 2)))
    symbol = draw(st.sampled_from(SYMBOLS))
    return aggregate_wire(symbol, start_ms=max(start_ms, SESSION_BOUNDS[0]), h=high, l=low)


def reference(snapshot: Mapping[str, tuple[float, float]], made_on: str = DAY) -> RowBlock:
    rows: dict[str, dict[str, float]] = {symbol: {} for symbol in SYMBOLS}
    for symbol, (high, low) in snapshot.items():
        rows[symbol] |= {"snapshot_high": high, "snapshot_low": low}
    for symbol, close in PREVIOUS_CLOSE.items():
        rows[symbol]["prev_day_close"] = close
    for symbol, flag in RESTRICTED_YESTERDAY.items():
        rows[symbol]["prev_day_short_sale_restricted"] = flag
    return row_block(rows, market_time_ms=new_york_ms(made_on, "12:00"))


def batched(wires: Sequence[Wire], data: st.DataObject) -> list[Sequence[Wire]]:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wires)), max_size=5)))
    return [wires[first:last] for first, last in zip([0, *cuts], [*cuts, len(wires)], strict=True)]


@given(
    wires=st.lists(any_bar(), min_size=1, max_size=40),
    snapshot=st.dictionaries(st.sampled_from(SYMBOLS), st.just((10.5, 8.5))),
    data=st.data(),
)
def test_alerts_and_ranges_equal_the_plain_computation(
    wires: list[Wire], snapshot: dict[str, tuple[float, float]], data: st.DataObject
) -> None:
    shard, plain = ShardRig(), PlainRange(snapshot)
    shard.core.apply_reference(reference(snapshot))
    for part in batched(wires, data):
        shard.bars(part)
        if data.draw(st.booleans()):
            shard.publish()
    for wire in wires:
        plain.add(wire)

    rows = shard.rows()

    for stream in (HIGH_STREAM, LOW_STREAM):
        heard = [alert for alert in shard.alerts if alert[0] == stream]
        assert heard == [alert for alert in plain.alerts if alert[0] == stream]
    for symbol in {wire["sym"] for wire in wires}:
        expected = plain.row(symbol)
        assert {name: rows[symbol][name] for name in expected} == expected


@given(wires=st.lists(any_bar(), min_size=2, max_size=30), data=st.data())
def test_a_successor_tells_every_alert_once(wires: list[Wire], data: st.DataObject) -> None:
    """The owner dies after applying bars that no tick published; its successor is sent them again."""
    undisturbed = ShardRig()
    undisturbed.bars(wires)
    undisturbed.publish()
    published = data.draw(st.integers(0, len(wires) - 1))
    lost = data.draw(st.integers(published, len(wires)))
    first = ShardRig()
    first.bars(wires[:published])
    tick = first.publish()
    first.bars(wires[published:lost])

    successor = ShardRig(epoch=2)
    successor.core.restore(Checkpoint(whole_of(tick), tick.private_columns))
    sent_again = data.draw(st.integers(0, published))
    successor.bars(wires[sent_again:])
    successor.publish()

    for stream in (HIGH_STREAM, LOW_STREAM):
        heard = [alert for alert in [*first.alerts, *successor.alerts] if alert[0] == stream]
        assert heard == [alert for alert in undisturbed.alerts if alert[0] == stream]
    assert successor.rows() == undisturbed.rows()


def test_the_first_print_of_a_day_is_no_new_high() -> None:
    shard = ShardRig()
    shard.bars([bar("09:30:00", 11.0, 9.0)])
    row = shard.rows()["AAA"]
    assert shard.alerts == []
    assert (row["new_high_count"], row["new_low_count"]) == (0, 0)
    shard.bars([bar("04:00:00", 12.0, 9.5, day=NEXT_DAY)])
    shard.publish()
    assert shard.alerts == [], "the first print of the next day neither"


def test_an_alert_tells_price_level_session_bar_and_circumstances() -> None:
    shard = ShardRig()
    shard.bars([bar("09:29:59", 11.0, 9.0), bar("09:30:00", 11.5, 9.0), bar("09:30:01", 11.25, 9.0)])
    (block,) = shard.publish().streams[HIGH_STREAM]
    start_ms = new_york_ms(DAY, "09:30:00")
    assert told(HIGH_STREAM, block) == [(HIGH_STREAM, "AAA", 11.5, 11.0, 1, start_ms, start_ms + 1_000)]
    assert block.columns["accumulated_volume"].tolist() == [1_000.0]


def test_a_second_of_several_new_highs_tells_each_of_them() -> None:
    shard = ShardRig()
    shard.bars(bar("10:00:00", high, 9.0) for high in (10.0, 11.0, 11.0, 10.5, 12.0))
    shard.publish()
    assert [(price, level) for _, _, price, level, *_ in shard.alerts] == [(11.0, 10.0), (12.0, 11.0)]


def test_the_night_widens_the_range_of_the_day_alone() -> None:
    shard = ShardRig()
    shard.bars([bar("19:59:59", 11.0, 9.0), bar("20:00:00", 12.0, 9.0)])
    row = shard.rows()["AAA"]
    assert (row["day_high"], row["after_hours_high"]) == (12.0, 11.0)
    assert [alert[4] for alert in shard.alerts] == [3]


def test_a_group_of_bars_from_night_to_night_widens_the_sessions_between() -> None:
    shard = ShardRig()
    before_four = bar("04:00:00", 10.0, 9.0)
    before_four = {**before_four, "s": before_four["s"] - 999}
    shard.bars(
        [before_four, bar("08:00:00", 11.0, 9.0), bar("12:00:00", 12.0, 9.0), bar("20:00:00", 13.0, 9.0)]
    )
    row = shard.rows()["AAA"]
    assert (row["pre_market_high"], row["regular_high"], row["day_high"]) == (11.0, 12.0, 13.0)


def test_a_snapshot_of_the_day_is_a_range_known_before_the_first_bar() -> None:
    shard = ShardRig()
    shard.core.apply_reference(reference({"AAA": (12.0, 8.0)}))
    shard.bars([bar("12:00:01", 11.0, 9.0), bar("12:00:02", 12.5, 9.0)])
    row = shard.rows()["AAA"]
    assert [alert[2:4] for alert in shard.alerts] == [(12.5, 12.0)]
    assert (row["day_high"], row["day_low"], row["regular_low"]) == (12.5, 8.0, 9.0)


def test_a_snapshot_that_comes_later_widens_the_range_without_an_alert() -> None:
    shard = ShardRig()
    shard.bars([bar("12:00:01", 11.0, 9.0)])
    shard.core.apply_reference(reference({"AAA": (12.0, 8.0)}))
    assert shard.rows()["AAA"]["day_high"] == 12.0
    shard.bars([bar("12:00:02", 11.5, 8.5)])
    shard.publish()
    assert shard.alerts == []


@pytest.mark.parametrize("made_on", [DAY, "2026-11-25"])
def test_a_snapshot_of_another_day_tells_nothing(made_on: str) -> None:
    shard = ShardRig()
    shard.core.apply_reference(reference({"AAA": (12.0, 8.0)}, made_on))
    shard.bars([bar("04:00:01", 11.0, 9.0, day=NEXT_DAY)])
    row = shard.rows()["AAA"]
    assert (row["day_high"], row["day_low"], row["snapshot_high"]) == (11.0, 9.0, None)


def test_a_snapshot_made_before_the_shard_saw_the_day_counts_from_its_start() -> None:
    shard = ShardRig()
    shard.bars([bar("15:00:00", 20.0, 15.0)])
    shard.core.apply_reference(reference({"AAA": (12.0, 8.0)}, NEXT_DAY))
    assert shard.rows()["AAA"]["day_high"] == 20.0
    shard.bars([bar("12:00:01", 11.0, 9.0, day=NEXT_DAY)])
    assert shard.rows()["AAA"]["day_high"] == 12.0


def test_a_snapshot_ends_with_its_day_also_for_a_successor_without_reference_data() -> None:
    first = ShardRig()
    first.core.apply_reference(reference({"AAA": (12.0, 8.0)}))
    first.bars([bar("12:00:01", 11.0, 9.0)])
    tick = first.publish()
    successor = ShardRig(epoch=2)
    successor.core.restore(Checkpoint(whole_of(tick), tick.private_columns))
    successor.bars([bar("04:00:01", 11.0, 9.0, day=NEXT_DAY)])
    assert successor.rows()["AAA"]["day_high"] == 11.0


def test_bars_of_the_nights_before_and_after_hide_none_of_the_sessions_between() -> None:
    shard = ShardRig()
    across_the_start = aggregate_wire("BB", start_ms=new_york_ms(DAY, "04:00") - 500)
    shard.bars([across_the_start, bar("10:00", 12.0, 9.0), bar("21:00", 11.0, 10.0, "C")])
    rows = shard.rows()
    assert (rows["AAA"]["regular_high"], rows["AAA"]["regular_low"]) == (12.0, 9.0)
    assert rows["BB"]["pre_market_high"] is None
    assert rows["C"]["after_hours_high"] is None
