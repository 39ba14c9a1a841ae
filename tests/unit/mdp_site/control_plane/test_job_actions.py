"""Operators run a job now: the action is pending until the job has ended, and has its outcome."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Task

from mdp_site.accounts.database_thread import DatabaseThread
from mdp_site.control_plane.action_delivery import ActionDelivery
from mdp_site.control_plane.actions.running import prepared, run
from mdp_site.control_plane.changes import NotAllowed
from mdp_site.control_plane.job_runs import settle_job_runs
from mdp_site.control_plane.models import ActionRun, AuditEntry
from mdp_site.jobs.actions import NAMES
from mdp_site.jobs.offered import JOBS
from tests.support import installation
from tests.support.operators import ANN, BOB, VIC

pytestmark = pytest.mark.django_db

PURGE = "purge_expired_sessions"


def act(name: str = "run_job", *, actor: Any = ANN, **values: Any) -> ActionRun:
    values = values or ({"job": PURGE} if name == "run_job" else {})
    return run(prepared(name, values, installation.overview()), actor=actor)


def impact(name: str, **values: Any) -> str:
    return prepared(name, values, installation.overview()).impact


def ended(run: ActionRun, *, succeeded: bool = True, result: object = 3, **fields: Any) -> Task:
    """The row of a run that has ended, as django-q2 stores it."""
    now = timezone.now()
    usual: Mapping[str, Any] = {
        "id": run.job_order,
        "name": "x",
        "func": NAMES[PURGE],
        "started": now,
        "stopped": now,
        "success": succeeded,
        "result": result,
    }
    return Task.objects.create(**{**usual, **fields})


def state(run: ActionRun) -> tuple[str, str]:
    settle_job_runs()
    run.refresh_from_db()
    return run.outcome, run.outcome_text


def take_order() -> None:
    """Lock the order, as a process that runs it does."""
    OrmQ.objects.update(lock=timezone.now() + dt.timedelta(minutes=5))


def test_every_job_has_a_name_of_its_own_for_operators() -> None:
    assert set(NAMES.values()) == set(JOBS)


def test_it_waits_then_runs_then_has_the_outcome_of_the_job() -> None:
    done = act()
    assert (done.outcome, done.service) == ("pending", "jobs")
    assert state(done) == ("pending", "the order waits for a process that runs jobs")
    take_order()
    assert state(done) == ("pending", "the job runs")
    ended(done, result="loaded; 3 flaws\nand more")
    OrmQ.objects.all().delete()
    assert state(done) == ("applied", "loaded; 3 flaws")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.result) == ("run_job", "applied: loaded; 3 flaws")


@pytest.mark.parametrize(
    ("succeeded", "result", "expected"),
    [
        (True, 0, ("applied", "0")),
        (True, None, ("applied", "")),
        (
            False,
            "cache away : Traceback (most recent call last):\n  File 1",
            ("refused", "cache away"),
        ),
        (False, "odd\x00 text\x1b", ("refused", "odd  text ")),
        (False, "x" * 10_000, ("refused", "x" * 500)),
    ],
)
def test_the_outcome_is_the_first_line_of_what_the_job_returned_or_of_why_it_failed(
    succeeded: bool, result: object, expected: tuple[str, str]
) -> None:
    done = act()
    ended(done, succeeded=succeeded, result=result)
    assert state(done) == expected


def test_the_order_whose_run_has_left_no_row_is_refused_in_place_of_pending_for_ever() -> None:
    done = act()
    OrmQ.objects.all().delete()
    assert state(done) == ("refused", "the order is gone, and no run of it has ended")


def test_two_operators_have_one_order_and_both_are_told_its_outcome() -> None:
    first, second = act(actor=ANN), act(actor=BOB)
    assert OrmQ.objects.count() == 1
    assert first.job_order == second.job_order
    ended(first, result="done")
    assert state(first) == state(second) == ("applied", "done")


def test_an_order_while_the_job_runs_is_another_one() -> None:
    first = act()
    take_order()
    second = act()
    assert first.job_order != second.job_order
    ended(first, result="the first")
    assert state(first) == ("applied", "the first")
    assert state(second)[0] == "pending"


def test_the_reference_job_has_an_action_of_its_own() -> None:
    done = act("load_reference")
    (order,) = OrmQ.objects.all()
    assert done.job_order in order.payload
    assert "refresh_reference_data" in order.payload


def test_the_impact_says_when_it_ran_last_and_how_that_ended() -> None:
    title = JOBS[NAMES[PURGE]]
    assert impact("run_job", job=PURGE) == (
        f"Runs '{title}' once, as soon as a process that runs jobs is free. It has not run yet."
    )
    at = dt.datetime(2026, 11, 27, 9, 30, tzinfo=dt.UTC)
    ended(act(), succeeded=False, result="cache away : Traceback (most recent call last):", stopped=at)
    assert impact("run_job", job=PURGE) == (
        f"Runs '{title}' once. The last run ended at 2026-11-27 09:30:00 UTC and failed: cache away."
    )
    assert "It has not run yet." in impact("load_reference")


def test_a_refused_action_orders_nothing() -> None:
    wish = prepared("run_job", {"job": PURGE}, installation.overview())
    with pytest.raises(NotAllowed):
        run(wish, actor=VIC)
    assert not OrmQ.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", [1, 3])
def test_the_delivery_follows_orders_without_the_cache_and_does_not_hurry_for_them(look: int) -> None:
    done = act()

    async def deliver() -> bool:
        database = DatabaseThread("test")
        try:
            return any([await ActionDelivery({}, database).once() for _ in range(look)])
        finally:
            await database.close()

    assert not asyncio.run(deliver())
    done.refresh_from_db()
    assert done.outcome_text == "the order waits for a process that runs jobs"
    connection.close()
