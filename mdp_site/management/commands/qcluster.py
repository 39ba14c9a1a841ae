"""`manage.py qcluster`: django-q2's command, which runs the scheduled jobs; operators steer its processes."""

import asyncio
import signal
import sys
from typing import Any, Final

from django_q.cluster import Cluster
from django_q.management.commands.qcluster import Command as DjangoQCommand

from marketdata.management.process_reports import reporting_by_settings
from marketdata.observability.logs import get_logger
from marketdata.runtime.restart import begin_again_if_requested
from mdp_site.jobs.children import prepare_children
from mdp_site.jobs.offered import JOBS_SERVICE
from mdp_site.jobs.steering import JobsSteering

LOOK_SECONDS: Final = 0.1

log = get_logger(__name__)


class Command(DjangoQCommand):  # type: ignore[misc]  # django-q2 has no types
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the jobs until SIGTERM or Ctrl-C. Report this process, and follow its settings meanwhile.

        The cluster forks its processes first: a fork of a process with an event loop is not safe. Whether
        jobs run in time is seen in the database, since the processes that run them have no event loop.

        Raises:
            SystemExit: with code 1 if the processes ended by themselves.
        """
        if options.get("run_once") or options.get("cluster_name"):
            super().handle(*args, **options)
            return
        steering = JobsSteering()
        steering.begin()
        prepare_children()
        cluster = Cluster()
        cluster.start()
        in_order = asyncio.run(_run(cluster, steering))
        begin_again_if_requested()
        if not in_order:
            sys.exit(1)


async def _run(cluster: Cluster, steering: JobsSteering) -> bool:
    """Report and follow settings until the cluster has ended. Returns whether it was asked to.

    The cluster's own handler of signals would wait for the running jobs in this thread, without a report.
    """
    stopping = cluster.stop_event
    if stopping is None:  # it was stopped while it started
        return True
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with (
        steering.following() as status,
        reporting_by_settings(JOBS_SERVICE, JOBS_SERVICE).of(status, dict) as reporting,
    ):
        while cluster.sentinel.is_alive():  # noqa: ASYNC110 - another process, which announces nothing
            await asyncio.sleep(LOOK_SECONDS)
        if not stopping.is_set():
            log.error("job processes ended by themselves", exit_code=cluster.sentinel.exitcode)
            reporting.failed()
        return bool(stopping.is_set())
