"""`burst`: the market's worst second at half the budgeted rate of the pipeline, and how soon it is over."""

import asyncio
import dataclasses
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tests.bench.pipeline import Observation, running_pipeline, window_between
from tests.bench.rows import Row, duration_row
from tests.bench.system import PIPELINE_BUDGET, SETTLE_SECONDS, best_rate

BURST_RATE: Final = 800_000
BURST_SECONDS: Final = 1.0  # by `run_simulator --burst`, every half minute
CATCH_UP_SECONDS: Final = 5.0
SAMPLE_SECONDS: Final = 0.25
WATCHED_SECONDS: Final = 45  # in which there is a burst with enough time before and after it
QUIET_SAMPLES: Final = 8
ASKED_RATE: Final = 820_000  # counters are read at instants that the burst does not know: 1 or 2 % may hide
NOT_OFFERED: Final = "market seconds not simulated"


@dataclass(frozen=True, slots=True)
class Burst:
    """One second above the usual rate. `seconds_to_catch_up` is infinite when the backlog stayed."""

    usual_per_second: float
    offered_per_second: float
    seconds_to_catch_up: float


def burst() -> Row:
    """Seconds from the end of the burst until no more events are under way than before it.

    The budget is met only by a burst that was offered in full: a smaller one is easier to catch up with.
    """
    rate = min(best_rate("rabbitmq"), PIPELINE_BUDGET) // 2
    course = asyncio.run(_watch(rate))
    found = burst_in(course)
    lost = {name: n for name, n in window_between(course[0], course[-1]).lost.items() if name != NOT_OFFERED}
    row = duration_row(
        "burst",
        found.seconds_to_catch_up,
        None,
        budget=CATCH_UP_SECONDS,
        limit_is="",
        unit="s",
        note=f"{found.usual_per_second:,.0f}/s through RabbitMQ, one second at "
        f"{found.offered_per_second:,.0f}/s ({found.offered_per_second / BURST_RATE:.2f} of {BURST_RATE:,}); "
        f"{f'LOST {lost}' if lost else 'nothing lost'}",
    )
    was_offered = found.offered_per_second >= BURST_RATE
    return dataclasses.replace(row, met=row.met and was_offered and not lost)


async def _watch(rate: int) -> Sequence[Observation]:
    """The platform's counters, every quarter of a second or somewhat less often."""
    options = ("--burst", str(ASKED_RATE))
    async with running_pipeline("rabbitmq", events_per_second=rate, market_options=options) as running:
        await asyncio.sleep(SETTLE_SECONDS)
        until = time.monotonic() + WATCHED_SECONDS
        course: list[Observation] = []
        while time.monotonic() < until:
            course.append(await running.observe())
            await asyncio.sleep(SAMPLE_SECONDS)
    return course


def burst_in(course: Sequence[Observation]) -> Burst:
    """The first burst that has a quiet time before it.

    Raises:
        AssertionError: there is none.
    """
    rates = [_rate_between(before, after) for before, after in pairwise(course)]
    typical = statistics.median(rates)
    # At half the budget of the pipeline a burst is 1.6 times the usual rate; it was four times as much once.
    above = [rate > (typical + ASKED_RATE) / 2 for rate in rates]
    starts = [
        at for at in range(QUIET_SAMPLES, len(above)) if above[at] and not any(above[at - QUIET_SAMPLES : at])
    ]
    if not starts:
        raise AssertionError(f"no burst above {typical:,.0f} events/s was offered")
    first = starts[0]
    usual = _rate_between(course[0], course[first - 1])
    last = next((at for at in range(first, len(above)) if not above[at]), len(above))
    # One sample more on both sides: a part of the burst may lie in one that is not clearly above.
    before, after = course[first - 1], course[min(last + 1, len(course) - 1)]
    ordinary = usual * (after.at_seconds - before.at_seconds)
    return Burst(
        usual,
        usual + (after.sent - before.sent - ordinary) / BURST_SECONDS,
        _seconds_until_few_wait(
            course[last:], max(map(_under_way, course[first - QUIET_SAMPLES : first + 1]))
        ),
    )


def _rate_between(before: Observation, after: Observation) -> float:
    return (after.sent - before.sent) / (after.at_seconds - before.at_seconds)


def _seconds_until_few_wait(course: Sequence[Observation], few: float) -> float:
    for at in course:
        if _under_way(at) <= few:
            return at.at_seconds - course[0].at_seconds
    return float("inf")


def _under_way(at: Observation) -> float:
    """Events that were sent and are not processed yet, or never will be: halts, which nobody reads here."""
    return at.sent - at.processed
