"""Operators pause, drain and restart the processes that run jobs, and no process is left behind."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

import psutil
import pytest

from mdp_site.jobs.purge import PURGE
from tests.support.deadlines import eventually_sync, scaled
from tests.support.site import MANAGE, Site

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]  # each command is a process of its own

NO_SCHEDULES = "from django_q.models import Schedule; Schedule.objects.all().delete()"
ORDER_TWICE = f"from django_q.tasks import async_task; [async_task('{PURGE.path}') for _ in range(2)]"
COUNTS = "from django_q.models import OrmQ, Success; print(OrmQ.objects.count(), Success.objects.count())"
STOP_SECONDS = 20


@contextlib.contextmanager
def running_cluster(site: Site, name: str = "jobs") -> Iterator[subprocess.Popen[bytes]]:
    """Run `manage.py qcluster`, and stop it in order."""
    with (site.directory / f"{name}.log").open("wb") as log:
        command = [sys.executable, str(MANAGE), "qcluster"]
        process = subprocess.Popen(command, env=site.environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(scaled(STOP_SECONDS))


@pytest.fixture
def site(redis_url: str, unique_prefix: str) -> Iterator[Site]:
    with Site(
        redis_url=redis_url, oidc_url="http://127.0.0.1:1", MDC_KEY_PREFIX=f"{unique_prefix}:"
    ) as server:
        # Schedules would add orders of their own.
        server.manage("shell", "--no-imports", "-c", NO_SCHEDULES)
        yield server


def counts(site: Site) -> list[int]:
    """The orders that wait or run, and the jobs that have succeeded."""
    return [int(word) for word in site.manage("shell", "--no-imports", "-c", COUNTS).split()]


def order(site: Site) -> None:
    site.manage("shell", "--no-imports", "-c", ORDER_TWICE)


def identities(site: Site) -> Sequence[str]:
    """The processes that report their settings, as an operator sees them."""
    reports = json.loads(site.manage("control", "jobs", "--json"))["processes"]
    return sorted(report["source"] for report in reports)


def of_process(site: Site, process: subprocess.Popen[bytes]) -> str:
    """The identity of this process, as soon as it reports."""

    def found() -> str:
        return next((each for each in identities(site) if each.split(":")[1] == str(process.pid)), "")

    return eventually_sync(found, 30)


def test_a_paused_process_takes_no_job_until_the_pause_is_over(site: Site) -> None:
    with running_cluster(site) as process:
        of_process(site, process)
        assert "applied by 1 of 1" in site.manage("control", "jobs", "running=off")
        order(site)
        assert counts(site) == [1, 0], "the second order is no other one"
        assert "running = off" in site.manage("control", "jobs")
        assert counts(site) == [1, 0], "it has had the time to poll"
        assert "applied by 1 of 1" in site.manage("control", "jobs", "running=")
        eventually_sync(lambda: counts(site) == [0, 1], 30)


def test_a_drained_process_leaves_the_jobs_to_another_one(site: Site) -> None:
    with running_cluster(site, "one") as one, running_cluster(site, "two") as two:
        of_process(site, two)
        drained = of_process(site, one)
        assert "applied by 2 of 2" in site.manage("control", "jobs", f"drained={drained}")
        order(site)
        eventually_sync(lambda: counts(site) == [0, 1], 30)
    assert PURGE.path not in (site.directory / "one.log").read_text()
    assert PURGE.path in (site.directory / "two.log").read_text()


def test_a_process_restarts_in_place_and_its_children_are_new(site: Site) -> None:
    with running_cluster(site) as process:
        before = of_process(site, process)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 4, "one that watches, one that takes orders, one that stores, and a worker"
        site.manage("control", "jobs", f"restarting={before}")
        assert psutil.wait_procs(children, timeout=scaled(STOP_SECONDS))[1] == []
        eventually_sync(lambda: bool(identities(site)) and before not in identities(site), 30)
        assert process.poll() is None
        order(site)
        eventually_sync(lambda: counts(site) == [0, 1], 30)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends the children")
def test_a_killed_process_leaves_no_child_that_goes_on(site: Site) -> None:
    with running_cluster(site) as process:
        of_process(site, process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait(scaled(STOP_SECONDS))
        assert psutil.wait_procs(children, timeout=scaled(STOP_SECONDS))[1] == []


def test_a_process_that_lost_its_children_ends_with_an_error(site: Site) -> None:
    with running_cluster(site) as process:
        of_process(site, process)
        watching, *others = psutil.Process(process.pid).children(recursive=True)
        watching.kill()
        assert process.wait(scaled(STOP_SECONDS)) == 1
        assert psutil.wait_procs(others, timeout=scaled(STOP_SECONDS))[1] == []


def test_the_log_level_holds_in_the_children_too(site: Site) -> None:
    with running_cluster(site) as process:
        of_process(site, process)
        site.manage("control", "jobs", "log_level=ERROR")
        order(site)
        eventually_sync(lambda: counts(site) == [0, 1], 30)
        assert PURGE.path not in (site.directory / "jobs.log").read_text()
        site.manage("control", "jobs", "log_level=INFO")
        order(site)
        eventually_sync(lambda: PURGE.path in (site.directory / "jobs.log").read_text(), 30)
