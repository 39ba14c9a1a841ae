"""The trades of a symbol: a client ends with what is stored, whatever order trades come in."""

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marketdata.tapes import StoredTape, records_of
from tests.support.feeds import feed_of
from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import text_of
from widgets.hub.feeds.stream import ROWS_HELD
from widgets.hub.feeds.tape import TapeStream

DAY_MS = 1_800_000_000_000
Trade = tuple[int, int, float, float]


def stream() -> TapeStream:
    return TapeStream(feed_of("trades:AAPL"), 1, ManualClock())


def tape(*trades: Trade) -> StoredTape:
    """A stored tape of trades: milliseconds of the day, sequence number, price, size."""
    times, numbers, prices, sizes = (np.array(values) for values in zip(*trades, strict=True))
    ring = records_of(
        DAY_MS + times.astype(np.int64),
        numbers.astype(np.int64),
        prices.astype(np.float64),
        sizes.astype(np.float64),
        np.zeros(len(trades)),
        day_start_ms=DAY_MS,
    )
    return StoredTape(DAY_MS, ring)


def row(trade: Trade) -> list[Any]:
    return ["AAPL", trade[2], trade[3], DAY_MS + trade[0], trade[1]]


def frame(feed: TapeStream) -> dict[str, Any] | None:
    text = text_of(feed.emit())
    if text is None:
        return None
    decoded: dict[str, Any] = json.loads(text)
    return decoded


def test_a_tape_is_a_snapshot_and_then_the_trades_that_are_new() -> None:
    feed, first, second = stream(), (5, 1, 10.0, 100.0), (5, 2, 10.5, 0.25)
    feed.offer(tape(first), received_ns=1, market_time_ms=7)
    snapshot = frame(feed)
    assert snapshot is not None
    assert (snapshot["type"], snapshot["columns"]) == (
        "snapshot",
        ["trade_price", "trade_size", "trade_timestamp", "trade_sequence_number"],
    )
    assert (snapshot["rows"], snapshot["limit"]) == ([row(first)], ROWS_HELD)
    feed.offer(tape(second, first), received_ns=1, market_time_ms=8)
    appended = frame(feed)
    assert appended is not None
    assert (appended["type"], appended["seq"], appended["rows"]) == ("append", 2, [row(second)])
    feed.offer(tape(first, second), received_ns=1, market_time_ms=9)
    assert frame(feed) is None


def test_a_late_trade_takes_its_place_in_a_snapshot() -> None:
    feed, first, late, last = stream(), (5, 1, 10.0, 100.0), (6, 2, 11.0, 1.0), (7, 3, 12.0, 1.0)
    feed.offer(tape(first, last), 1, 7)
    feed.emit()
    feed.offer(tape(first, last, late), 1, 8)
    snapshot = frame(feed)
    assert snapshot is not None
    assert (snapshot["type"], snapshot["rows"]) == ("snapshot", [row(first), row(late), row(last)])


def test_a_symbol_that_has_not_traded_has_no_trades() -> None:
    feed = stream()
    feed.offer(None, 0, 0)
    snapshot = frame(feed)
    assert snapshot is not None
    assert snapshot["rows"] == []


@given(st.lists(st.tuples(st.lists(st.integers(0, 900), max_size=150), st.booleans()), max_size=8))
def test_a_client_ends_with_the_newest_trades(ticks: list[tuple[list[int], bool]]) -> None:
    feed, held, rows = stream(), set[Trade](), list[Any]()

    def follow() -> None:
        nonlocal rows
        if (message := frame(feed)) is not None:
            before = [] if message["type"] == "snapshot" else rows
            rows = [*before, *message["rows"]][-ROWS_HELD:]

    for times, emits in ticks:
        held.update((time, time, 1.0 + time, 1.0) for time in times)
        feed.offer(tape(*held) if held else None, 1, 1)
        if emits:
            follow()
    follow()
    assert rows == [row(trade) for trade in sorted(held)[-ROWS_HELD:]]
