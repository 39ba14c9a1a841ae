"""A wrong time of the market is proved by the order and the pace of what is received, on any clocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.units import NS_PER_MS
from scanners.processor.market_time import (
    CLOCK_WAS_SET_NS,
    DISPUTE_NS,
    PATIENCE_NS,
    SLOWER_NS,
    SOURCES_KEPT,
    ClockDispute,
)

EPOCH_MS = 1_795_000_000_000
SKEWS_MS = [0, -1_000, 1_000, -3_000, 3_000, -5_000, 5_000, -30_000, 30_000]


class Applied:
    """Applies batches of listeners whose clocks differ from ours. True times are in ms from a start."""

    def __init__(self, **skews_ms: int) -> None:
        self.dispute = ClockDispute()
        self._skews_ms = skews_ms

    def agree(self, source: str, received_ms: float) -> None:
        self.dispute.agree({source: self._received_ns(source, received_ms)})

    def contradict(self, source: str, received_ms: float, applied_ms: float) -> bool:
        return self.dispute.contradict(
            {source: self._received_ns(source, received_ms)}, round(applied_ms * NS_PER_MS)
        )

    def _received_ns(self, source: str, received_ms: float) -> int:
        return round((EPOCH_MS + received_ms + self._skews_ms[source]) * NS_PER_MS)


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
def test_what_comes_through_corrects_within_seconds_whatever_the_clocks_differ_by(skew_ms: int) -> None:
    applied = Applied(listener=skew_ms)

    proofs = [at for at in range(0, 3_000, 50) if applied.contradict("listener", at, at + 20 + at % 7)]

    assert proofs[0] <= DISPUTE_NS // NS_PER_MS + 50


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
def test_also_where_it_had_agreed_before(skew_ms: int) -> None:
    applied = Applied(listener=skew_ms)
    applied.agree("listener", -10)
    assert any(applied.contradict("listener", at, at + 20) for at in range(0, 3_000, 50))


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
@pytest.mark.parametrize("every_ms", [10_000, 60_000, 600_000])
def test_batches_that_come_seldom_correct_with_the_second(skew_ms: int, every_ms: int) -> None:
    applied = Applied(listener=skew_ms)
    assert not applied.contradict("listener", 0, 20)
    assert applied.contradict("listener", every_ms, every_ms + 500)


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
@pytest.mark.parametrize("pace", [1.3, 2.0, 10.0, 1_000.0])
def test_a_backlog_that_is_read_after_a_start_corrects_nothing(skew_ms: int, pace: float) -> None:
    applied = Applied(listener=skew_ms)
    started_ms, waits_ms = 60_000, 40_000
    for received_ms in range(started_ms - waits_ms, started_ms, 100):
        applied_ms = started_ms + (received_ms - (started_ms - waits_ms)) / pace
        if applied_ms < received_ms:
            return
        assert not applied.contradict("listener", received_ms, applied_ms)


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
def test_seldom_batches_of_a_backlog_correct_nothing(skew_ms: int) -> None:
    applied = Applied(listener=skew_ms)
    assert not any(applied.contradict("listener", at, 300_000) for at in range(0, 300_000, 60_000))


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
@pytest.mark.parametrize("every_ms", [100, 20_000])
def test_a_queue_that_lags_for_good_corrects_nothing(skew_ms: int, every_ms: int) -> None:
    """Each of its batches was received before the one that set the market's time, thirty seconds ahead."""
    applied = Applied(listener=skew_ms)
    for now_ms in range(0, 200_000, every_ms):
        applied.agree("listener", now_ms)
        for later_ms in range(0, 25_000, 1_000):
            assert not applied.contradict("listener", now_ms - 30_000 + later_ms, now_ms + later_ms)


def test_what_one_listener_received_is_in_order_however_long_it_waits() -> None:
    @given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 50_000)), max_size=60), st.integers())
    def hold(steps: list[tuple[int, int]], skew_ms: int) -> None:
        """Each step: how much later it is (ms), and how long the batch of this step has waited (ms)."""
        applied, now_ms, newest_ms = Applied(listener=skew_ms % 60_000 - 30_000), 0, -1_000_000
        for later_ms, waited_ms in steps:
            now_ms += later_ms
            received_ms = now_ms - waited_ms
            if received_ms >= newest_ms:
                newest_ms = received_ms
                applied.agree("listener", received_ms)
            else:
                assert not applied.contradict("listener", received_ms, now_ms)

    hold()


