"""The rules of the verdict about scheduled jobs. Pure."""

from collections.abc import Iterator
from typing import Final

from marketdata.control.findings import Finding, Severity
from marketdata.control.views import Overview
from marketdata.units import MS_PER_SECOND

LATE_AFTER_SECONDS: Final = 120
"""The job processes look for due jobs twice a minute."""


def jobs_failing(overview: Overview) -> Iterator[Finding]:
    """The newest run of a job failed."""
    for job in overview.jobs or ():
        if job.failures:
            yield Finding(
                rule="job failing",
                severity=Severity.DEGRADED,
                what=f"the job {job.name!r} failed {_times(job.failures)}: {job.last_outcome}",
                advice="It runs again as scheduled. The admin page of failed jobs has the whole error.",
                since_ms=job.last_ms,
            )


def _times(failures: int) -> str:
    return "at its newest run" if failures == 1 else f"{failures} times in a row"


def jobs_late(overview: Overview) -> Iterator[Finding]:
    """A job is due, and no process runs it. A process that has just started looks for due jobs soon."""
    started_ms = [view.since_ms for view in overview.running if view.report.service == "jobs"]
    if started_ms and overview.read_at_ms - min(started_ms) < LATE_AFTER_SECONDS * MS_PER_SECOND:
        return
    for job in overview.jobs or ():
        if job.late_seconds > LATE_AFTER_SECONDS:
            yield Finding(
                rule="job late",
                severity=Severity.DEGRADED,
                what=f"the job {job.name!r} is {job.late_seconds} s late",
                advice="Restart the jobs process: manage.py qcluster.",
                since_ms=overview.read_at_ms - job.late_seconds * MS_PER_SECOND,
            )
