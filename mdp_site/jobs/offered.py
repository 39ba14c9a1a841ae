"""The jobs that can be run: those of `marketdata` and of the site. No other function can."""

from collections.abc import Mapping
from typing import Final

from marketdata.jobs import SCHEDULED as OF_MARKET_DATA
from marketdata.scheduled_jobs import ScheduledJob
from mdp_site.jobs.calendar_check import CALENDAR
from mdp_site.jobs.health_summary import SUMMARY
from mdp_site.jobs.purge import PURGE
from mdp_site.jobs.retention import RETENTION
from mdp_site.jobs.settings_backup import BACKUP

OF_THE_SITE: Final = (PURGE, RETENTION, BACKUP, SUMMARY, CALENDAR)

OFFERED: Final[Mapping[str, ScheduledJob]] = {job.path: job for job in (*OF_MARKET_DATA, *OF_THE_SITE)}
"""Dotted name of a job -> the job."""

JOBS: Final[Mapping[str, str]] = {path: job.title for path, job in OFFERED.items()}
"""Dotted name of a job -> its title."""

JOBS_SERVICE: Final = "jobs"
"""The name of the process that runs them."""
