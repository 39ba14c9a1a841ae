"""A real web process with thousands of clients: site, logins, market, load client, and what they cost.

The web process has one core for itself, the load client and the rest the other. The kernel books the
receiving half of local TCP as *softirq* of the core, outside the processes. So it is measured for each core.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from marketdata.runtime.processes import ending_with_parent
from mdp_site.dev.demo.plan import ROOT
from tests.bench.accounts import make_logins
from tests.bench.cores import cpu_seconds, pin, softirq_seconds, web_and_client_core
from tests.bench.load_client import Group, LoadClient, Login, Report, build, descriptor_limit, handshake
from tests.bench.load_client.requests import browser_headers, program_headers
from tests.support.services import ValkeyServer
from tests.support.site import Site

USERS: Final = 600  # a user may have 20 connections
BROWSERS: Final = "browsers"
PROGRAMS: Final = "programs"
POLL_SECONDS: Final = 0.25
CONNECTS_PER_SECOND: Final = 700
LONGEST_CONNECT_SECONDS: Final = 150
BYTES_PER_MB: Final = 1_000_000
NO_PROVIDER: Final = "http://127.0.0.1:9/"
"""Nobody logs in during a measurement, so nothing answers there."""
# Of the web process in all rows. Ten thousand clients come from four addresses.
SETTINGS: Final[Mapping[str, Any]] = {
    "MDQ_SHARDS": "1",
    "LOG_FORMAT": "json",
    "WEB_CONNECTIONS_PER_ADDRESS": "20000",
    "WEB_HANDSHAKES_PER_ADDRESS": "20000",
}
FEWER_CLIENTS: Final = "BENCH_CLIENTS"
"""Environment variable: the most clients of a row, to try the rows on a small machine."""


@dataclass(frozen=True, slots=True)
class Window:
    """What happened in some seconds; processor time as shares of a core."""

    seconds: float
    report: Report
    web_share: float
    web_softirq_share: float
    client_share: float
    client_softirq_share: float

    @property
    def groups(self) -> Mapping[str, Group]:
        """The groups of clients."""
        return self.report.groups


@dataclass(frozen=True, slots=True)
class _Spent:
    at_seconds: float
    web: float
    web_softirq: float
    client: float
    client_softirq: float


class Crowd:
    """A running site with its market and a load client; made by `running_crowd`."""

    def __init__(
        self, site: Site, client: LoadClient, logins: Sequence[Login], cores: tuple[int, int]
    ) -> None:
        self.site = site
        self.client = client
        self._logins = logins
        self._cores = cores

    @property
    def web(self) -> psutil.Process:
        """The web process."""
        return psutil.Process(self.site.pid)

    def add_group(self, name: str, headers: str, feeds: Sequence[str], *, reads: bool = True) -> None:
        """Define a group of `BROWSERS` (sessions, compression) or `PROGRAMS` (tokens) on some feeds.

        If it does not read, its clients send their subscriptions, and read nothing after the handshake.
        """
        port = self.site.port
        if headers == BROWSERS:
            requests = [handshake(port, browser_headers(port, login.session_key)) for login in self._logins]
        else:
            requests = [handshake(port, program_headers(login.token)) for login in self._logins]
        self.client.add_group(name, requests, subscriptions(feeds), feeds=len(feeds) if reads else 0)
        if not reads:
            self.client.behave(name, "stall")

    def connect(
        self, counts: Mapping[str, int], *, per_second: float = CONNECTS_PER_SECOND
    ) -> tuple[Report, float]:
        """Connect clients of some groups at a rate, and wait until all that may come have their feeds.

        Returns the report and the seconds that it took. The report shows who did not come in time.
        """
        started = time.monotonic()
        before = self.client.report().groups
        wanted = {name: before[name].begun + count for name, count in counts.items()}
        for name, count in counts.items():
            self.client.connect(name, count, per_second=per_second * count / sum(counts.values()))
        while True:
            report = self.client.report()
            seconds = time.monotonic() - started
            if all(_arrived(report.groups[name]) >= wanted[name] for name in counts):
                return report, seconds
            if seconds > LONGEST_CONNECT_SECONDS:
                return report, seconds
            time.sleep(POLL_SECONDS)

    def measure(self, seconds: float) -> Window:
        """Let everything run for some time, and say what happened in it."""
        self.client.begin_window()
        first = self._spent()
        time.sleep(seconds)
        report = self.client.report()
        last = self._spent()
        passed = last.at_seconds - first.at_seconds
        return Window(
            passed,
            report,
            (last.web - first.web) / passed,
            (last.web_softirq - first.web_softirq) / passed,
            (last.client - first.client) / passed,
            (last.client_softirq - first.client_softirq) / passed,
        )

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the web process for the duration of the context, as an overloaded machine does."""
        os.kill(self.site.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.site.pid, signal.SIGCONT)

    def _spent(self) -> _Spent:
        web_core, client_core = self._cores
        return _Spent(
            time.monotonic(),
            cpu_seconds(self.site.pid),
            softirq_seconds(web_core),
            cpu_seconds(self.client.pid),
            softirq_seconds(client_core),
        )


def subscriptions(feeds: Sequence[str], *, at_once: int = 200) -> list[bytes]:
    """The messages that subscribe to feeds; one names at most 200."""
    return [
        msgspec.json.encode({"type": "subscribe", "feeds": feeds[start : start + at_once]})
        for start in range(0, len(feeds), at_once)
    ]


@contextlib.contextmanager
def running_crowd(kind: str, hz: float, database_url: str | None = None) -> Iterator[Crowd]:
    """A site on SQLite or another database. Its market of `boards` or `quotes` has `hz` ticks a second."""
    web_core, client_core = web_and_client_core()
    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(ValkeyServer())
        pin(cache.pid, client_core)
        database: dict[str, Any] = {"DATABASE_URL": database_url} if database_url else {}
        site = stack.enter_context(Site(redis_url=cache.url, oidc_url=NO_PROVIDER, **SETTINGS, **database))
        pin(site.pid, web_core)
        logins = make_logins(USERS, site.environment)
        producer = stack.enter_context(_producer(cache.url, kind, hz))
        pin(producer.pid, client_core)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mdp-bench-")))
        client = stack.enter_context(LoadClient.running(build(folder), site.port, core=client_core))
        yield Crowd(site, client, logins, (web_core, client_core))


def most_clients(wanted: int) -> int:
    """How many of the wanted clients this machine can have, by its descriptors and by `BENCH_CLIENTS`."""
    return min(wanted, int(os.environ.get(FEWER_CLIENTS, wanted)), descriptor_limit())


def _arrived(group: Group) -> int:
    """How many of a group have their feeds, or will never have."""
    lost = group.failed + group.violations + sum(group.refusals.values()) + sum(group.closes.values())
    return (group.ready if group.feeds else group.open) + group.cuts + lost


@contextlib.contextmanager
def _producer(redis_url: str, kind: str, hz: float) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "tests.bench.producer", redis_url, kind, str(hz)]
    process = subprocess.Popen(ending_with_parent(command), cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"publishing\n":
            raise AssertionError(f"the producer of {kind} ended with status {process.wait()}")
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
