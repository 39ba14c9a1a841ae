"""What the counters of a run tell about a burst."""

import pytest

from tests.bench.burst import burst_in
from tests.bench.pipeline import Observation

USUAL_PER_SECOND = 100_000
SAMPLE_SECONDS = 0.25


def course(
    burst_per_second: float, capacity_per_second: float, usual_per_second: float = USUAL_PER_SECOND
) -> list[Observation]:
    """Twenty seconds, the burst in the tenth; processing follows as fast as it can, 20,000 events behind."""
    sent, processed, observations = 0.0, -20_000.0, []
    for sample in range(80):
        at = sample * SAMPLE_SECONDS
        observations.append(Observation(at, sent, sent, processed, {}, {}))
        sent += SAMPLE_SECONDS * (burst_per_second if 10 <= at < 11 else usual_per_second)
        processed = min(sent - 20_000, processed + SAMPLE_SECONDS * capacity_per_second)
    return observations


def test_the_burst_is_found_with_its_rate_and_the_time_that_it_took_to_catch_up() -> None:
    found = burst_in(course(800_000, capacity_per_second=300_000))
    assert found.usual_per_second == USUAL_PER_SECOND
    assert found.offered_per_second == pytest.approx(800_000)
    assert found.seconds_to_catch_up == pytest.approx(500_000 / 200_000, abs=SAMPLE_SECONDS)


def test_a_backlog_that_stays_is_never_caught_up() -> None:
    assert burst_in(course(800_000, capacity_per_second=USUAL_PER_SECOND)).seconds_to_catch_up == float("inf")


def test_a_run_without_a_burst_is_no_measurement() -> None:
    with pytest.raises(AssertionError, match="no burst above 100,000"):
        burst_in(course(USUAL_PER_SECOND, USUAL_PER_SECOND))


def test_a_burst_is_found_above_half_the_budget_of_the_pipeline() -> None:
    found = burst_in(course(820_000, capacity_per_second=1_000_000, usual_per_second=500_000))
    assert found.offered_per_second == pytest.approx(820_000)
