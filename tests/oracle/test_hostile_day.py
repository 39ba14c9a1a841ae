"""A whole day of a hostile provider, with processors killed: what is good counts, all else is counted.

The boards, the table, the alerts and the tapes equal the oracle's, and what was refused equals what the
simulator says that it sent, reason by reason.
"""

import random
from collections import Counter
from typing import Final

import pytest

from marketdata.providers.massive.emulator.hostile_events import (
    SUB_PENNY,
    SUB_PENNY_PRICE,
    TEST_ISSUE,
    TEST_ISSUE_CLOSE,
)
from marketdata.synthetic_market.defects import Defect
from marketdata.synthetic_market.scenarios import SCENARIOS
from scanners.processor import symbol_rows
from scanners.registry import routes, table_columns
from tests.oracle.arrived_days import INSTANTS, ArrivedDay
from tests.oracle.boards import BOARDS
from tests.oracle.comparison import differences
from tests.oracle.market import event_time_ms
from tests.oracle.platform import Platform
from tests.oracle.simulated_days import DATE, GOOD_DEFECTS, HOSTILE, calendar, oracle_day
from tests.oracle.terms import MINUTE_MS
from tests.support.hostile_reasons import REASONS, by_reason

pytestmark = pytest.mark.timeout(600)

SEED: Final = 7
SHARDS: Final = 2
UNKNOWN_ROWS: Final = 40
MOST_SHOWN: Final = 20
LATE_MS: Final = 16 * MINUTE_MS


def late_before_the_day(day: ArrivedDay) -> int:
    """Late bars and trades of the first minutes, which lie before the day."""
    start_ms = oracle_day(DATE).start_ms
    times_ms = [event_time_ms(event) for group in day.arrived for event in group.events]
    return sum(start_ms - LATE_MS <= time_ms < start_ms for time_ms in times_ms)


@pytest.fixture(scope="module")
def day() -> ArrivedDay:
    further = {TEST_ISSUE: TEST_ISSUE_CLOSE, SUB_PENNY: SUB_PENNY_PRICE}
    return ArrivedDay(HOSTILE, SEED, further=further, shards=SHARDS, unknown_rows=UNKNOWN_ROWS)


def test_every_kind_is_refused_for_a_reason_or_counts() -> None:
    others = {Defect.NOT_OBJECTS, Defect.INVENTED_SYMBOLS, Defect.UNHEARD_STATUS}
    assert {*REASONS, *GOOD_DEFECTS, *others} == set(SCENARIOS[HOSTILE].defects)
    assert len(REASONS) + len(GOOD_DEFECTS) + len(others) == len(SCENARIOS[HOSTILE].defects)


def test_the_oracle_refuses_what_the_simulator_says_that_it_sent(day: ArrivedDay) -> None:
    told = by_reason((each.defect, each.pieces) for each in day.sent if each.defect is not None)
    told["other_day"] += late_before_the_day(day)
    by_count = Counter(
        {reason: number for reason, number in day.refused.items() if reason != "unknown_symbol"}
    )
    assert by_count == told
    invented = sum(each.pieces for each in day.sent if each.defect is Defect.INVENTED_SYMBOLS)
    assert day.refused["unknown_symbol"] == invented - SHARDS * UNKNOWN_ROWS


def test_a_hostile_day_comes_to_what_the_oracle_says_and_every_refused_thing_is_counted(
    day: ArrivedDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbol_rows, "rows_for_unknown", lambda _known: UNKNOWN_ROWS)
    platform = Platform(SHARDS, calendar(), day.reference, random.Random(SEED))
    for index, arrived in enumerate(day.arrived):
        platform.receive(arrived)
        if index in day.answers:
            platform.settle()
            found = list(differences(platform.outcome(), day.answers[index], table_columns(routes())))
            assert not found, f"{len(found)} differences:\n" + "\n".join(found[:MOST_SHOWN])
    platform.books.check()
    assert platform.books.all_refused == day.refused
    assert len(day.answers) == len(INSTANTS)
    assert platform.kills > 0


def test_the_day_was_one_with_everything_in_it(day: ArrivedDay) -> None:
    answer = day.answers[len(day.arrived) - 1]
    assert all(answer.streams.values()), "a day without an alert or a halt"
    assert all(answer.boards[feed] for feed in BOARDS)
    assert TEST_ISSUE in answer.rows
    assert answer.rows[SUB_PENNY]["last_price"] == SUB_PENNY_PRICE
