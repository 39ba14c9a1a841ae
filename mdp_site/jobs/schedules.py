"""The schedules of the jobs, as the overview shows them: last run, next run, late, failures."""

import asyncio
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django_q.models import Schedule, Task

from marketdata.control.views import JobView
from marketdata.errors import Unavailable
from marketdata.observability.driver_text import driver_text
from marketdata.units import MS_PER_SECOND
from mdp_site.jobs.outcomes import outcome_line

RUNS_LOOKED_AT: Final = 10
FOR_EVER: Final = -1
"""How often a schedule is repeated: no number of times."""


def schedule_values(schedule: Schedule) -> dict[str, Any]:
    """What operators choose of a schedule, as values for JSON."""
    return {
        "name": schedule.name,
        "job": schedule.func,
        "type": schedule.schedule_type,
        "minutes": schedule.minutes,
    }


async def read_jobs() -> Sequence[JobView]:
    """A view of each schedule, read in a thread.

    Raises:
        Unavailable: the database is away.
    """
    return await asyncio.to_thread(_read)


def short_name(job: str) -> str:
    """What operators call the job with this dotted name."""
    return job.rpartition(".")[2]


def _read() -> Sequence[JobView]:
    try:
        return [_view(schedule) for schedule in Schedule.objects.order_by("name")]
    except DatabaseError as error:
        raise Unavailable(driver_text(error)) from None
    finally:
        close_old_connections()


def _view(schedule: Schedule) -> JobView:
    runs = list(
        Task.objects.filter(func=schedule.func)
        .order_by("-stopped")
        .values_list("success", "stopped", "result")[:RUNS_LOOKED_AT]
    )
    late_seconds = (timezone.now() - schedule.next_run).total_seconds() if schedule.next_run else 0.0
    succeeded, stopped, result = runs[0] if runs else (None, None, "")
    return JobView(
        name=schedule.name or schedule.func,
        job=short_name(schedule.func),
        last_ms=0 if stopped is None else round(stopped.timestamp() * MS_PER_SECOND),
        succeeded=succeeded,
        last_outcome=outcome_line(result),
        next_ms=round(schedule.next_run.timestamp() * MS_PER_SECOND) if schedule.next_run else 0,
        late_seconds=max(0, round(late_seconds)),
        failures=len(list(takewhile(lambda run: not run[0], runs))),
    )
