"""Operators pause the processes that run jobs: orders wait, and run after the pause, one of each job."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mdp_site.jobs.purge import PURGE
from tests.support.deadlines import eventually_sync, scaled
from tests.support.site import MANAGE, Site

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]  # each command is a process of its own

NO_SCHEDULES = "from django_q.models import Schedule; Schedule.objects.all().delete()"
ORDER_TWICE = f"from django_q.tasks import async_task; [async_task('{PURGE.path}') for _ in range(2)]"
COUNTS = "from django_q.models import OrmQ, Success; print(OrmQ.objects.count(), Success.objects.count())"


@contextlib.contextmanager
def running_cluster(site: Site) -> Iterator[None]:
    """Run `manage.py qcluster`, and stop it in order: it has children, which a kill would leave."""
    with (site.directory / "jobs.log").open("wb") as log:
        command = [sys.executable, str(MANAGE), "qcluster"]
        process = subprocess.Popen(command, env=site.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(scaled(20))


@pytest.fixture
def site(redis_url: str, unique_prefix: str) -> Iterator[Site]:
    with Site(
        redis_url=redis_url, oidc_url="http://127.0.0.1:1", MDC_KEY_PREFIX=f"{unique_prefix}:"
    ) as server:
        yield server


def counts(site: Site) -> list[int]:
    """The orders that wait or run, and the jobs that have succeeded."""
    return [int(word) for word in site.manage("shell", "--no-imports", "-c", COUNTS).split()]


def test_a_paused_process_takes_no_job_until_the_pause_is_over(site: Site) -> None:
    # Schedules would add orders of their own.
    site.manage(
        "shell", "--no-imports", "-c", "from django_q.models import Schedule as S; S.objects.all().delete()"
    )
    with running_cluster(site):
        eventually_sync(lambda: "no process reports" not in site.manage("control", "jobs"), 30)
        assert "applied by 1 of 1" in site.manage("control", "jobs", "running=off")
        site.manage("shell", "--no-imports", "-c", ORDER_TWICE)
        assert counts(site) == [1, 0], "the second order is no other one"
        assert "running = off" in site.manage("control", "jobs")
        assert counts(site) == [1, 0], "it has had the time to poll"
        assert "applied by 1 of 1" in site.manage("control", "jobs", "running=")
        eventually_sync(lambda: counts(site) == [0, 1], 30)
