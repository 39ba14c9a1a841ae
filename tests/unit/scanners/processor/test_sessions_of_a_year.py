"""The awkward days and instants of a year: clock changes, half days, holidays, nights, starts at any time."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.trading_calendar import SessionBoundaries, SessionHours, TradingCalendar
from marketdata.transport.queues import QueueName
from scanners.analysis.bars import BAR_COLUMNS
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.oracle.comparison import same
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    quote_wire,
    row_block,
    trade_wire,
)
from tests.support.stored_ticks import StoredTicks

Wire = Mapping[str, Any]
Row = dict[str, float | None]
MINUTE_MS: Final = 60_000


class ShardRig:
    """A shard processor that is fed events and read row by row."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self.core = ShardProcessor(0, routes=routes(), calendar=calendar, epoch=1)
        self.core.apply_reference(row_block({"AAPL": {}}))  # it has a row on the next day, too
        self.alerts: list[tuple[str, float, float]] = []
        self._stored = StoredTicks()

    def apply(self, *events: Wire, queue: QueueName = QueueName.AGGREGATE) -> Mapping[str, int]:
        outcome = self.core.apply([batch(queue, events)])
        return outcome.ignored

    def bar(self, date: str, time_of_day: str, symbol: str = "AAPL", **fields: object) -> Mapping[str, int]:
        return self.apply(aggregate_wire(symbol, start_ms=new_york_ms(date, time_of_day)) | fields)

    def publish(self) -> dict[str, Row]:
        tick = self.core.tick(published_ns=1)
        self.core.confirm(tick)
        for stream in ("daily_range_high", "daily_range_low"):
            for block in tick.streams.get(stream, ()):
                columns = (block.columns["price"].tolist(), block.columns["session"].tolist())
                self.alerts += zip(block.symbols, *columns, strict=True)
        return block_rows(self._stored.store(tick))

    def row(self, symbol: str = "AAPL") -> Row:
        return self.publish()[symbol]


@pytest.mark.parametrize(
    ("friday", "monday"),
    [
        pytest.param("2026-03-06", "2026-03-09", id="the clocks go forward"),
        pytest.param("2026-10-30", "2026-11-02", id="the clocks go back"),
    ],
)
def test_days_and_opens_follow_new_york_when_its_clocks_change(friday: str, monday: str) -> None:
    shard = ShardRig(calendar_of(friday, monday))
    shard.bar(friday, "19:59:59", c=7.0)
    shard.bar(monday, "03:59:59", c=8.0)
    assert shard.row()["close"] == 8.0, "it belongs to Friday's trading day"

    shard.bar(monday, "04:00:00", "MSFT")
    assert shard.row()["close"] is None

    shard.bar(monday, "09:29:59", o=10.0, c=12.0)
    assert shard.row()["change_since_open"] == 2.0
    shard.bar(monday, "09:30:00", "MSFT")
    assert shard.row()["change_since_open"] is None
    assert shard.bar(friday, "20:30:00") == {"other_day": 1}


def test_a_half_day_ends_its_sessions_early() -> None:
    half_day, following = "2026-11-27", "2026-11-30"
    shard = ShardRig(calendar_of(half_day, following, early_closes=(half_day,)))
    for time_of_day, high in (("12:59:59", 10.0), ("13:00:00", 11.0), ("16:59:59", 12.0), ("17:00:00", 13.0)):
        shard.bar(half_day, time_of_day, h=high, l=10.0)
    row = shard.row()
    assert (row["regular_high"], row["after_hours_high"], row["day_high"]) == (10.0, 12.0, 13.0)
    assert shard.alerts == [("AAPL", 11.0, 2), ("AAPL", 12.0, 2), ("AAPL", 13.0, 3)]


def test_a_holiday_belongs_to_the_session_before_it() -> None:
    before, holiday, after = "2026-11-25", "2026-11-26", "2026-11-27"
    shard = ShardRig(calendar_of(before, after))
    shard.bar(before, "15:00:00", o=5.0, c=6.0, h=20.0)
    for time_of_day in ("04:00:00", "09:30:00", "16:00:00"):
        assert shard.bar(holiday, time_of_day, c=7.0) == {}
    row = shard.row()
    assert (row["close"], row["day_high"], row["change_since_open"]) == (7.0, 20.0, 2.0)
    shard.bar(after, "04:00:00", h=8.0, l=8.0)
    assert shard.row()["day_high"] == 8.0


