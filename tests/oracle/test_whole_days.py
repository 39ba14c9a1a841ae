"""Whole simulated days through the platform: its tables, boards and alerts equal the oracle's.

ORACLE_DAYS is how many days are simulated of each scenario (1 by default), each of a seed of its own. The day
of a hostile provider is in `test_hostile_day.py`.
"""

import os
import random
from functools import cache
from typing import Final

import pytest

from marketdata.synthetic_market.scenarios import SCENARIOS
from scanners.registry import routes, table_columns
from tests.oracle.arrived_days import INSTANTS, ArrivedDay
from tests.oracle.awaited import AWAITED
from tests.oracle.comparison import differences
from tests.oracle.platform import Platform
from tests.oracle.simulated_days import HOSTILE, calendar

pytestmark = pytest.mark.timeout(600)

SEEDS: Final = range(7, 7 + int(os.environ.get("ORACLE_DAYS", "1")))
MOST_SHOWN: Final = 20
COLUMNS: Final = tuple(name for name in table_columns(routes()) if name not in AWAITED)


@cache
def day_of(scenario: str, seed: int) -> ArrivedDay:
    return ArrivedDay(scenario, seed)


@pytest.mark.parametrize("shard_count", [1, 2, 4])
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != HOSTILE])
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
    platform.books.check()
    assert platform.books.all_refused == day.refused
    assert platform.kills > 0
    assert all(day.answers[len(day.arrived) - 1].streams.values()), "a day without an alert or a halt"
