"""The schedule of the reference job is there after every migration, once, as the operator left it."""

import pytest
from django.core.management import call_command
from django_q.models import Schedule

from marketdata.jobs import REFERENCE_SCHEDULE, refresh_reference_data, register_schedules

pytestmark = pytest.mark.django_db


def test_a_migrated_database_holds_the_schedule_and_it_names_the_job() -> None:
    schedule = Schedule.objects.get(name=REFERENCE_SCHEDULE)

    assert schedule.func == f"{refresh_reference_data.__module__}.{refresh_reference_data.__qualname__}"
    assert schedule.schedule_type == Schedule.MINUTES


def test_migrating_again_keeps_one_schedule_and_the_operators_changes() -> None:
    Schedule.objects.filter(name=REFERENCE_SCHEDULE).update(minutes=60)

    call_command("migrate", verbosity=0)
    register_schedules()

    assert Schedule.objects.get(name=REFERENCE_SCHEDULE).minutes == 60
