"""The simulated market on its clock: neither ahead, nor silently behind."""

import pytest

from marketdata.simulator.pacing import Pacer
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