@pytest.mark.parametrize("queue", [QueueName.AGGREGATE, QueueName.TRADES, QueueName.QUOTES])
def test_the_last_millisecond_before_four_is_of_the_day_before(queue: QueueName) -> None:
    tuesday, wednesday = "2026-11-24", "2026-11-25"
    four_ms = new_york_ms(wednesday, "04:00:00")

    def event(time_ms: int) -> Wire:
        if queue is QueueName.AGGREGATE:
            return aggregate_wire("MSFT", start_ms=time_ms - 999)  # its last millisecond is the given one
        make = trade_wire if queue is QueueName.TRADES else quote_wire
        return make("MSFT", timestamp_ms=time_ms)

    shard = ShardRig(calendar_of(tuesday, wednesday))
    shard.bar(tuesday, "15:00:00")
    assert shard.apply(event(four_ms - 1), queue=queue) == {}
    assert shard.row()["close"] is not None
    assert shard.apply(event(four_ms), queue=queue) == {}
    assert shard.row()["close"] is None


def test_a_first_event_before_four_begins_the_day_before() -> None:
    tuesday, wednesday = "2026-11-24", "2026-11-25"
    shard = ShardRig(calendar_of(tuesday, wednesday))
    shard.bar(wednesday, "03:59:00", h=30.0)
    assert shard.row()["day_high"] == 30.0
    shard.bar(wednesday, "04:00:00", h=10.0)
    assert shard.row()["day_high"] == 10.0


@pytest.mark.parametrize("queue", [QueueName.AGGREGATE, QueueName.TRADES, QueueName.QUOTES])
def test_without_any_event_around_the_open_the_first_one_later_resets(queue: QueueName) -> None:
    day = "2026-11-24"
    first_ms = new_york_ms(day, "09:47:00")
    events = {
        QueueName.AGGREGATE: aggregate_wire("MSFT", start_ms=first_ms),
        QueueName.TRADES: trade_wire("MSFT", timestamp_ms=first_ms),
        QueueName.QUOTES: quote_wire("MSFT", timestamp_ms=first_ms),
    }
    shard = ShardRig(calendar_of(day))
    shard.bar(day, "09:20:00", o=10.0, c=12.0)
    assert shard.row()["change_since_open"] == 2.0

    shard.apply(events[queue], queue=queue)

    assert shard.row()["change_since_open"] is None
    shard.bar(day, "09:50:00", o=13.0, c=14.0)
    assert shard.row()["change_since_open"] == 1.0


def test_a_late_bar_counts_for_the_session_in_which_it_started() -> None:
    day = "2026-11-24"
    shard = ShardRig(calendar_of(day))
    shard.bar(day, "09:30:00", h=10.0, l=10.0, c=10.0)
    shard.bar(day, "09:29:59", h=12.0, l=10.0, c=11.0)
    row = shard.row()
    assert (row["close"], row["pre_market_high"], row["regular_high"]) == (10.0, 12.0, 10.0)
    assert shard.alerts == [("AAPL", 12.0, 0)]


def test_a_bar_that_is_sent_again_replaces_the_first_and_keeps_the_range() -> None:
    day = "2026-11-24"
    shard = ShardRig(calendar_of(day))
    shard.bar(day, "10:00:00", h=12.0, l=10.0, c=11.0, av=500)
    shard.bar(day, "10:00:00", h=11.0, l=10.0, c=10.5, av=400)
    row = shard.row()
    assert (row["close"], row["accumulated_volume"], row["high"], row["day_high"]) == (10.5, 400, 11.0, 12.0)
    assert (row["new_high_count"], shard.alerts) == (0, [])


def test_a_day_may_begin_on_the_evening_before() -> None:
    tuesday, wednesday, thursday = "2026-11-24", "2026-11-25", "2026-11-26"
    hours = [
        SessionHours(dt.date.fromisoformat(day), new_york_ms(day, "09:30"), new_york_ms(day, "16:00"))
        for day in (tuesday, wednesday, thursday)
    ]
    shard = ShardRig(TradingCalendar(hours, SessionBoundaries(day_start=dt.time(21, 0))))
    shard.bar(tuesday, "19:59:59", h=30.0)
    shard.bar(tuesday, "21:00:00", o=9.0, c=9.0, h=9.5, l=9.0)
    shard.bar(wednesday, "03:59:59", c=9.5, h=10.0, l=9.0)
    shard.bar(wednesday, "04:00:00", c=10.0, h=10.5, l=10.0)
    row = shard.row()
    assert (row["day_high"], row["pre_market_high"], row["change_since_open"]) == (10.5, 10.5, 1.0)
    assert shard.alerts == [("AAPL", 10.0, 3), ("AAPL", 10.5, 0)]


