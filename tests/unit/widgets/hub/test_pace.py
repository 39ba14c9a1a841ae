"""How the hub slows down when its walks become costly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.hub.outbox import LONGEST_GATHERING_SECONDS, LONGEST_PAUSE_SECONDS, Pace


def test_the_first_emission_does_not_wait() -> None:
    assert Pace().seconds_to_wait(100.0) == 0.0


@given(st.floats(0.0, 60.0))
def test_walks_take_at_most_half_of_the_time_or_pause_a_second(walk_seconds: float) -> None:
    pace = Pace()
    pace.note_walk(100.0, 100.0 + walk_seconds)
    wait = pace.seconds_to_wait(100.0 + walk_seconds)
    assert wait == pytest.approx(min(walk_seconds, LONGEST_PAUSE_SECONDS), abs=1e-9)


def test_after_the_pause_a_costly_walk_waits_for_the_rest_of_a_tick_and_a_cheap_one_does_not() -> None:
    pace = Pace()
    pace.note_walk(100.0, 100.001)
    assert pace.seconds_to_wait(200.0) == pytest.approx(0.0005)
    pace.note_walk(200.0, 200.2)
    assert pace.seconds_to_wait(300.0) == LONGEST_GATHERING_SECONDS


def test_a_walk_with_nothing_to_write_does_not_hide_what_the_next_one_costs() -> None:
    pace = Pace()
    pace.note_walk(100.0, 100.4)
    pace.note_walk(101.0, 101.0)
    assert pace.seconds_to_wait(102.0) == LONGEST_GATHERING_SECONDS
    for second in range(103, 163):
        pace.note_walk(second, second + 0.001)
    assert pace.seconds_to_wait(200.0) < 0.001
