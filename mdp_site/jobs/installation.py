"""Reads the installation of the settings, for programs that no web process serves."""

from django.conf import settings

from marketdata.clock import SystemClock
from marketdata.control.document import InstallationReader
from marketdata.control.overview_reading import OverviewReader
from marketdata.store.process_records import ProcessRecords
from mdp_site.jobs.schedules import read_jobs
from mdp_site.service_settings import SERVICES


def overview_reader(records: ProcessRecords) -> OverviewReader:
    """The reader of what all processes report to a cache, and of the jobs in the database."""
    return OverviewReader(
        records,
        services=list(SERVICES),
        shard_count=settings.MDQ_SHARDS,
        read_jobs=read_jobs,
        clock=SystemClock(),
    )


def installation_reader(records: ProcessRecords) -> InstallationReader:
    """The same, with a verdict."""
    return InstallationReader(overview_reader(records))
