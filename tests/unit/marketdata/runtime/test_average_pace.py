"""What follows ticks keeps to its rate on average, and one late tick delays no other."""

import pytest

from marketdata.runtime.average_pace import AveragePace
from tests.support.manual_clock import ManualClock


@pytest.mark.parametrize("spacing", [0.01, 0.1, 0.25, 0.4])
def test_the_rate_holds_on_average_however_fast_the_ticks_come(spacing: float) -> None:
    clock = ManualClock()
    pace, count = AveragePace(0.25, clock), 0
    for _tick in range(round(10 / spacing)):
        if pace.seconds_until_due() == 0:
            pace.note()
            count += 1
        clock.advance(spacing)
    assert count == pytest.approx(10 / max(spacing, 0.25), abs=2)


def test_a_late_tick_is_made_up_for_and_no_further_one_waits() -> None:
    clock = ManualClock()
    pace, waits = AveragePace(0.25, clock), []
    for pause in (0.25, 0.4, 0.1, 0.25, 0.25):
        clock.advance(pause)
        waits.append(pace.seconds_until_due())
        pace.note()
    assert waits == [0.0] * 5


def test_a_long_rest_allows_no_burst() -> None:
    clock = ManualClock()
    pace = AveragePace(0.25, clock)
    pace.note()
    clock.advance(60)
    pace.note()
    pace.note()
    assert pace.seconds_until_due() == pytest.approx(0.25)
