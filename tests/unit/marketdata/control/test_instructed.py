"""What became of an instruction follows from the answers of the processes."""

from hypothesis import given
from hypothesis import strategies as st

from marketdata.control import RevisionOutcome
from marketdata.control.instructed import ANSWER_SECONDS, judge_answers
from marketdata.runtime.instructions import ActionAnswer

NAMES = st.sampled_from(["web:1", "web:2", "web:3", "web:4"])
ANSWERS = st.dictionaries(NAMES, st.booleans()).map(
    lambda by_name: [
        ActionAnswer(source=name, text=f"text of {name}", is_refused=refused)
        for name, refused in by_name.items()
    ]
)
EXPECTED = st.sets(NAMES, min_size=1)
AGES = st.floats(0, 100)


@given(EXPECTED, ANSWERS, AGES)
def test_it_is_pending_only_while_somebody_may_still_answer(
    expected: set[str], answers: list[ActionAnswer], age_seconds: float
) -> None:
    effect = judge_answers(expected, answers, age_seconds)
    silent = expected - {each.source for each in answers}
    waits = bool(silent) and age_seconds < ANSWER_SECONDS
    assert (effect.outcome is RevisionOutcome.PENDING) == waits


@given(EXPECTED, ANSWERS, AGES)
def test_it_is_applied_only_if_all_answered_and_nobody_refused(
    expected: set[str], answers: list[ActionAnswer], age_seconds: float
) -> None:
    effect = judge_answers(expected, answers, age_seconds)
    is_whole = expected <= {each.source for each in answers if not each.is_refused}
    refused = any(each.is_refused for each in answers)
    assert (effect.outcome is RevisionOutcome.APPLIED) == (is_whole and not refused)


@given(EXPECTED, ANSWERS, AGES)
def test_the_words_name_everyone_who_matters_and_every_process_that_did_it_is_listed(
    expected: set[str], answers: list[ActionAnswer], age_seconds: float
) -> None:
    effect = judge_answers(expected, answers, age_seconds)
    assert effect.applied_by == tuple(each.source for each in answers if not each.is_refused)
    for each in answers:
        if not each.is_refused or effect.outcome is not RevisionOutcome.PENDING:
            assert each.text in effect.explanation
    for name in expected - {each.source for each in answers}:
        assert name in effect.explanation


@given(EXPECTED, ANSWERS, AGES, AGES)
def test_a_decision_does_not_change_with_time(
    expected: set[str], answers: list[ActionAnswer], age_seconds: float, later_seconds: float
) -> None:
    effect = judge_answers(expected, answers, age_seconds)
    if effect.outcome is not RevisionOutcome.PENDING:
        assert judge_answers(expected, answers, age_seconds + later_seconds) == effect
