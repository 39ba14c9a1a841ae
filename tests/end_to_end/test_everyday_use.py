"""The dashboard in everyday use: whole columns, keyboard, themes, assistive technology, a lost server."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, expect

from mdp_site.dev.demo.environment import free_port
from tests.end_to_end.conftest import ROOT, Demo, is_served
from tests.support.browser import load_axe
from tests.support.deadlines import eventually_sync, scaled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

GAINERS = 'mdp-leaderboard[feed="scanners:top_gainers"]'
KEY_HEADERS = {"Price", "Chg %", "Volume", "Float", "Rel vol"}
PHONE_HEADERS = {"Price", "Chg %", "Volume"}
FIRST_ROWS_MS = 20_000

OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, demo: Demo, session: StorageState) -> Iterator[OpenPage]:
    """Opens the dashboard of somebody who is logged in, and waits for the first row of a board."""
    contexts = []

    def open_(address: str = "", *, size: tuple[int, int] = (1440, 900), theme: Any = "dark") -> Page:
        viewport: ViewportSize = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=theme, storage_state=session)
        contexts.append(context)
        page = context.new_page()
        page.goto(address or demo.address)
        expect(page.locator(".ag-row").first).to_be_visible(timeout=FIRST_ROWS_MS)
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("size", "headers"),
    [
        ((1440, 900), KEY_HEADERS),
        ((1920, 1080), KEY_HEADERS),
        ((1024, 768), KEY_HEADERS),
        ((390, 844), PHONE_HEADERS),
    ],
)
def test_the_columns_that_matter_are_there_and_no_column_is_cut(
    open_page: OpenPage, size: tuple[int, int], headers: set[str]
) -> None:
    page = open_page(size=size)
    titles = page.locator(f"{GAINERS} .header-label").all_inner_texts()
    assert headers <= set(titles)
    board, rightmost = page.evaluate(
        """(board) => {
            const right = (element) => element.getBoundingClientRect().right;
            const all = (inside) => [...document.querySelectorAll(`${board} ${inside}`)];
            const cells = [...all(".ag-row .ag-cell"), ...all(".ag-header-cell")];
            return [right(document.querySelector(board)), Math.max(...cells.map(right))];
        }""",
        GAINERS,
    )
    assert rightmost < board + 1  # layout rounds to whole pixels


def test_the_quote_follows_the_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    page.locator(f"{GAINERS} .ag-row .ag-cell").first.click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"{GAINERS} .board-held")).to_be_visible()
    row = page.locator(f"{GAINERS} .ag-row:has(.ag-cell-focus)")
    symbol = row.get_attribute("row-id")
    assert symbol
    expect(row).to_have_class(re.compile("ag-row-selected"))
    expect(page.locator("#quote-heading")).to_have_text(f"Quote {symbol}")
    expect(page.locator("mdp-quote")).to_contain_text("Bid")


def test_the_chosen_theme_outlives_the_page(open_page: OpenPage) -> None:
    page = open_page(theme="dark")

    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    dark = background()
    page.get_by_role("button", name="Light theme").click()
    light = background()
    assert light != dark
    page.reload()
    assert background() == light
    expect(page.get_by_role("button", name="Dark theme")).to_be_visible()


@pytest.fixture
def web_port(demo: Demo, tmp_path: Path) -> Iterator[tuple[int, Callable[[], subprocess.Popen[bytes]]]]:
    """A port, and how to start another web process of the demo on it."""
    port = free_port()
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        # Not in the demo's directory: all files there are the demo's own, and a test looks at their modes.
        with (tmp_path / "second-web.log").open("ab") as log:
            process = subprocess.Popen(
                demo.command("run_web", "--port", str(port)), cwd=ROOT, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield port, start
    for process in started:
        process.kill()
        process.wait(timeout=5)


def test_a_page_goes_offline_with_its_server_and_comes_back_by_itself(
    open_page: OpenPage, web_port: tuple[int, Callable[[], subprocess.Popen[bytes]]]
) -> None:
    port, start = web_port
    first = start()
    eventually_sync(lambda: is_served(port), 60.0)
    dashboard = open_page(f"http://127.0.0.1:{port}/")
    connection = dashboard.locator("mdp-connection")
    expect(connection).to_contain_text("Live", timeout=FIRST_ROWS_MS)

    first.send_signal(signal.SIGKILL)
    expect(connection).to_contain_text("Offline", timeout=scaled(15) * 1_000)
    expect(connection).to_contain_text("Reconnecting")
    expect(dashboard.locator(f"{GAINERS} .ag-row").first).to_be_visible()  # the last values stay

    start()
    expect(connection).to_contain_text("Live", timeout=scaled(60) * 1_000)
    before = dashboard.locator(f"{GAINERS} .ag-row").all_inner_texts()
    dashboard.wait_for_function(
        """([rows, before]) =>
            [...document.querySelectorAll(rows)].some((row, i) => row.innerText !== before[i])""",
        arg=[f"{GAINERS} .ag-row", before],
        timeout=FIRST_ROWS_MS,
    )


def serious_violations(page: Page) -> list[str]:
    """What axe finds, as far as it keeps people from using the page: rule, and the elements."""
    load_axe(page)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {[node['target'] for node in violation['nodes'][:5]]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_the_dashboard_is_accessible(open_page: OpenPage, theme: str, size: tuple[int, int]) -> None:
    page = open_page(theme=theme, size=size)
    expect(page.locator("mdp-quote")).to_contain_text("Bid", timeout=FIRST_ROWS_MS)
    assert serious_violations(page) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", ["sessions", "tokens"])
def test_the_account_pages_are_accessible(open_page: OpenPage, demo: Demo, theme: Any, name: str) -> None:
    page = open_page(theme=theme, size=(390, 844))
    page.goto(f"{demo.address}accounts/{name}/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert serious_violations(page) == []
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_login_page_is_accessible(page: Page, demo: Demo, theme: Any) -> None:
    page.emulate_media(color_scheme=theme)
    page.goto(demo.address)
    expect(page.get_by_role("button", name="Continue with Demo identity")).to_be_visible()
    assert serious_violations(page) == []


def test_the_notices_of_what_the_bundle_contains_are_served_beside_it(page: Page, demo: Demo) -> None:
    answer = page.request.get(f"{demo.address}static/widgets/licenses.md")
    assert answer.status == 200
    packages = json.loads((ROOT / "widgets" / "client" / "package.json").read_text())["dependencies"]
    for name, version in packages.items():
        assert f"## {name} - {version} (" in answer.text()
    assert "Copyright (c)" in answer.text()
