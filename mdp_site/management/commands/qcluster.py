"""`manage.py qcluster`: django-q2's command, which runs the scheduled jobs; its process reports itself."""

import asyncio
from typing import Any, Final

from django_q.cluster import Cluster
from django_q.management.commands.qcluster import Command as DjangoQCommand

from marketdata.management.process_reports import reporting_by_settings
from marketdata.runtime.report import ServiceStatus
from mdp_site.jobs.offered import JOBS_SERVICE

LOOK_SECONDS: Final = 0.5


class Command(DjangoQCommand):  # type: ignore[misc]  # django-q2 has no types
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the jobs until SIGTERM or Ctrl-C, and report this process meanwhile.

        The cluster forks its processes first: a fork of a process with an event loop is not safe. Whether
        jobs run in time is seen in the database, since the processes that run them have no event loop.
        """
        if options.get("run_once") or options.get("cluster_name"):
            super().handle(*args, **options)
            return
        cluster = Cluster()
        cluster.start()
        asyncio.run(_report_until_it_ends(cluster))


async def _report_until_it_ends(cluster: Cluster) -> None:
    """Report until the cluster has ended. Its signal handler runs in this thread, and stops it."""
    async with reporting_by_settings(JOBS_SERVICE, JOBS_SERVICE).of(ServiceStatus, dict):
        while cluster.sentinel.is_alive():  # noqa: ASYNC110 - another process, which announces nothing
            await asyncio.sleep(LOOK_SECONDS)
