"""Schedules stay within the bounds of their jobs, changes are noted, and no run is repeated for ever."""

import datetime as dt
import os
import traceback
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule, Task
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from marketdata.jobs import SCHEDULED
from mdp_site.accounts.models import User
from mdp_site.control_plane.models import AuditEntry
from mdp_site.jobs.broker import MOST_TAKINGS, JobsBroker
from mdp_site.jobs.offered import OFFERED
from mdp_site.jobs.outcomes import MOST_CHARACTERS, outcome_line
from mdp_site.jobs.schedules import read_jobs
from tests.support.operators import logged_in

pytestmark = pytest.mark.django_db
JOB = SCHEDULED[0]
CHANGE_PAGE = "admin:django_q_schedule_change"


@pytest.fixture
def superuser() -> Client:
    client: Client = logged_in(User.objects.create_superuser("root", password="x"))
    return client


@pytest.fixture
def broker() -> JobsBroker:
    found = get_broker()
    assert isinstance(found, JobsBroker)
    return found


def posted(client: Client, schedule: Schedule, **changes: Any) -> str:
    """What the page of a schedule answers; empty if the change is accepted."""
    form = {"name": schedule.name, "func": schedule.func, "schedule_type": "I", "minutes": "15"}
    form |= {"next_run_0": "2026-01-05", "next_run_1": "10:00:00"} | changes
    answer = client.post(reverse(CHANGE_PAGE, args=[schedule.pk]), form)
    return "" if answer.status_code == 302 else answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"minutes": "0"}, "accepted for &#x27;refresh reference data&#x27;: 1 to 60 minutes"),
        ({"minutes": "61"}, "The interval is 61; accepted"),
        ({"minutes": ""}, "The interval is not given; accepted"),
        ({"schedule_type": "W"}, "The interval is 10080; accepted"),
        ({"schedule_type": "Y"}, "Y is not one of the available choices"),
        ({"next_run_0": "2099-01-01"}, "Accepted: a time until"),
    ],
)
def test_an_interval_outside_the_bounds_of_the_job_is_refused_at_its_field(
    superuser: Client, changes: dict[str, str], refusal: str
) -> None:
    schedule = Schedule.objects.get(name=JOB.title)
    assert refusal in posted(superuser, schedule, **changes)
    assert not AuditEntry.objects.filter(action="schedule changed").exists()


def test_a_changed_schedule_runs_for_ever_and_is_an_entry_of_the_audit(superuser: Client) -> None:
    schedule = Schedule.objects.get(name=JOB.title)
    Schedule.objects.update(repeats=1)
    assert posted(superuser, schedule, minutes="30") == ""
    schedule.refresh_from_db()
    assert (schedule.minutes, schedule.repeats) == (30, -1)
    entry = AuditEntry.objects.get(action="schedule changed")
    assert (entry.who, entry.service, entry.before, entry.after, entry.result) == (
        "root",
        "jobs",
        {"minutes": 15},
        {"minutes": 30},
        f"done: {JOB.title}",
    )


def test_a_deleted_schedule_and_a_run_that_was_asked_for_are_entries_of_the_audit(superuser: Client) -> None:
    schedule = Schedule.objects.get(name=JOB.title)
    page = reverse("admin:django_q_schedule_changelist")
    superuser.post(page, {"action": "run_now", "_selected_action": [schedule.pk]})
    superuser.post(page, {"action": "delete_selected", "_selected_action": [schedule.pk], "post": "yes"})
    run = AuditEntry.objects.get(action="jobs run now")
    assert run.after == {"schedules": [JOB.title]}
    deleted = AuditEntry.objects.get(action="schedule deleted")
    assert (deleted.before or {})["job"] == JOB.path


def test_a_job_whose_process_is_killed_again_and_again_fails_once_and_visibly(broker: JobsBroker) -> None:
    number = async_task(JOB.path)

    def take() -> list[Any]:
        OrmQ.objects.update(lock=timezone.now() - dt.timedelta(seconds=1))
        return [SignedPackage.loads(package) for _, package in broker.dequeue() or []]

    for _ in range(MOST_TAKINGS):
        assert [task["id"] for task in take()] == [number]
    assert take() == []
    assert not OrmQ.objects.exists()
    failed = Task.objects.get(pk=number)
    assert (failed.func, failed.success) == (JOB.path, False)
    assert failed.result.startswith(f"taken {MOST_TAKINGS} times and never finished")


def failure_of(error: Exception) -> str:
    """What django-q2 stores of a failed run."""
    try:
        raise error  # noqa: TRY301 - it needs a traceback
    except Exception as raised:  # noqa: BLE001 - as its worker does
        return f"{raised} : {traceback.format_exc()}"


def test_a_failure_is_shown_with_its_own_first_line() -> None:
    assert outcome_line(failure_of(ValueError("the provider is away"))) == "the provider is away"
    assert outcome_line(failure_of(ValueError())) == "ValueError"
    assert outcome_line(failure_of(ValueError("first\nsecond"))) == "first"
    assert outcome_line("x" * 1_000) == "x" * MOST_CHARACTERS
    assert outcome_line("3 deleted\nand more") == "3 deleted"
    assert outcome_line(None) == outcome_line("") == ""


@pytest.mark.django_db(transaction=True)  # it is read in a thread
async def test_every_job_that_is_offered_has_a_schedule_and_is_late_when_nobody_runs_it() -> None:
    now = timezone.now()
    await Schedule.objects.aupdate(next_run=now - dt.timedelta(minutes=10))
    for job in OFFERED.values():
        await Task.objects.acreate(
            id=os.urandom(16).hex(),
            name="a run",
            func=job.path,
            started=now,
            stopped=now,
            success=False,
            result=failure_of(ValueError("no luck")),
        )
    views = {view.name: view for view in await read_jobs()}
    assert views.keys() == {job.title for job in OFFERED.values()}
    assert all(view.late_seconds >= 600 for view in views.values())
    assert {(view.last_outcome, view.failures) for view in views.values()} == {("no luck", 1)}
