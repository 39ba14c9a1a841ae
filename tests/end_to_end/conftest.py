"""The demo as a newcomer runs it, and a browser to look at it with."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from mdp_site.dev.demo.environment import free_port
from tests.support.browser import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.support.deadlines import scaled

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_SECONDS = 100
STOPS_WITHIN_SECONDS = 10


@dataclass
class Demo:
    """A running demo: where it is, how to log in, and what it printed."""

    process: subprocess.Popen[str]
    state: Path
    output: str
    address: str
    user: str
    password: str

    def command(self, *arguments: str) -> list[str]:
        """A management command in its environment, as its README says."""
        script = 'set -a; . "$0/env"; exec "$@"'
        return ["/bin/sh", "-c", script, str(self.state), sys.executable, "manage.py", *arguments]

    def manage(self, *arguments: str) -> str:
        """Run a management command against it; what it printed."""
        done = subprocess.run(
            self.command(*arguments), cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()


def start_demo(state: Path, port: int) -> Demo:
    environment = {**os.environ, "PORT": str(port), "DEMO_STATE_DIR": str(state)}
    for name in ("DJANGO_SETTINGS_MODULE", "MASSIVE_API_KEY", "POLYGON_API_KEY"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "mdp_site.demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output = _output_until(process, "Ctrl-C stops everything")
    address = re.search(r"(http://\S+/)\n", output)
    login = re.search(r"log in as (\S+) with password (\S+)", output)
    assert address is not None, output
    assert login is not None, output
    return Demo(process, state, output, address[1], login[1], login[2])


def _output_until(process: subprocess.Popen[str], marker: str) -> str:
    """What the process printed up to a marker.

    Raises:
        AssertionError: it ended or took too long; the message holds its output.
    """
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as printed:
            for line in printed:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    output = ""
    deadline = time.monotonic() + scaled(STARTS_WITHIN_SECONDS)
    while marker not in output:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            stop(process)
            raise AssertionError(f"the demo did not start in time:\n{output}") from None
        assert line is not None, f"the demo ended while it started:\n{output}"
        output += line
    return output


def stop(process: subprocess.Popen[str]) -> tuple[int, list[psutil.Process]]:
    """Ctrl-C; the exit code and what is left running of all that it had started."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=STOPS_WITHIN_SECONDS + 5)
    _, left = psutil.wait_procs(family, timeout=1)
    return code, [each for each in left if not has_ended(each)]


def has_ended(process: psutil.Process) -> bool:
    """Whether a process has ended, also if its parent has not collected it yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def is_served(port: int) -> bool:
    """A browser's own patience with a port on which nobody listens yet is none."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def log_in(page: Page, demo: Demo) -> None:
    """Through the provider's own pages, as a person would."""
    page.goto(demo.address)
    go_through_provider(page, demo)
    page.wait_for_url(demo.address)


def go_through_provider(page: Page, demo: Demo) -> None:
    """From the site's login page to the provider and back."""
    page.get_by_role("button", name="Continue with Demo identity").click()
    page.get_by_label(re.compile("user", re.IGNORECASE)).fill(demo.user)
    page.get_by_label(re.compile("password", re.IGNORECASE)).fill(demo.password)
    page.get_by_role("button", name=re.compile("log in|sign in|continue", re.IGNORECASE)).click()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = start_demo(tmp_path_factory.mktemp("demo"), free_port())
    yield running
    if running.process.poll() is None:
        code, left = stop(running.process)
        assert (code, left) == (0, [])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def session(browser: Browser, demo: Demo) -> StorageState:
    """The cookies of somebody who has logged in; nobody logs this one out."""
    context = browser.new_context()
    log_in(context.new_page(), demo)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    fresh = browser.new_context(viewport={"width": 1440, "height": 900})
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
