"""Faults under an open page: it shows the last values, and is live again without a reload."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from mdp_site.dev.demo.environment import free_port
from tests.end_to_end.conftest import ROOT, Demo, is_served, log_in, start_demo, stop
from tests.support.deadlines import eventually_sync, scaled
from tests.support.failing_web import FAULT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ROWS = 'mdp-leaderboard[feed="scanners:top_gainers"] .ag-row'
SOON_MS = 20_000
HEALS_WITHIN_SECONDS = 60


@pytest.fixture(scope="module")
def own_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of this module: its processes are killed."""
    running = start_demo(tmp_path_factory.mktemp("healing"), free_port())
    yield running
    code, left = stop(running.process)
    assert (code, left) == (0, [])


@pytest.fixture
def live_page(context: BrowserContext, own_demo: Demo) -> Page:
    """The dashboard with moving rows. It has a mark that a reload would remove."""
    page = context.new_page()
    log_in(page, own_demo)
    expect_moving_rows(page)
    mark(page)
    return page


def mark(page: Page) -> None:
    page.evaluate("document.documentElement.dataset.loaded = 'once'")


def expect_moving_rows(page: Page) -> None:
    expect(page.locator("mdp-connection")).to_contain_text(
        "Live", timeout=scaled(HEALS_WITHIN_SECONDS) * 1_000
    )
    expect(page.locator(ROWS).first).to_be_visible(timeout=SOON_MS)
    before = page.locator(ROWS).all_inner_texts()
    page.wait_for_function(
        """([rows, before]) =>
            [...document.querySelectorAll(rows)].some((row, i) => row.innerText !== before[i])""",
        arg=[ROWS, before],
        timeout=SOON_MS,
    )


def expect_healed(page: Page) -> None:
    expect_moving_rows(page)
    expect(page.locator("html[data-loaded=once]")).to_have_count(1)


def process_of(demo: Demo, *words: str) -> psutil.Process | None:
    """The first process of the demo whose command line has one of the words."""
    for process in psutil.Process(demo.process.pid).children(recursive=True):
        try:
            command = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if any(word in command for word in words):
            return process
    return None


def kill_and_await_another(demo: Demo, *words: str) -> None:
    killed = process_of(demo, *words)
    assert killed is not None
    killed.kill()

    def another() -> bool:
        found = process_of(demo, *words)
        return found is not None and found.pid != killed.pid

    eventually_sync(another, 30.0)


def test_a_killed_web_process_heals_without_a_reload(live_page: Page, own_demo: Demo) -> None:
    web = process_of(own_demo, "run_web")
    assert web is not None
    web.kill()
    expect(live_page.locator("mdp-connection")).to_contain_text("Offline", timeout=SOON_MS)
    expect(live_page.locator(ROWS).first).to_be_visible()  # the last values stay
    expect_healed(live_page)


def test_a_restarted_cache_heals_without_a_reload(live_page: Page, own_demo: Demo) -> None:
    kill_and_await_another(own_demo, "valkey-server", "redis-server")
    expect_healed(live_page)


@pytest.fixture
def failing_web(own_demo: Demo, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    """Another web process of the demo, whose hub fails after SIGUSR1: its address, the process, its log."""
    port, log_path = free_port(), tmp_path / "failing-web.log"
    *shell, _manage, run_web, option = own_demo.command("run_web", "--port")
    command = [*shell, "-m", "tests.support.failing_web", run_web, option, str(port)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        eventually_sync(lambda: is_served(port), 60.0)
        yield f"http://127.0.0.1:{port}/", process, log_path
    finally:
        process.kill()
        process.wait(timeout=5)


def test_a_crashed_hub_heals_without_a_reload(
    live_page: Page, failing_web: tuple[str, subprocess.Popen[bytes], Path]
) -> None:
    address, process, log_path = failing_web
    live_page.goto(address)
    expect_moving_rows(live_page)
    mark(live_page)
    process.send_signal(signal.SIGUSR1)
    eventually_sync(lambda: FAULT in log_path.read_text(), 20.0)
    expect_healed(live_page)
    assert log_path.read_text().count("hub failed, starting over") == 1
