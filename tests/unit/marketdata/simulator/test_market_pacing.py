"""The simulated market on its clock: neither ahead, nor silently behind."""

import pytest

from marketdata.simulator.pacing import HIGH_RATE, LONG_STEP_SECONDS, SHORT_STEP_SECONDS, Pacer
from tests.support.manual_clock import ManualClock


def steps_due(pacer: Pacer) -> int:
    count = 0
    while pacer.take_step():
        count += 1
    return count


def test_steps_come_due_with_the_clock_and_small_delays_are_made_up() -> None:
    clock = ManualClock()
    pacer = Pacer(clock, 0.1)
    assert steps_due(pacer) == 0
    assert pacer.seconds_to_next() == pytest.approx(0.1)
    clock.advance(0.55)
    assert pacer.take_slip() == 0
    assert steps_due(pacer) == 5
    clock.advance(0.05)
    assert steps_due(pacer) == 1


def test_a_market_that_falls_behind_says_by_how_much_and_goes_on_from_there() -> None:
    clock = ManualClock()
    pacer = Pacer(clock, 0.1)
    clock.advance(3.1)
    assert pacer.take_slip() == pytest.approx(3.0)
    assert steps_due(pacer) == 1
    assert pacer.take_slip() == 0
    clock.advance(0.2)
    assert steps_due(pacer) == 2


def test_steps_are_long_while_events_are_many_and_short_again_after_a_burst() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    assert pacer.seconds_to_next() == pytest.approx(SHORT_STEP_SECONDS)
    taken = []
    for rate in (20_000, HIGH_RATE, 1_000_000, 20_000, 0):
        clock.advance(pacer.seconds_to_next() + 0.001)
        assert pacer.take_step()
        pacer.adapt(round(rate * pacer.step_seconds))
        taken.append(pacer.step_seconds)
    long, short = LONG_STEP_SECONDS, SHORT_STEP_SECONDS
    assert taken == [short, long, long, short, short]


def test_steps_of_changing_length_lose_no_time() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    began_at, stepped_seconds = clock.monotonic(), 0.0
    for rate in (1_000_000, 0, 0, 1_000_000, 1_000_000, 0):
        clock.advance(pacer.seconds_to_next() + 0.001)
        assert pacer.take_step()
        stepped_seconds += pacer.step_seconds
        pacer.adapt(round(rate * pacer.step_seconds))
    assert clock.monotonic() - began_at == pytest.approx(stepped_seconds, abs=LONG_STEP_SECONDS)
