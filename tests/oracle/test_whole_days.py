"""Whole simulated days through the platform: its tables, boards and alerts equal the oracle's.

ORACLE_DAYS is how many days are simulated of each scenario (1 by default), each of a seed of its own.
"""

import os
import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import pytest

from marketdata.providers.massive.framing import QUEUE_OF
from marketdata.simulator.daily import DailyPrices
from marketdata.simulator.scenarios import SCENARIOS
from scanners.registry import routes, table_columns
from tests.oracle.awaited import AWAITED
from tests.oracle.comparison import Answer, answer_of, differences
from tests.oracle.disturbance import Arrived, arrivals, disturbed
from tests.oracle.invented_reference import invented_reference
from tests.oracle.market import Oracle
from tests.oracle.platform import Platform
from tests.oracle.reference import ReferenceData
from tests.oracle.simulated_days import DATE, calendar, oracle_day, scenario_day, universe
from tests.oracle.terms import epoch_ms, new_york

pytestmark = pytest.mark.timeout(600)

SEEDS: Final = range(7, 7 + int(os.environ.get("ORACLE_DAYS", "1")))
INSTANTS: Final = ("04:10", "07:00", "09:29:30", "09:45", "10:04", "12:45", "16:05", "23:59")
"""When everything is compared: the last one lies behind all that comes."""
MOST_SHOWN: Final = 20
ROUTED: Final = frozenset(route.queue for route in routes())
COLUMNS: Final = tuple(name for name in table_columns(routes()) if name not in AWAITED)


class Day:
    """A day of one scenario and seed as it arrives, and what the oracle says of it at each instant."""

    def __init__(self, scenario: str, seed: int) -> None:
        chance = random.Random(f"{scenario} {seed}")
        self.arrived = tuple(arrivals(disturbed(scenario_day(scenario, DATE, seed), chance), chance))
        self.reference = _reference(seed)
        self.answers = _answers(self.arrived, self.reference)


@cache
def day_of(scenario: str, seed: int) -> Day:
    return Day(scenario, seed)


@pytest.mark.parametrize("shard_count", [1, 2, 4])
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_comes_to_what_the_oracle_says(seed: int, scenario: str, shard_count: int) -> None:
    day = day_of(scenario, seed)
    platform = Platform(
        shard_count, calendar(), day.reference, random.Random(f"{scenario} {seed} {shard_count}")
    )
    for index, arrived in enumerate(day.arrived):
        platform.receive(arrived)
        if index in day.answers:
            platform.settle()
            found = list(differences(platform.outcome(), day.answers[index], COLUMNS))
            assert not found, f"{len(found)} differences:\n" + "\n".join(found[:MOST_SHOWN])
    assert len(day.answers) == len(INSTANTS)
    assert platform.kills > 0
    assert all(day.answers[len(day.arrived) - 1].streams.values()), "a day without an alert or a halt"


def _reference(seed: int) -> ReferenceData:
    prices = DailyPrices(universe(seed), seed).closes(new_york(DATE, "00:00").date())
    by_symbol = dict(zip(universe(seed).symbols, prices.tolist(), strict=True))
    return invented_reference(by_symbol, oracle_day(DATE).start_ms, random.Random(seed))


def _answers(arrived: Sequence[Arrived], reference: ReferenceData) -> Mapping[int, Answer]:
    """By the index of what arrived last before each instant."""
    oracle = Oracle([oracle_day(DATE)], reference)
    instants = [epoch_ms(new_york(DATE, instant)) for instant in INSTANTS]
    answers: dict[int, Answer] = {}
    for index, group in enumerate(arrived):
        for event in group.events:
            if QUEUE_OF[event["ev"]] in ROUTED:
                oracle.take(event, received_ms=group.received_ms, feed_time_ms=group.feed_time_ms)
        next_ms = arrived[index + 1].received_ms if index + 1 < len(arrived) else instants[-1]
        if next_ms >= instants[0]:
            answers[index] = answer_of(oracle)
            del instants[0]
    return answers
