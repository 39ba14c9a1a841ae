"""Snapshots and deltas always add up to the newest state, whatever is dropped or conflated in between."""

import json
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.payloads import RowBlock
from marketdata.schema import Unit
from marketdata.schema.boards import TOP_GAINERS
from marketdata.schema.stored import COLUMNS
from tests.support.builders import row_block
from tests.support.feeds import feed_of
from tests.support.manual_clock import ManualClock
from tests.support.reference_client import FeedCopy
from tests.unit.widgets.fakes import ReadingClient, text_of
from widgets.hub.feeds.feed import TABLE_TICK_HZ
from widgets.hub.feeds.rows import TableStream, compare, select_rows
from widgets.hub.outbox import SentCounts
from widgets.protocol import FeedEmission, FeedSnapshot
from widgets.wire import PreparedFrame

Rows = Mapping[str, Mapping[str, float]]

BOARD_COLUMNS = feed_of(TOP_GAINERS).columns
NAMES = ("close", "avg_volume")
numbers = st.one_of(
    st.just(math.nan),
    st.sampled_from([0.0, -0.0, 1.0, 1.00004, 1.00006, 0.00005, -0.00123456]),
    st.floats(-1e6, 1e6),
)
boards = st.lists(
    st.tuples(
        st.sampled_from(["AAPL", "MSFT", "BRK.B", "KIMpL", "XYZ"]),
        st.fixed_dictionaries(dict.fromkeys(NAMES, numbers)),
    ),
    unique_by=lambda row: row[0],
).map(dict)


def block(rows: Rows, tick: int = 1, epoch: int = 1) -> RowBlock:
    return row_block(rows, names=NAMES, tick=tick, epoch=epoch)


def board_stream(clock: ManualClock | None = None) -> TableStream:
    return TableStream(feed_of(TOP_GAINERS), clock or ManualClock())


def offer(stream: TableStream, rows: Rows, tick: int = 1, epoch: int = 1) -> bool:
    return stream.offer(select_rows(block(rows, tick, epoch), BOARD_COLUMNS))


def sent(value: float, decimals: int) -> float | None:
    return None if math.isnan(value) else round(value * 10**decimals) / 10**decimals


def sent_price(price: float) -> float | None:
    is_small = 0 < abs(price) < 0.1
    return sent(price, min(10, 3 - math.floor(math.log10(abs(price)))) if is_small else 4)


def as_received(rows: Rows) -> dict[str, list[float | None]]:
    return {symbol: [sent_price(row["close"]), sent(row["avg_volume"], 0)] for symbol, row in rows.items()}


@given(st.lists(st.tuples(boards, st.sampled_from(["emit", "skip"]), st.booleans()), max_size=12))
def test_a_client_that_reads_now_and_then_always_ends_at_the_newest_board(
    history: list[tuple[Rows, str, bool]],
) -> None:
    """Neither ticks that never go out ("skip") nor reads that come late (conflation) lose anything."""
    stream, copy = board_stream(), FeedCopy()
    client = ReadingClient()

    def read() -> None:
        for frame in client.outbox.take(lambda _feed, _version: frame_of(stream.snapshot()), SentCounts()):
            copy.apply(str(frame.payload))

    newest: Rows | None = None
    for tick, (rows, what, reads) in enumerate(history, 1):
        newest = rows
        assert offer(stream, rows, tick)
        if what == "emit":
            hand_over(stream, client)
        if reads:
            read()
    hand_over(stream, client)
    read()
    assert copy.rows == ({} if newest is None else as_received(newest))
    assert copy.order == list(newest or ())


def hand_over(stream: TableStream, client: ReadingClient) -> None:
    emission = stream.emit()
    if emission is None:
        return
    if emission.replaces:
        client.outbox.snapshot(stream.feed.name)
    else:
        client.outbox.update(stream.feed.name, (PreparedFrame(text_of(emission) or ""),))


def frame_of(emission: FeedEmission | None) -> PreparedFrame | None:
    return None if emission is None else PreparedFrame(text_of(emission) or "")


@given(boards, boards)
def test_the_changes_of_a_state_name_exactly_what_differs(before: Rows, after: Rows) -> None:
    first, second = select_rows(block(before), NAMES), select_rows(block(after), NAMES)
    changes = compare(first.symbols, first.values, second.symbols, second.values)
    held, wanted = as_received(before), as_received(after)
    cells = {
        (list(before)[place], NAMES[column])
        for place, differ in zip(changes.places, changes.differ, strict=True)
        for column in np.flatnonzero(differ)
    }
    assert cells == {
        (symbol, name)
        for symbol in set(held) & set(wanted)
        for name, one, other in zip(NAMES, held[symbol], wanted[symbol], strict=True)
        if one != other
    }
    assert [list(after)[index] for index in changes.added] == [each for each in after if each not in before]
    assert (changes.order is None) == (list(before) == list(after))


def test_the_order_goes_alone_when_symbols_change_places_and_not_at_all_when_they_do_not() -> None:
    stream = board_stream()
    rows = {"AAPL": {"close": 1.0}, "MSFT": {"close": 2.0}}
    offer(stream, rows, tick=1)
    stream.emit()
    offer(stream, {"MSFT": {"close": 2.0}, "AAPL": {"close": 1.0}}, tick=2)
    swapped = json.loads(text_of(stream.emit()) or "")
    assert (swapped["rows"], swapped["cells"], swapped["order"]) == ([], [], [[1, 1], [0, 1]])
    offer(stream, {"MSFT": {"close": 3.0}, "AAPL": {"close": 1.0}}, tick=3)
    changed = json.loads(text_of(stream.emit()) or "")
    assert (changed["rows"], changed["cells"]) == ([], [[0, 1, 3.0]])
    assert "order" not in changed


