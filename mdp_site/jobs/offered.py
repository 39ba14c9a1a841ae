"""The jobs that can be run: those of `marketdata` and of the site. No other function can."""

from collections.abc import Mapping
from typing import Final

from marketdata.jobs import JOBS as MARKET_DATA_JOBS
from mdp_site.jobs.purge import PURGE_JOB, PURGE_SCHEDULE

JOBS: Final[Mapping[str, str]] = {**MARKET_DATA_JOBS, PURGE_JOB: PURGE_SCHEDULE}
"""Dotted name of a job -> its title."""

JOBS_SERVICE: Final = "jobs"
"""The name of the process that runs them."""