@pytest.mark.parametrize(("skew_ms", "other_skew_ms"), [(0, 30_000), (30_000, -30_000), (-4_000, 2_000)])
def test_two_listeners_whose_clocks_differ_are_told_apart(skew_ms: int, other_skew_ms: int) -> None:
    applied = Applied(one=skew_ms, other=other_skew_ms)
    applied.agree("one", 0)
    applied.agree("other", 0)
    proved = [
        at
        for at in range(100, 4_000, 100)
        if applied.contradict("one", at, at + 10) or applied.contradict("other", at + 50, at + 60)
    ]
    assert proved[0] == 100 + DISPUTE_NS // NS_PER_MS


def test_of_two_listeners_one_that_agrees_ends_the_dispute() -> None:
    applied = Applied(one=0, other=-20_000)
    for at in range(0, 10_000, 100):
        assert not applied.contradict("one", at, at + 10)
        applied.agree("other", at)


def test_the_successor_of_a_listener_counts_by_its_own_clock() -> None:
    applied = Applied(before=30_000, after=-30_000)
    applied.agree("before", 0)
    assert any(applied.contradict("after", at, at + 10) for at in range(4_000, 7_000, 100))


def test_a_batch_that_waited_does_not_count_and_does_not_end_the_dispute() -> None:
    applied = Applied(listener=0)
    waited_ms = SLOWER_NS // NS_PER_MS + 100
    assert not applied.contradict("listener", 0, 10)
    assert not applied.contradict("listener", 2_000, 2_000 + waited_ms)
    assert applied.contradict("listener", 3_500, 3_510)


def test_a_pause_of_the_processor_delays_a_correction_by_one_dispute_at_most() -> None:
    applied = Applied(listener=3_000)
    pause_ends_ms = 4_000
    proofs = [
        at for at in range(0, 9_000, 100) if applied.contradict("listener", at, max(at + 10, pause_ends_ms))
    ]
    assert pause_ends_ms < proofs[0] <= pause_ends_ms + DISPUTE_NS // NS_PER_MS + 300


def test_a_listeners_clock_that_is_set_back_during_a_dispute_delays_the_correction_by_seconds() -> None:
    back_ms = 1_500
    applied = Applied(listener=0)
    assert not any(applied.contradict("listener", at, at + 10) for at in range(0, 1_900, 100))
    proofs = [at for at in range(1_900, 30_000, 100) if applied.contradict("listener", at - back_ms, at + 10)]
    assert proofs[0] <= (PATIENCE_NS + 2 * DISPUTE_NS) // NS_PER_MS


def test_a_listener_whose_clock_was_a_day_ahead_corrects_when_it_is_right_again() -> None:
    applied = Applied(listener=0)
    applied.agree("listener", 24 * 3_600_000)
    assert any(applied.contradict("listener", at, at + 10) for at in range(0, 3_000, 100))


def test_it_is_known_of_few_listeners_what_they_had_received() -> None:
    dispute = ClockDispute()
    for number in range(100):
        dispute.agree({f"listener {number}": number, "the one that stays": number})
    assert len(dispute._agreed_ns) == SOURCES_KEPT
    assert dispute._agreed_ns["the one that stays"] == 99


def test_nothing_lags_so_far_as_a_clock_that_was_set() -> None:
    applied = Applied(listener=0)
    applied.agree("listener", 0)
    last_ms = -(CLOCK_WAS_SET_NS // NS_PER_MS)
    assert not any(applied.contradict("listener", last_ms + at, at) for at in range(0, 10_000, 100))


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
def test_a_queue_that_lagged_when_the_time_was_stored_corrects_nothing_after_a_restart(skew_ms: int) -> None:
    applied, lag_ms = Applied(listener=skew_ms), 20_000
    applied.dispute.resume((EPOCH_MS + skew_ms) * NS_PER_MS)
    assert not any(applied.contradict("listener", at - lag_ms, at) for at in range(0, lag_ms, 50))


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
def test_what_is_received_after_a_wrong_time_was_stored_corrects_it(skew_ms: int) -> None:
    applied = Applied(listener=skew_ms)
    applied.dispute.resume((EPOCH_MS + skew_ms) * NS_PER_MS)
    assert any(applied.contradict("listener", at, at + 20) for at in range(1, 3_000, 50))
