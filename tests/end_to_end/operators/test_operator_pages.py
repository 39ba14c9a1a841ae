"""An operator steers a running platform in a real browser: by actions, by settings, and without a script."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, StorageState, expect

from tests.end_to_end.operators.pages import complaints_of, expect_accessible
from tests.support.deadlines import scaled
from tests.support.whole_platform import WholePlatform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

APPLIED = '.op-outcome[data-outcome="applied"]'
SOON_MS = scaled(20) * 1_000
ADDRESSES = (
    "",
    "services/processor/",
    "services/web/revisions/",
    "services/web/restore/0/",
    "actions/restart/",
    "actions/stop/?service=listener",
)


@pytest.fixture
def quiet(operator_page: Page) -> Iterator[Page]:
    """An operator's page. Any complaint of the browser fails the test."""
    complaints = complaints_of(operator_page)
    yield operator_page
    assert complaints == []


def test_an_operator_stops_the_listener_sees_it_stopped_and_starts_it(
    quiet: Page, platform: WholePlatform
) -> None:
    quiet.goto(f"{platform.url}/admin/operations/")
    steering = quiet.locator("#steering")
    steering.get_by_role("link", name=re.compile(r"Stop…\s+listener")).click()
    expect(quiet.locator(".op-impact")).to_contain_text("No new market data arrives;")
    quiet.get_by_label("Reason").fill("a quiet hour")
    quiet.get_by_role("button", name="Stop listener").click()
    quiet.wait_for_url("**/admin/operations/runs/**")
    expect(quiet.locator(APPLIED)).to_be_visible(timeout=SOON_MS)  # without loading the page again
    expect(quiet.locator(".op-part")).to_contain_text("a quiet hour")

    quiet.goto(f"{platform.url}/admin/operations/")
    row = steering.locator("tr", has=quiet.get_by_role("link", name="listener", exact=True))
    expect(row).to_contain_text("stopped")
    expect(quiet.locator(".ops-verdict")).to_contain_text("stopped", timeout=SOON_MS)
    expect(steering.get_by_role("link", name="Stop listener").first).to_be_visible()
    row.get_by_role("link", name=re.compile("Start…")).click()
    quiet.get_by_role("button", name="Start listener").click()
    expect(quiet.locator(APPLIED)).to_be_visible(timeout=SOON_MS)
    expect(quiet.locator(".op-outcome-text")).to_have_text("live")


def test_a_setting_is_changed_shown_as_applied_and_restored(quiet: Page, platform: WholePlatform) -> None:
    quiet.goto(f"{platform.url}/admin/operations/services/scanner/")
    quiet.get_by_label("Board size").fill("50")
    quiet.get_by_role("button", name="Save the settings").click()
    wanted = quiet.locator(".op-wanted")
    expect(wanted.locator(APPLIED)).to_be_visible(timeout=SOON_MS)
    expect(quiet.get_by_label("Board size")).to_have_value("50")
    quiet.get_by_role("link", name="Back to the environment alone…").click()
    expect(quiet.get_by_role("row", name="board_size")).to_contain_text("50")
    quiet.get_by_role("button", name="Restore").click()
    expect(quiet.get_by_label("Board size")).to_have_value("500")
    expect(wanted.locator(APPLIED)).to_be_visible(timeout=SOON_MS)


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_pages_are_as_wide_as_the_window_and_accessible(
    operator_page: Page, platform: WholePlatform, size: tuple[int, int]
) -> None:
    operator_page.set_viewport_size({"width": size[0], "height": size[1]})
    for address in ADDRESSES:
        operator_page.goto(f"{platform.url}/admin/operations/{address}")
        assert operator_page.evaluate("document.documentElement.scrollWidth") <= size[0], address
        expect_accessible(operator_page, "#content", address)


def test_everything_works_without_a_script(
    scriptless: Callable[[StorageState], Page], operator_cookies: StorageState
) -> None:
    page = scriptless(operator_cookies)
    page.locator("#steering").get_by_role("link", name="Banner…").click()
    page.get_by_label("Text").fill("maintenance <at> noon")
    page.get_by_role("button", name="Show what it does").click()
    expect(page.locator(".op-impact")).to_contain_text("maintenance <at> noon")
    page.get_by_role("button", name="Banner").click()
    again = page.get_by_role("link", name="Load again to see what became of it")

    def load_again() -> bool:
        again.click()
        return page.locator(APPLIED).is_visible()

    for _ in range(100):
        if load_again():
            break
        page.wait_for_timeout(200)
    expect(page.locator(APPLIED)).to_be_visible()


def test_a_viewer_sees_everything_and_has_no_button(viewer: BrowserContext, platform: WholePlatform) -> None:
    page = viewer.new_page()
    for address in ADDRESSES:
        page.goto(f"{platform.url}/admin/operations/{address}")
        expect(page.locator("#content h1")).to_be_visible()
        if not address.startswith("actions/"):
            expect(page.locator('a[href*="/operations/actions/"]')).to_have_count(0)
        expect(page.locator('#content form[method="post"] [type="submit"]')).to_have_count(0)
