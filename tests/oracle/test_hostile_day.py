"""A whole day of a hostile provider, with processors killed: what is good counts, all else is counted.

The boards, the table, the alerts and the tapes equal the oracle's, and what was refused equals what the
simulator says that it sent, reason by reason.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import pytest

from marketdata.simulator.defects import Defect
from marketdata.simulator.hostile_events import SUB_PENNY, SUB_PENNY_PRICE, TEST_ISSUE, TEST_ISSUE_CLOSE
from marketdata.simulator.scenarios import SCENARIOS
from scanners.processor import admission
from scanners.registry import routes, table_columns
from tests.oracle.arrived_days import INSTANTS, ArrivedDay
from tests.oracle.boards import BOARDS
from tests.oracle.comparison import differences
from tests.oracle.market import event_time_ms
from tests.oracle.platform import Platform
from tests.oracle.simulated_days import DATE, GOOD_DEFECTS, HOSTILE, Sent, calendar, oracle_day
from tests.oracle.terms import MINUTE_MS

pytestmark = pytest.mark.timeout(600)

SEED: Final = 7
SHARDS: Final = 2
UNKNOWN_ROWS: Final = 40
MOST_SHOWN: Final = 20
LATE_MS: Final = 16 * MINUTE_MS
REASONS: Final[Mapping[Defect, str]] = {
    Defect.NEGATIVE_SIZE: "invalid_field",
    Defect.MISSING_SYMBOL: "no_symbol",
    Defect.UNKNOWN_EVENT: "unknown_event_type",
    Defect.NOT_A_NUMBER: "not_json",
    Defect.MALFORMED: "not_json",
    Defect.NOT_AN_ARRAY: "not_an_array",
    Defect.INVALID_UTF8: "not_json",
    Defect.HUGE_FIELD: "invalid_symbol",
    Defect.OVERSIZED_FRAME: "oversized_frame",
    Defect.AHEAD_TRADE: "ahead",
    Defect.AHEAD_BAR: "ahead",
    Defect.AHEAD_QUOTE: "ahead",
    Defect.AHEAD_BANDS: "ahead",
    Defect.YEAR_2100: "ahead",
    Defect.YEAR_1970: "other_day",
    Defect.YESTERDAY: "other_day",
    Defect.TIME_IN_SECONDS: "other_day",
    Defect.TIME_IN_NANOSECONDS: "invalid_field",
    Defect.BANDS_IN_MILLISECONDS: "other_day",
    Defect.CROWD_TOMORROW: "ahead",
    Defect.CROWD_LATER: "ahead",
    Defect.NAN_BESIDE: "not_json",
    Defect.INFINITY_BESIDE: "not_json",
    Defect.HUGE_NUMBER: "invalid_field",
    Defect.DEEP_NESTING: "not_json",
    Defect.TEXT_FOR_NUMBER: "invalid_field",
    Defect.NUMBER_FOR_SYMBOL: "no_symbol",
    Defect.NUMBER_FOR_TYPE: "no_event_type",
    Defect.STATUS_WITHOUT_NAME: "malformed_status",
    Defect.STATUS_OF_NUMBERS: "malformed_status",
    Defect.CONTROL_IN_SYMBOL: "invalid_symbol",
    Defect.BLANK_IN_SYMBOL: "invalid_symbol",
    Defect.MARKUP_IN_SYMBOL: "invalid_symbol",
    Defect.INVISIBLE_IN_SYMBOL: "invalid_symbol",
}
"""Why the platform refuses each kind. What is not here counts, but for two: an array of four things that are
no events, and symbols that nobody lists, of which some have rows."""


def sent_by_reason(sent: Iterable[Sent]) -> Counter[str]:
    """What the simulator handed out, by the reason for which it must be refused."""
    found: Counter[str] = Counter()
    for each in sent:
        if each.defect is Defect.NOT_OBJECTS:
            found["no_event_type"] += 4
        elif each.defect is not None and each.defect in REASONS:
            found[REASONS[each.defect]] += each.pieces
    return found


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
    told = sent_by_reason(day.sent)
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
    monkeypatch.setattr(admission, "rows_for_unknown", lambda _known: UNKNOWN_ROWS)
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
