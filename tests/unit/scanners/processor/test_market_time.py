"""No stamp moves the market's time beyond the feed's own clock; a time that is wrong anyway is corrected."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.feeds import AHEAD_TOLERANCE_MS
from marketdata.store.shard_state import Checkpoint
from marketdata.trading_calendar import SessionHours
from marketdata.transport.queues import QueueName
from marketdata.units import NS_PER_MS
from scanners.processor.market_time import DISPUTE_NS, Advance, MarketTime, Present
from scanners.processor.shard import ShardProcessor
from scanners.registry import routes
from tests.support.builders import (
    aggregate_wire,
    batch,
    block_rows,
    calendar_of,
    new_york_ms,
    quote_wire,
    whole_of,
)

FRIDAY, MONDAY, TUESDAY = "2026-10-30", "2026-11-02", "2026-11-03"
CALENDAR = calendar_of(FRIDAY, MONDAY, TUESDAY)
NOON_MS = new_york_ms(MONDAY, "12:00")
EIGHT_MS = new_york_ms(MONDAY, "08:00")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def advance(
    time: MarketTime, *stamps_ms: int, feed_ms: int, received_ns: int | None = None, age_ns: int = 0
) -> Advance:
    """Events of one batch of a live feed, unless told when it was received."""
    received = feed_ms * NS_PER_MS if received_ns is None else received_ns
    return time.advance(
        np.array(stamps_ms, dtype=np.int64),
        np.full(len(stamps_ms), feed_ms, dtype=np.int64),
        received_ns={"listener": received},
        applied_ns=received + age_ns,
    )


@pytest.fixture
def time() -> MarketTime:
    return MarketTime(CALENDAR)


@pytest.mark.parametrize(
    "ahead_ms", [AHEAD_TOLERANCE_MS + 1, 4 * HOUR_MS, DAY_MS, 10 * DAY_MS, 3_650 * DAY_MS]
)
def test_a_stamp_ahead_of_the_feed_is_refused(time: MarketTime, ahead_ms: int) -> None:
    advance(time, EIGHT_MS, feed_ms=EIGHT_MS)

    outcome = advance(time, EIGHT_MS + 1, EIGHT_MS + 1 + ahead_ms, feed_ms=EIGHT_MS + 1)

    assert outcome.current.tolist() == [True, False]
    assert outcome.ahead == 1
    assert not outcome.day_started
    assert not outcome.regular_session_started
    assert time.newest_ms == EIGHT_MS + 1


def test_a_whole_crowd_ahead_of_the_feed_is_refused(time: MarketTime) -> None:
    advance(time, EIGHT_MS, feed_ms=EIGHT_MS)
    assert advance(time, *[EIGHT_MS + DAY_MS] * 500, feed_ms=EIGHT_MS).ahead == 500
    assert time.newest_ms == EIGHT_MS


def test_also_the_first_event_of_all_begins_no_day_ahead(time: MarketTime) -> None:
    assert advance(time, NOON_MS + DAY_MS, feed_ms=NOON_MS).ahead == 1
    assert time.phase is None
    assert advance(time, NOON_MS, feed_ms=NOON_MS).day_started


def test_what_is_little_ahead_counts_but_opens_no_session(time: MarketTime) -> None:
    open_ms = new_york_ms(MONDAY, "09:30")
    advance(time, open_ms - 2_000, feed_ms=open_ms - 2_000)

    outcome = advance(time, open_ms + 1_000, feed_ms=open_ms - 1_000)

    assert outcome.current.all()
    assert not outcome.regular_session_started
    assert time.newest_ms == open_ms - 1_000
    assert advance(time, open_ms, feed_ms=open_ms).regular_session_started


def test_what_is_little_ahead_begins_no_day(time: MarketTime) -> None:
    four_ms = new_york_ms(TUESDAY, "04:00")
    advance(time, NOON_MS, feed_ms=NOON_MS)
    outcome = advance(time, four_ms + 10, feed_ms=four_ms - 10)
    assert not outcome.day_started
    assert not outcome.current.any()
    assert outcome.ahead == 1
    assert advance(time, four_ms, feed_ms=four_ms).day_started


def test_an_old_stamp_that_came_first_begins_no_day(time: MarketTime) -> None:
    outcome = advance(time, NOON_MS - 3 * DAY_MS, feed_ms=NOON_MS)
    assert (outcome.ahead, outcome.day_started) == (0, False)
    assert time.phase is None
    assert advance(time, NOON_MS, feed_ms=NOON_MS).day_started
    assert time.newest_ms == NOON_MS


def test_events_of_a_delayed_or_late_feed_are_as_good_as_others(time: MarketTime) -> None:
    advance(time, NOON_MS, feed_ms=NOON_MS)
    outcome = advance(time, NOON_MS - 25 * 60_000, feed_ms=NOON_MS)
    assert outcome.current.all()
    assert time.newest_ms == NOON_MS


def test_a_wrong_time_is_corrected_within_seconds(time: MarketTime) -> None:
    time.resume(NOON_MS + DAY_MS, 0)
    first = advance(time, NOON_MS, feed_ms=NOON_MS)
    assert not first.corrected
    assert not first.current.any()

    last = advance(time, NOON_MS + 2_000, feed_ms=NOON_MS + DISPUTE_NS // NS_PER_MS)

    assert last.corrected
    assert last.day_started
    assert last.current.all()
    assert time.newest_ms == NOON_MS + 2_000
    assert time.phase is not None
    assert time.phase.day.date.isoformat() == MONDAY


def test_also_a_session_that_began_too_early_is_taken_back(time: MarketTime) -> None:
    time.resume(NOON_MS, 0)
    advance(time, EIGHT_MS, feed_ms=EIGHT_MS)
    assert advance(time, EIGHT_MS + 3_000, feed_ms=EIGHT_MS + 3_000).corrected
    assert time.phase is not None
    assert not time.phase.regular_session_reached


def test_one_batch_that_agrees_ends_the_dispute(time: MarketTime) -> None:
    advance(time, NOON_MS, feed_ms=NOON_MS)
    for second in range(10):
        received_ns = (NOON_MS + second * 1_000) * NS_PER_MS
        assert not advance(time, EIGHT_MS, feed_ms=EIGHT_MS, received_ns=received_ns).corrected
        assert not advance(time, NOON_MS, feed_ms=NOON_MS, received_ns=received_ns).corrected
    assert time.newest_ms == NOON_MS


def test_batches_that_waited_dispute_nothing(time: MarketTime) -> None:
    advance(time, NOON_MS, feed_ms=NOON_MS)
    for waited_ms in range(30_000, 20_000, -1_000):
        feed_ms = NOON_MS - waited_ms
        assert not advance(time, feed_ms, feed_ms=feed_ms, age_ns=30 * 10**9).corrected


def test_a_listener_whose_clock_is_behind_disputes_nothing(time: MarketTime) -> None:
    advance(time, NOON_MS, feed_ms=NOON_MS)
    for second in range(10):
        true_ms = NOON_MS + second * 1_000
        outcome = advance(time, true_ms, true_ms + 1, NOON_MS, feed_ms=true_ms - HOUR_MS)
        assert outcome.ahead == 3
        assert not outcome.corrected


def test_queues_that_go_different_paces_dispute_nothing() -> None:
    @given(
        st.lists(st.tuples(st.integers(0, 600), st.integers(0, 5_000)), min_size=1, max_size=60),
        st.integers(1, 100_000),
    )
    def hold(steps: list[tuple[int, int]], market_ms_per_ms: int) -> None:
        """Each step: how much later it is (ms), and how old the batch is that is applied now (ms)."""
        time, now_ms = MarketTime(CALENDAR), 10_000
        for later_ms, age_ms in steps:
            now_ms += later_ms
            received_ms = now_ms - age_ms
            feed_ms = min(
                new_york_ms(FRIDAY, "04:00") + received_ms * market_ms_per_ms, new_york_ms(TUESDAY, "20:00")
            )
            outcome = advance(
                time, feed_ms, feed_ms=feed_ms, received_ns=received_ms * NS_PER_MS, age_ns=age_ms * NS_PER_MS
            )
            assert not outcome.corrected

    hold()


def test_a_day_that_turns_out_to_be_longer_goes_on() -> None:
    calendar = calendar_of(MONDAY, TUESDAY)
    time = MarketTime(calendar)
    advance(time, NOON_MS, feed_ms=NOON_MS)
    calendar.renew(  # no trading on Tuesday after all
        SessionHours(dt.date.fromisoformat(date), new_york_ms(date, "09:30"), new_york_ms(date, "16:00"))
        for date in (MONDAY, "2026-11-04", "2026-11-05")
    )

    outcome = advance(time, NOON_MS + DAY_MS, feed_ms=NOON_MS + DAY_MS)

    assert not outcome.day_started
    assert outcome.current.all()
    assert time.phase is not None
    assert time.phase.regular_session_reached


def test_a_corrected_shard_starts_the_day_anew_and_says_so() -> None:
    core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)
    wrong = aggregate_wire("AAPL", start_ms=NOON_MS + DAY_MS, h=99.0)
    core.apply([batch(QueueName.AGGREGATE, [wrong])])
    successor = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=2)
    successor.restore(Checkpoint(whole_of(core.tick(published_ns=1)), {}))

    corrections = 0
    for second in range(4):
        now_ms = NOON_MS + second * 1_000
        wire = [aggregate_wire(symbol, start_ms=now_ms - 1_000, h=11.0) for symbol in ("AAPL", "MSFT")]
        outcome = successor.apply(
            [batch(QueueName.AGGREGATE, wire, received_ns=now_ms * NS_PER_MS, feed_time_ms=now_ms)]
        )
        corrections += outcome.corrections

    assert corrections == 1
    block = whole_of(successor.tick(published_ns=2))
    assert block.market_time_ms == NOON_MS + 3_000 - 1
    assert {row["day_high"] for row in block_rows(block).values()} == {11.0}


def test_what_is_refused_is_counted_by_its_reason() -> None:
    core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)
    stamps = {"A": NOON_MS, "B": NOON_MS + DAY_MS, "C": NOON_MS - DAY_MS, "D": 5, "E": NOON_MS + 5_001}
    wire = [quote_wire(symbol, timestamp_ms=stamp) for symbol, stamp in stamps.items()]

    outcome = core.apply([batch(QueueName.QUOTES, wire, feed_time_ms=NOON_MS)])

    assert outcome.applied == {"quotes": 1}
    assert outcome.ignored == {"ahead": 2, "other_day": 2}
    assert set(block_rows(whole_of(core.tick(published_ns=1)))) == {"A"}


@pytest.mark.parametrize("start_ms", [EIGHT_MS + 4 * HOUR_MS, EIGHT_MS - 12 * HOUR_MS])
def test_a_bar_whose_stamps_lie_in_two_sessions_sets_no_range(start_ms: int) -> None:
    core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)
    good = aggregate_wire("AAPL", start_ms=EIGHT_MS - 1_000, h=11.0)
    odd = good | {"s": start_ms, "h": 99.0}

    outcome = core.apply([batch(QueueName.AGGREGATE, [good, odd])])

    assert outcome.rejected == {"invalid_field": 1}
    row = block_rows(whole_of(core.tick(published_ns=1)))["AAPL"]
    assert (row["day_high"], row["pre_market_high"]) == (11.0, 11.0)
    assert row["regular_high"] is None


def test_what_is_refused_makes_nothing_fresh() -> None:
    core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)
    received_ns = NOON_MS * NS_PER_MS
    good = batch(QueueName.QUOTES, [quote_wire("A", timestamp_ms=NOON_MS)], received_ns=received_ns)
    old = batch(
        QueueName.QUOTES,
        [quote_wire("A", timestamp_ms=NOON_MS - 3 * DAY_MS)],
        received_ns=received_ns + 10**9,
        feed_time_ms=NOON_MS + 1_000,
    )
    rubbish = batch(QueueName.QUOTES, b'[{"ev":"Q"}]', received_ns=received_ns + 2 * 10**9)
    core.apply([good])
    core.apply([old, rubbish])
    assert whole_of(core.tick(published_ns=1)).received_ns == received_ns


def test_a_received_time_that_was_ahead_is_taken_back_to_the_present() -> None:
    core = ShardProcessor(0, routes=routes(), calendar=CALENDAR, epoch=1)
    now_ns = NOON_MS * NS_PER_MS
    wire = [aggregate_wire("AAPL", start_ms=NOON_MS - 1_000)]
    ahead = batch(QueueName.AGGREGATE, wire, received_ns=now_ns + 3_600 * 10**9)

    core.apply([ahead], now=Present(now_ns, 0))

    assert whole_of(core.tick(published_ns=1)).received_ns == now_ns