# --- Start-up at any minute ---------------------------------------------------------------------------------

DAY: Final = "2026-11-23"
CALENDAR: Final = calendar_of(DAY, "2026-11-24")
SYMBOLS: Final = ("AAA", "BB", "C")
BOUNDS_MS: Final = {
    session: new_york_ms(DAY, time_of_day)
    for session, time_of_day in (("pre_market", "04:00"), ("regular", "09:30"), ("after_hours", "16:00"))
}
START_MS: Final = BOUNDS_MS["pre_market"]
OPEN_MS: Final = BOUNDS_MS["regular"]
MINUTES: Final = 16 * 60
PREVIOUS_CLOSE, AVERAGE_VOLUME = 9.0, 5_000.0


@st.composite
def a_day(draw: st.DrawFn) -> list[Wire]:
    """Bars of a day in the order of their time; the official open is told from a minute after the open on."""
    minutes = draw(st.lists(st.integers(0, MINUTES - 1), min_size=1, max_size=40))
    bars: list[Wire] = []
    for count, minute in enumerate(sorted(minutes), 1):
        low, high = sorted(draw(st.tuples(*[st.sampled_from([8.0, 9.5, 10.0, 11.0, 14.0])] * 2)))
        start_ms = START_MS + minute * MINUTE_MS
        bars.append(
            aggregate_wire(
                draw(st.sampled_from(SYMBOLS)),
                start_ms=start_ms,
                h=high,
                l=low,
                o=low,
                c=high,
                av=count * 100,
                op=9.75 if start_ms > OPEN_MS else 0,
            )
        )
    return bars


def started_shard(snapshot: Mapping[str, tuple[float, float]]) -> ShardRig:
    """A shard with the reference data of the morning, and the range of the day as far as it has come."""
    rows = {symbol: {"prev_day_close": PREVIOUS_CLOSE, "avg_volume": AVERAGE_VOLUME} for symbol in SYMBOLS}
    for symbol, (high, low) in snapshot.items():
        rows[symbol] |= {"snapshot_high": high, "snapshot_low": low}
    shard = ShardRig(CALENDAR)
    shard.core.apply_reference(row_block(rows, market_time_ms=START_MS))
    return shard


def range_of(bars: Iterable[Wire]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for bar in bars:
        high, low = found.get(bar["sym"], (bar["h"], bar["l"]))
        found[bar["sym"]] = (max(high, bar["h"]), min(low, bar["l"]))
    return found


def known_columns(seen: Sequence[Wire], missed: Sequence[Wire]) -> set[str]:
    """What a processor that saw only the later bars of a symbol can know as well as one that saw all."""
    newest = seen[-1]
    names = {*BAR_COLUMNS, "change", "pct_change", "relative_volume", "float_rotation", "vwap_distance_pct"}
    names |= {"day_high", "day_low", "official_open_price"}
    for session, begins_ms in BOUNDS_MS.items():
        if all(bar["s"] < begins_ms for bar in missed):
            names |= {f"{session}_high", f"{session}_low"}
    knows_session_open = all(bar["s"] < OPEN_MS for bar in missed) and newest["s"] >= OPEN_MS
    if not missed or newest["op"] or knows_session_open:
        names |= {"change_since_open", "pct_change_since_open", "gap_pct"}
    return names


@given(bars=a_day(), cut_minute=st.integers(0, MINUTES - 1), data=st.data())
def test_a_start_at_any_minute_comes_to_what_can_be_known(
    bars: list[Wire], cut_minute: int, data: st.DataObject
) -> None:
    cut_ms = START_MS + cut_minute * MINUTE_MS
    missed = [bar for bar in bars if bar["s"] < cut_ms]
    seen = [bar for bar in bars if bar["s"] >= cut_ms]
    whole, late = started_shard({}), started_shard(range_of(missed))
    for bar in missed:
        whole.apply(bar)
    whole.publish()
    whole.alerts.clear()
    size = data.draw(st.integers(1, 10))
    for first in range(0, len(seen), size):
        for shard in (whole, late):
            shard.apply(*seen[first : first + size])

    expected, found = whole.publish(), late.publish()

    assert sorted(late.alerts) == sorted(whole.alerts)
    for symbol in {bar["sym"] for bar in seen}:
        own_seen = [bar for bar in seen if bar["sym"] == symbol]
        own_missed = [bar for bar in missed if bar["sym"] == symbol]
        different = {
            name: (found[symbol][name], expected[symbol][name])
            for name in known_columns(own_seen, own_missed)
            if not same(name, found[symbol][name], expected[symbol][name])
        }
        assert different == {}
