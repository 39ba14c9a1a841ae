"""The schedule of the reference job is there after every migration, once, as the operator left it."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.models import Schedule

from marketdata.jobs import (
    NEWCOMERS_SCHEDULE,
    REFERENCE_INTERVAL_MINUTES,
    REFERENCE_SCHEDULE,
    look_up_newcomers,
    refresh_reference_data,
    register_schedules,
)
from marketdata.reference.loader import PREPARATION_MS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "job"), [(REFERENCE_SCHEDULE, refresh_reference_data), (NEWCOMERS_SCHEDULE, look_up_newcomers)]
)
def test_a_migrated_database_holds_the_schedules_and_they_name_their_jobs(
    name: str, job: Callable[[], str]
) -> None:
    schedule = Schedule.objects.get(name=name)

    assert schedule.func == f"{job.__module__}.{job.__qualname__}"
    assert schedule.schedule_type == Schedule.MINUTES


def test_a_new_schedule_is_due_at_once() -> None:
    assert Schedule.objects.get(name=REFERENCE_SCHEDULE).next_run <= timezone.now()


def test_however_the_runs_fall_two_are_tried_before_a_day_starts() -> None:
    assert 2 * REFERENCE_INTERVAL_MINUTES * 60_000 <= PREPARATION_MS


def test_migrating_again_keeps_one_schedule_and_the_operators_changes() -> None:
    Schedule.objects.filter(name=REFERENCE_SCHEDULE).update(minutes=60)

    call_command("migrate", verbosity=0)
    register_schedules()

    assert Schedule.objects.get(name=REFERENCE_SCHEDULE).minutes == 60
