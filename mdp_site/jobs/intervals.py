"""How often a job may run: one place for the admin page and the restoration of schedules."""

from collections.abc import Mapping
from typing import Final

from django_q.models import Schedule

from marketdata.scheduled_jobs import DAY_MINUTES, ScheduledJob

MINUTES_OF_TYPES: Final[Mapping[str, int]] = {
    Schedule.HOURLY: 60,
    Schedule.DAILY: DAY_MINUTES,
    Schedule.WEEKLY: 7 * DAY_MINUTES,
}
"""The types of schedules besides a number of minutes."""

TYPES: Final = (Schedule.MINUTES, *MINUTES_OF_TYPES)


def interval_refusal(job: ScheduledJob, schedule_type: str, minutes: int | None) -> str:
    """Why a job may not run so often or so seldom, and what is accepted; empty if it may."""
    interval = MINUTES_OF_TYPES.get(schedule_type, minutes)
    if interval is not None and job.shortest_minutes <= interval <= job.longest_minutes:
        return ""
    accepted = f"{job.shortest_minutes} to {job.longest_minutes} minutes"
    return f"The interval is {interval or 'not given'}; accepted for {job.title!r}: {accepted}."
