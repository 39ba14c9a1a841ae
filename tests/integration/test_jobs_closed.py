"""Jobs: only the platform's own run, whatever the admin, a schedule's row or a stored pickle asks for."""

import base64
import datetime as dt
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from marketdata.jobs import JOBS, REFERENCE_SCHEDULE
from mdp_site.accounts.models import User
from mdp_site.jobs.broker import JobsBroker

pytestmark = pytest.mark.django_db
JOB = next(iter(JOBS))


class Attack:
    """A pickle of this makes a directory when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._path),)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    return tmp_path / "sprung"


@pytest.fixture
def broker() -> JobsBroker:
    found = get_broker()
    assert isinstance(found, JobsBroker)
    return found


@pytest.fixture
def superuser(client: Client) -> Client:
    client.force_login(
        User.objects.create_superuser("root", password="x"), "django.contrib.auth.backends.ModelBackend"
    )
    return client


def taken(broker: JobsBroker) -> list[dict[str, Any]]:
    """What the job processes would be given now."""
    OrmQ.objects.update(lock=timezone.now() - dt.timedelta(seconds=1))
    return [SignedPackage.loads(package) for _, package in broker.dequeue() or []]


def finished(success: bool, **columns: Any) -> Task:
    now = timezone.now()
    return Task.objects.create(
        id=os.urandom(16).hex(), name="a run", func=JOB, started=now, stopped=now, success=success, **columns
    )


def test_an_order_for_a_job_of_the_platform_arrives(broker: JobsBroker) -> None:
    number = async_task(JOB, group="refresh")
    [task] = taken(broker)
    assert (task["id"], task["func"], task["group"]) == (number, JOB, "refresh")
    assert (task["args"], task["kwargs"], task["ack_failure"]) == ((), {}, True)
    assert task["started"] <= timezone.now()


def test_what_waits_in_the_database_is_text_without_a_pickle() -> None:
    async_task(JOB)
    assert OrmQ.objects.get().payload.startswith('{"')


@pytest.mark.parametrize("function", ["os.system", "builtins.exec", "marketdata.jobs.register_schedules"])
def test_any_other_function_is_set_aside_and_the_next_order_arrives(
    broker: JobsBroker, function: str
) -> None:
    async_task(function, "touch /tmp/never")
    async_task(JOB)
    assert taken(broker) == []
    assert [task["func"] for task in taken(broker)] == [JOB]
    assert OrmQ.objects.count() == 1


def test_a_signed_pickle_of_an_earlier_release_is_set_aside(broker: JobsBroker, trap: Path) -> None:
    package = SignedPackage.dumps({"id": "1", "name": "n", "func": JOB, "args": Attack(trap)})
    OrmQ.objects.create(key=broker.list_key, payload=package, lock=timezone.now())
    assert taken(broker) == []
    assert not OrmQ.objects.exists()
    assert not trap.exists()


@pytest.mark.django_db(transaction=True)  # the scheduler closes old connections to the database
def test_a_schedules_row_smuggles_in_neither_arguments_nor_a_hook_nor_a_run_past_the_broker(
    broker: JobsBroker, trap: Path
) -> None:
    Schedule.objects.all().delete()
    Schedule.objects.create(
        func="os.mkdir",
        args=repr((str(trap),)),
        kwargs="{'q_options': {'sync': True}}",
        hook="os.system",
        schedule_type=Schedule.MINUTES,
        next_run=timezone.now() - dt.timedelta(minutes=5),
    )
    Schedule.objects.create(
        func=JOB,
        args="'x'",
        hook="os.system",
        schedule_type=Schedule.MINUTES,
        next_run=timezone.now() - dt.timedelta(minutes=4),
    )
    scheduler(broker)

    orders = taken(broker) + taken(broker)
    assert not trap.exists()
    assert [(task["func"], task["args"], "hook" in task) for task in orders] == [(JOB, (), False)]


def test_the_cluster_pickles_no_statistics_into_the_cache(broker: JobsBroker) -> None:
    broker.set_stat("key", "pickle", 3)
    assert broker.get_stats("*") == []
    assert broker.cache.get("key") is None


def test_a_stored_result_is_read_as_data_and_no_hook_is_called(trap: Path) -> None:
    assert Task.objects.get(pk=finished(True, args=(), kwargs={"a": [1]}, result="done").pk).kwargs == {
        "a": [1]
    }
    poisoned = finished(True, result="done")
    poison = base64.b64encode(pickle.dumps(Attack(trap))).decode()
    _write_column(poisoned, "result", poison)
    _write_column(poisoned, "args", poison)

    found = Success.objects.get(pk=poisoned.pk)
    found.hook = f"{__name__}.never"
    found.save()
    assert found.result == poison
    assert not trap.exists()


def _write_column(task: Task, column: str, text: str) -> None:
    """As somebody would who can write to the database."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE django_q_task SET {column} = %s WHERE id = %s", [text, task.pk])  # noqa: S608