def test_nothing_is_sent_when_nothing_that_can_be_seen_changed() -> None:
    stream = board_stream()
    offer(stream, {"AAPL": {"close": 1.0, "avg_volume": math.nan}}, tick=1)
    assert isinstance(stream.emit(), FeedSnapshot)
    offer(stream, {"AAPL": {"close": 1.000_01, "avg_volume": math.nan}}, tick=2)
    assert stream.emit() is None


def test_an_older_or_repeated_tick_is_not_taken_and_another_epoch_is() -> None:
    stream = board_stream()
    assert offer(stream, {}, tick=5)
    assert not offer(stream, {}, tick=5)
    assert not offer(stream, {}, tick=4)
    assert offer(stream, {}, tick=1, epoch=2)


def test_a_snapshot_is_what_was_emitted_and_not_what_waits() -> None:
    stream = board_stream()
    offer(stream, {"AAPL": {"close": 1.0}}, tick=1)
    assert stream.snapshot() is None
    stream.emit()
    offer(stream, {"AAPL": {"close": 2.0}}, tick=2)
    snapshot = json.loads(text_of(stream.snapshot()) or "")
    assert (snapshot["seq"], snapshot["rows"][0][1]) == (1, 1.0)


def test_columns_that_come_or_go_need_a_snapshot() -> None:
    stream = board_stream()
    offer(stream, {"AAPL": {"close": 1.0}}, tick=1)
    stream.emit()
    stream.offer(select_rows(row_block({"AAPL": {"close": 1.0}}, tick=2), BOARD_COLUMNS))
    assert isinstance(stream.emit(), FeedSnapshot)


def test_columns_are_those_of_the_feed_in_its_order() -> None:
    rows = select_rows(row_block({"AAPL": {"close": 1.0, "secret": 2.0, "avg_volume": 1.0}}), BOARD_COLUMNS)
    assert rows.columns == ("close", "avg_volume")


def test_the_age_of_a_cached_snapshot_is_that_of_the_moment() -> None:
    clock = ManualClock()
    stream = board_stream(clock)
    stream.offer(select_rows(row_block({}, received_ns=clock.time_ns()), BOARD_COLUMNS))
    stream.emit()
    for age_ms in (0, 1_500):
        assert json.loads(text_of(stream.snapshot(), clock) or "")["age_ms"] == age_ms
        clock.advance(1.5)


@pytest.mark.parametrize("spacing", [0.05, 0.25, 0.4])
def test_a_feed_sends_at_most_four_frames_a_second_however_fast_its_ticks(spacing: float) -> None:
    clock = ManualClock()
    stream = board_stream(clock)
    frames = 0
    for tick in range(1, round(10 / spacing) + 1):
        offer(stream, {"AAPL": {"close": float(tick)}}, tick=tick)
        if stream.seconds_until_due() == 0:
            assert stream.emit() is not None
            frames += 1
        clock.advance(spacing)
    assert frames == pytest.approx(10 / max(spacing, 1 / TABLE_TICK_HZ), abs=3)  # some may be early


def test_one_late_tick_does_not_make_the_later_ones_late() -> None:
    clock = ManualClock()
    stream = board_stream(clock)
    waits = []
    for tick, pause in enumerate([0.25, 0.4, 0.1, 0.25, 0.25], 1):
        clock.advance(pause)
        offer(stream, {"AAPL": {"close": float(tick)}}, tick=tick)
        waits.append(stream.seconds_until_due())
        stream.emit()
    assert waits == [0, 0, 0, 0, 0]


def test_after_extra_emissions_the_ticks_of_the_fastest_rate_soon_wait_no_longer() -> None:
    clock = ManualClock()
    stream = board_stream(clock)
    interval = 1 / TABLE_TICK_HZ
    for tick in range(1, 4):  # three at once, as when the feed is opened and read anew
        offer(stream, {"AAPL": {"close": float(tick)}}, tick=tick)
        clock.advance(stream.seconds_until_due())
        stream.emit()
    waits = []
    started = clock.monotonic()
    for tick in range(4, 84):
        clock.advance(max(0.0, started + (tick - 3.9) * interval - clock.monotonic()))
        offer(stream, {"AAPL": {"close": float(tick)}}, tick=tick)
        waits.append(stream.seconds_until_due())
        clock.advance(waits[-1])
        stream.emit()
    assert waits[0] > 0.2
    assert waits[60:] == [0.0] * 20


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (0.00005, "5e-5"),
        (0.000051239, "0.00005124"),
        (0.0123456, "0.01235"),
        (0.09999, "0.09999"),
        (0.123456, "0.1235"),
        (12.34567, "12.3457"),
        (1e-10, "1e-10"),
        (1e-12, "0.0"),
        (-0.00005, "-0.00005"),
    ],
)
def test_a_price_of_a_fraction_of_a_cent_keeps_its_digits(price: float, text: str) -> None:
    stream = board_stream()
    offer(stream, {"PENNY": {"close": price}})
    stream.emit()
    snapshot = json.loads(text_of(stream.snapshot()) or "")
    assert snapshot["rows"][0][1] == float(text)


def test_all_prices_of_a_row_keep_their_digits_and_nothing_else_has_more() -> None:
    names = tuple(COLUMNS)
    rows = select_rows(row_block({"PENNY": dict.fromkeys(names, 0.000051239)}), names)
    for name, value in zip(names, rows.values[0].tolist(), strict=True):
        if COLUMNS[name].unit is Unit.DOLLARS:
            assert value == 0.00005124, name
        else:
            assert value == round(0.000051239, COLUMNS[name].decimals), name
