"""What became of an instruction, by the answers of the processes. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from marketdata.control.effects import Effect, RevisionOutcome
from marketdata.runtime.instructions import LIFETIME_SECONDS, ActionAnswer

ANSWER_SECONDS: Final = 2 * LIFETIME_SECONDS + 2
"""After this time no process answers any more: it began within the lifetime, and had as long to finish."""


def judge_answers(expected: Collection[str], answers: Sequence[ActionAnswer], age_seconds: float) -> Effect:
    """What became of an instruction that was given `age_seconds` ago to the processes in `expected`.

    It is refused if one process refuses, or if one does not answer in time; the words say what the others
    did. Answers of processes that were not expected count as well: they began meanwhile.
    """
    done = [each for each in answers if not each.is_refused]
    refused = [each for each in answers if each.is_refused]
    silent = sorted(set(expected) - {each.source for each in answers})
    applied_by = tuple(each.source for each in done)
    words = "; ".join(f"{each.source}: {each.text}" for each in done)
    if silent and age_seconds < ANSWER_SECONDS:
        waiting = f"no answer yet from {', '.join(silent)}"
        return Effect(RevisionOutcome.PENDING, "; ".join(filter(None, (waiting, words))), applied_by)
    faults = [f"refused by {each.source}: {each.text}" for each in refused]
    faults += [f"no answer from {each}" for each in silent]
    if faults:
        return Effect(RevisionOutcome.REFUSED, "; ".join((*faults, *filter(None, (words,)))), applied_by)
    return Effect(RevisionOutcome.APPLIED, words, applied_by)
