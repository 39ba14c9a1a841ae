"""The whole platform, started once for these modules, and people who are logged in to it."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.end_to_end.operators.pages import HEALS_WITHIN_MS, OperationsPage
from tests.support.whole_platform import OPERATOR, PASSWORD, VIEWER, WholePlatform


@pytest.fixture(scope="package")
def platform() -> Iterator[WholePlatform]:
    """All servers and processes, each of which a test may kill; it must start it again."""
    with WholePlatform() as running:
        yield running


def cookies_of(browser: Browser, platform: WholePlatform, user: str) -> StorageState:
    """The cookies of a user who came through the login provider."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(platform.url)
    page.get_by_role("button", name="Continue with the test provider").click()
    page.locator("input[name=login]").fill(user)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(f"{platform.url}/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="package")
def viewer_cookies(browser: Browser, platform: WholePlatform) -> StorageState:
    """A viewer's login."""
    return cookies_of(browser, platform, VIEWER)


@pytest.fixture(scope="package")
def operator_cookies(browser: Browser, platform: WholePlatform) -> StorageState:
    """An operator's login."""
    return cookies_of(browser, platform, OPERATOR)


@pytest.fixture
def viewer(browser: Browser, viewer_cookies: StorageState) -> Iterator[BrowserContext]:
    """A viewer's browser."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, storage_state=viewer_cookies)
    yield context
    context.close()


@pytest.fixture
def operator_page(browser: Browser, operator_cookies: StorageState) -> Iterator[Page]:
    """An operator's browser."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, storage_state=operator_cookies)
    yield context.new_page()
    context.close()


@pytest.fixture
def scriptless(browser: Browser, platform: WholePlatform) -> Iterator[Callable[[StorageState], Page]]:
    """Opens the operations page with somebody's cookies in a browser that runs no script."""
    with contextlib.ExitStack() as stack:

        def open_it(cookies: StorageState) -> Page:
            context = browser.new_context(java_script_enabled=False, storage_state=cookies)
            stack.callback(context.close)
            page = context.new_page()
            OperationsPage(page).open(platform.url)
            return page

        yield open_it


@pytest.fixture
def open_page(viewer: BrowserContext, platform: WholePlatform) -> OperationsPage:
    """The operations page of a viewer, open while the platform is healthy, and with news from its socket."""
    page = OperationsPage(viewer.new_page())
    with page.page.expect_websocket() as opened:
        page.open(platform.url)
    opened.value.wait_for_event("framereceived")
    page.expect_state("healthy", HEALS_WITHIN_MS)
    return page
