"""The operations page in a real browser, while a process stops and the cache does not answer."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, StorageState, expect

from tests.end_to_end.operators.pages import (
    STATE,
    TOLD_WITHIN_MS,
    OperationsPage,
    complaints_of,
    expect_accessible,
)
from tests.support.deadlines import scaled
from tests.support.whole_platform import WholePlatform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

VERDICT = ".ops-verdict"
LISTENER_EVENTS = 'section[aria-labelledby="ops-books"] tr:has(th:text-is("listener events"))'


@pytest.fixture
def live_page(viewer: BrowserContext, platform: WholePlatform) -> Iterator[Page]:
    """The operations page with figures that change. Any complaint of the browser fails the test."""
    page = viewer.new_page()
    complaints = complaints_of(page)
    page.goto(f"{platform.url}/admin/operations/")
    expect_changes(page)
    yield page
    assert complaints == []


def expect_changes(page: Page) -> None:
    row = page.locator(LISTENER_EVENTS)
    expect(row).to_be_visible(timeout=scaled(20) * 1_000)
    before = row.inner_text()
    expect(row).not_to_have_text(before, timeout=TOLD_WITHIN_MS)


def test_the_page_is_live_and_shows_the_way_of_the_data(live_page: Page, platform: WholePlatform) -> None:
    stations = live_page.locator(".ops-station-name").all_inner_texts()
    assert [name.strip() for name in stations] == [
        "Provider",
        "Listener",
        "Queues",
        "Processors",
        "Cache",
        "Scanner",
        "Web",
        "Browsers",
    ]
    expect(live_page.locator('.ops-station[data-state="ok"]')).to_have_count(8, timeout=TOLD_WITHIN_MS)
    expect(live_page.locator(".ops-plot canvas")).to_have_count(5)
    seen = OperationsPage(live_page).seen()
    for name in ("listener", "processor", "scanner", "web", "web 2", "jobs"):
        assert seen.process(platform.server(name).pid)[STATE] == "running", seen.processes
    expect(live_page.get_by_role("link", name="Operations")).to_be_visible()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_page_is_as_wide_as_the_window_and_accessible(live_page: Page, size: tuple[int, int]) -> None:
    live_page.set_viewport_size({"width": size[0], "height": size[1]})
    assert live_page.evaluate("document.documentElement.scrollWidth") <= size[0]
    expect_accessible(live_page, "mdp-operations")


def test_nothing_moves_while_the_figures_change(live_page: Page) -> None:
    def places() -> list[float]:
        return [float(box["y"]) for each in headings.all() if (box := each.bounding_box())]

    headings = live_page.locator("mdp-operations h2")
    before = places()
    expect_changes(live_page)
    assert places() == before


def test_a_hidden_page_takes_no_figures(live_page: Page) -> None:
    live_page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => window.isHidden });
            window.isHidden = true;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    row = live_page.locator(LISTENER_EVENTS)
    held = row.inner_text()
    live_page.wait_for_timeout(3_000)  # nothing happens, for as long as three documents would take
    assert row.inner_text() == held
    live_page.evaluate(
        "window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))",
    )
    expect(row).not_to_have_text(held, timeout=TOLD_WITHIN_MS)


def test_a_stopped_scanner_is_named(live_page: Page, platform: WholePlatform) -> None:
    with platform.server("scanner").frozen():
        expect(live_page.locator(VERDICT)).to_contain_text(
            "scanner", timeout=TOLD_WITHIN_MS, ignore_case=True
        )
        expect(live_page.locator(f'{VERDICT}[data-state="down"]')).to_be_visible()
        expect(live_page.locator('.ops-station[data-state="bad"]', has_text="Scanner")).to_be_visible()
        expect(live_page.locator('tr[data-look="bad"]', has_text="scanner")).to_contain_text("silent")
        expect_accessible(live_page, "mdp-operations")
    expect(live_page.locator('.ops-station[data-state="ok"]', has_text="Scanner")).to_be_visible(
        timeout=scaled(20) * 1_000
    )


def test_a_cache_that_does_not_answer_is_told_and_the_figures_stay(
    live_page: Page, platform: WholePlatform
) -> None:
    with platform.cache.frozen():
        expect(live_page.locator(VERDICT)).to_contain_text("Cache away", timeout=TOLD_WITHIN_MS)
        expect(live_page.locator(".ops-stale")).to_contain_text("The tables below are")
        expect(live_page.locator('.ops-station[data-state="bad"]')).to_contain_text("Cache")
        expect(live_page.locator(LISTENER_EVENTS)).to_be_visible()
    expect(live_page.locator(".ops-stale")).to_have_count(0, timeout=scaled(20) * 1_000)
    expect_changes(live_page)


def test_without_a_script_the_tables_are_there(
    scriptless: Callable[[StorageState], Page], viewer_cookies: StorageState
) -> None:
    page = scriptless(viewer_cookies)
    expect(page.locator(VERDICT)).to_be_visible()
    expect(page.get_by_role("cell", name="listener events")).to_be_visible()