def test_a_superuser_chooses_from_the_platforms_jobs(superuser: Client) -> None:
    page = superuser.get(reverse("admin:django_q_schedule_add")).content.decode()
    assert all(f'<option value="{job}">' in page for job in JOBS)
    assert not any(f'name="{field}"' in page for field in ("hook", "args", "kwargs", "cluster", "cron"))

    form = {"name": "mine", "schedule_type": "I", "minutes": "5", "repeats": "-1"}
    form |= {"next_run_0": "2026-01-05", "next_run_1": "10:00:00"}
    refused = superuser.post(
        reverse("admin:django_q_schedule_add"), form | {"func": "os.system", "args": "'id'"}
    )
    assert refused.status_code == 200
    assert "os.system is not one of the available choices" in refused.content.decode()
    assert not Schedule.objects.filter(name="mine").exists()

    accepted = superuser.post(
        reverse("admin:django_q_schedule_add"), form | {"func": JOB, "args": "'id'", "hook": "os.system"}
    )
    assert accepted.status_code == 302
    made = Schedule.objects.get(name="mine")
    assert (made.func, made.args or "", made.hook or "") == (JOB, "", "")


def test_a_row_with_another_function_is_shown_as_what_it_is(superuser: Client) -> None:
    Schedule.objects.create(name="old", func="os.system", args="'id'")
    page = superuser.get(reverse("admin:django_q_schedule_changelist")).content.decode()
    assert "os.system (not a job of the platform: it does not run)" in page


def test_a_schedule_is_made_due_from_its_page(superuser: Client) -> None:
    schedule = Schedule.objects.get(name=REFERENCE_SCHEDULE)
    Schedule.objects.update(next_run=timezone.now() + dt.timedelta(days=1))
    superuser.post(
        reverse("admin:django_q_schedule_changelist"),
        {"action": "run_now", "_selected_action": [schedule.pk]},
    )
    schedule.refresh_from_db()
    assert schedule.next_run <= timezone.now()


@pytest.mark.parametrize(("model", "success"), [(Success, True), (Failure, False)])
def test_finished_jobs_are_shown_and_not_changed_or_run_again(
    superuser: Client, model: type[Task], success: bool, trap: Path
) -> None:
    task = finished(success, result="ProviderUnavailable: away\nTraceback")
    poison = base64.b64encode(pickle.dumps(Attack(trap))).decode()
    _write_column(task, "args", poison)
    name = model.__name__.lower()
    listed = superuser.get(reverse(f"admin:django_q_{name}_changelist"))
    assert "ProviderUnavailable: away" in listed.content.decode()
    assert "resubmit" not in listed.content.decode()
    page = superuser.get(reverse(f"admin:django_q_{name}_change", args=[task.pk]))
    assert "Traceback" in page.content.decode()
    assert poison not in page.content.decode()
    assert superuser.post(reverse(f"admin:django_q_{name}_change", args=[task.pk]), {}).status_code == 403
    assert superuser.get(reverse(f"admin:django_q_{name}_add")).status_code == 403
    assert not trap.exists()


def test_waiting_jobs_are_shown_as_stored_and_not_changed(
    superuser: Client, broker: JobsBroker, trap: Path
) -> None:
    package = SignedPackage.dumps({"id": "1", "name": "n", "func": JOB, "args": Attack(trap)})
    row = OrmQ.objects.create(key=broker.list_key, payload=package, lock=timezone.now())
    listed = superuser.get(reverse("admin:django_q_ormq_changelist"))
    page = superuser.get(reverse("admin:django_q_ormq_change", args=[row.pk]))
    assert (listed.status_code, page.status_code) == (200, 200)
    assert package[:50] in listed.content.decode()
    assert superuser.post(reverse("admin:django_q_ormq_change", args=[row.pk]), {}).status_code == 403
    assert not trap.exists()
