"""Several web processes behind one address: all serve, and one that ends is replaced."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.support.deadlines import eventually_sync, scaled
from tests.support.raw_client import RawClient
from tests.support.services import free_ports_in_a_row
from tests.support.site import MANAGE, Site

WORKERS = 2
WITHIN_SECONDS = 40.0
MOST_CONNECTIONS = 200


class WorkersSite(Site):
    """`manage.py run_web --workers 2`."""

    start_seconds = 60.0

    def __init__(self, redis_url: str) -> None:
        super().__init__(redis_url=redis_url, oidc_url="http://127.0.0.1:1")
        self.health_port = free_ports_in_a_row(1 + WORKERS)

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """The status and JSON of a health endpoint of the parent."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def workers(self) -> list[int]:
        """The process ids of the workers that run."""
        return [each["pid"] for each in self.ask("/healthz")[1]["workers"] if each["pid"]]

    def is_ready(self) -> bool:
        """Whether all workers are."""
        return self.ask("/readyz")[0] == 200

    def serving(self) -> set[int]:
        """The workers that have connections on the site's address."""
        return {
            pid
            for pid in self.workers()
            for each in psutil.Process(pid).net_connections()
            if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == self.port
        }

    def _command(self) -> list[str]:
        return [*super()._command(), "--workers", str(WORKERS), "--health-port", str(self.health_port)]


@pytest.fixture
def idle(redis_url: str) -> Iterator[WorkersSite]:
    """A site that is not started, for its settings."""
    made = WorkersSite(redis_url)
    yield made
    made.close()


@pytest.mark.timeout(int(scaled(180)))
def test_connections_land_on_all_workers_and_a_killed_one_is_replaced(redis_url: str) -> None:
    with WorkersSite(redis_url) as site:
        eventually_sync(site.is_ready, WITHIN_SECONDS)
        use_and_kill(site)


def use_and_kill(site: WorkersSite) -> None:
    before = site.workers()
    assert len(before) == WORKERS
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(RawClient(site.port))
            if site.serving() == set(before):
                break
        assert site.serving() == set(before)

    killed = before[0]
    os.kill(killed, signal.SIGKILL)
    eventually_sync(lambda: not psutil.pid_exists(killed), WITHIN_SECONDS)
    for _ in range(20):
        assert json.loads(read(f"{site.url}/healthz"))["alive"]
    eventually_sync(lambda: len(set(site.workers()) - {killed}) == WORKERS, WITHIN_SECONDS)
    eventually_sync(site.is_ready, WITHIN_SECONDS)
    assert set(site.workers()) & set(before) == {before[1]}
    metrics = read(f"http://127.0.0.1:{site.health_port}/metrics")
    assert all(f'worker="web-{index}"' in metrics for index in range(WORKERS))

    running = site.workers()
    assert site.end() == 0
    assert not [pid for pid in running if psutil.pid_exists(pid)]


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=scaled(5)) as answer:  # noqa: S310 - our own address
        return str(answer.read().decode())


def test_an_address_in_use_ends_the_parent_at_once(idle: WorkersSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = subprocess.run(
            [sys.executable, str(MANAGE), "run_web", "--workers", "2", "--port", str(port)],
            env=idle.environment,
            capture_output=True,
            text=True,
            timeout=scaled(30),
            check=False,
        )
    assert result.returncode == 1
    assert f"127.0.0.1:{port} cannot be served" in result.stderr


@pytest.mark.parametrize("count", ["0", "65"])
def test_a_wrong_number_of_workers_is_refused(idle: WorkersSite, count: str) -> None:
    result = subprocess.run(
        [sys.executable, str(MANAGE), "run_web", "--workers", count],
        env=idle.environment,
        capture_output=True,
        text=True,
        timeout=scaled(30),
        check=False,
    )
    assert result.returncode == 1
    assert f"--workers {count} not accepted; accepted are 1 to 64" in result.stderr
