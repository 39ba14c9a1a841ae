"""What became of a version, by what the processes of a service report."""

import itertools
from typing import Any

import pytest

from marketdata.control import Effect, Report, RevisionOutcome, effect_within
from marketdata.control.listener import judge_listener
from marketdata.control.processes import judge_processes
from marketdata.listener.wanted import ListenerActual, ListenerWanted
from marketdata.providers.base import ProviderState
from tests.support.listener_records import COUNTERS
from tests.support.manual_clock import ManualClock


def report(source: str, version: int, **refusal: Any) -> Report:
    return Report(source=source, version=version, values={}, **refusal)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], Effect(RevisionOutcome.PENDING, "no process reports")),
        ([report("a", 3), report("b", 2)], Effect(RevisionOutcome.PENDING, "not applied by b", ("a",))),
        (
            [report("a", 3), report("b", 3)],
            Effect(RevisionOutcome.APPLIED, "applied by 2 of 2 processes", ("a", "b")),
        ),
        (
            [report("a", 3), report("b", 4)],
            Effect(RevisionOutcome.APPLIED, "applied by 1 of 2 processes", ("a",)),
        ),
        ([report("a", 5), report("b", 4)], Effect(RevisionOutcome.OVERTAKEN, "overtaken by version 5")),
        (
            [report("a", 3), report("b", 2, refused_version=3, refusal="too hot")],
            Effect(RevisionOutcome.REFUSED, "refused by b: too hot"),
        ),
    ],
)
def test_a_version_is_applied_when_every_reporting_process_applies_it(
    reports: list[Report], expected: Effect
) -> None:
    assert judge_processes(3, reports) == expected


def actual(version: int = 3, *, running: bool = True, **told: Any) -> ListenerActual:
    applied = ListenerWanted(
        running=running, feed="f", market="stocks", subscriptions=("T.*",), version=version
    )
    words: dict[str, Any] = {"state": ProviderState.LIVE, "reason": "", "detail": "", "unconfirmed": ()}
    return ListenerActual(
        source="l", reported_at_ms=1, applied=applied, session=1, live_since_ms=1, counters=COUNTERS,
        **(words | told),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "outcome", "words"),
    [
        (None, RevisionOutcome.PENDING, "no listener reports its state"),
        (actual(), RevisionOutcome.APPLIED, "live"),
        (actual(2), RevisionOutcome.PENDING, "has not applied it yet"),
        (actual(4), RevisionOutcome.OVERTAKEN, "overtaken by version 4"),
        (
            actual(2, refused_version=3, refusal="no such feed"),
            RevisionOutcome.REFUSED,
            "refused: no such feed",
        ),
        (actual(unconfirmed=("LULD.*",)), RevisionOutcome.PENDING, "has not confirmed LULD.*"),
        (
            actual(state=ProviderState.MARKET_CLOSED),
            RevisionOutcome.APPLIED,
            "connects when the market opens",
        ),
        (
            actual(state=ProviderState.REFUSED, reason="key"),
            RevisionOutcome.REFUSED,
            "refused by the provider: key",
        ),
        (actual(running=False, state=ProviderState.STOPPED), RevisionOutcome.APPLIED, "stopped"),
        (actual(running=False), RevisionOutcome.PENDING, "live"),
    ],
)
def test_a_version_of_the_listener_is_applied_when_the_connection_is_as_it_says(
    told: ListenerActual | None, outcome: RevisionOutcome, words: str
) -> None:
    effect = judge_listener(3, told)
    assert effect.outcome is outcome
    assert words in effect.explanation
    assert bool(effect.applied_by) is (outcome is RevisionOutcome.APPLIED)


class ScriptedFollowers:
    """Tells one effect after the other, and lets a second pass before each."""

    def __init__(self, clock: ManualClock, *effects: Effect) -> None:
        self._clock = clock
        self._effects = itertools.chain(effects, itertools.repeat(effects[-1]))

    async def reports(self) -> list[Report]:
        return []

    async def effect(self, version: int) -> Effect:
        del version
        self._clock.advance(1)
        return next(self._effects)


async def test_a_pending_version_is_waited_for_until_it_is_decided() -> None:
    clock = ManualClock(time_ms=0)
    done = Effect(RevisionOutcome.APPLIED, "done")
    followers = ScriptedFollowers(clock, Effect(RevisionOutcome.PENDING, "wait"), done)
    assert await effect_within(followers, 1, deadline_seconds=60, clock=clock) == done


async def test_what_is_not_decided_in_time_is_still_pending_and_says_what_is_missing() -> None:
    clock = ManualClock(time_ms=0)
    pending = Effect(RevisionOutcome.PENDING, "not applied by b")
    followers = ScriptedFollowers(clock, pending)
    assert await effect_within(followers, 1, deadline_seconds=0.5, clock=clock) == pending
