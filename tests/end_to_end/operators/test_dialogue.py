"""The whole dialogue of an operator with the platform, in a browser; and what a viewer cannot do."""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState, expect

from tests.end_to_end.operators.pages import HEALS_WITHIN_MS, OperationsPage
from tests.support.deadlines import scaled
from tests.support.whole_platform import OPERATOR, VIEWER, WholePlatform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

APPLIED_WITHIN_MS: Final = scaled(10) * 1_000
BOARD: Final = 'mdp-leaderboard[feed="scanners:top_gainers"]'
QUOTED: Final = 3
"""How many values of the book are of the analyzer of quotes."""
SUBSCRIPTIONS: Final = "A.*,T.*"
OPERATIONS: Final = "admin/operations"


class Desk:
    """An operator's browser: the pages of the control plane in one tab, the dashboard in another."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.site = site
        self.page = context.new_page()
        self.dashboard = context.new_page()
        self.dashboard.goto(site)

    def go(self, path: str) -> Page:
        """Open a page of the site."""
        self.page.goto(f"{self.site}/{path}")
        return self.page

    def act(self, label: str, service: str, reason: str) -> None:
        """From the operations page: an action on a service, its impact, the reason, and what became of it."""
        page = self.go(f"{OPERATIONS}/")
        row = page.locator("mdp-live-part tr").filter(has=page.get_by_role("link", name=service, exact=True))
        row.get_by_role("link", name=re.compile(f"^{label}…")).click()
        expect(page.locator(".op-impact")).not_to_be_empty()
        page.get_by_label("Reason").fill(reason)
        page.get_by_role("button", name=f"{label} {service}").click()
        self.expect_outcome("applied")

    def change(self, service: str, reason: str) -> None:
        """Save the form of a service that is open and filled in, and wait until its processes follow."""
        self.page.get_by_label("Reason").fill(reason)
        self.page.get_by_role("button", name="Save the settings").click()
        self.expect_outcome("applied")
        expect(self.page.locator(".op-page")).to_contain_text(reason)
        assert f"/services/{service}/" in self.page.url

    def expect_outcome(self, outcome: str) -> None:
        """Wait for what became of the newest run or revision."""
        expect(self.page.locator(".op-wanted")).to_contain_text(outcome, timeout=APPLIED_WITHIN_MS)

    def expect_dashboard(self, label: str) -> None:
        """Wait until the dashboard says this of its data."""
        expect(self.dashboard.locator("mdp-connection")).to_contain_text(label, timeout=HEALS_WITHIN_MS)

    def expect_moving_rows(self) -> None:
        """Wait until a row of a board changes."""
        rows = self.dashboard.locator(f"{BOARD} .ag-row")
        expect(rows.first).to_be_visible(timeout=HEALS_WITHIN_MS)
        before = rows.all_inner_texts()
        self.dashboard.wait_for_function(
            """([rows, before]) =>
                [...document.querySelectorAll(rows)].some((row, i) => row.innerText !== before[i])""",
            arg=[f"{BOARD} .ag-row", before],
            timeout=HEALS_WITHIN_MS,
        )

    @property
    def book(self) -> Locator:
        """Bid, ask and the distance between them, of the chosen symbol; then what is not of quotes."""
        return self.dashboard.locator("mdp-quote .book-value")


@pytest.fixture
def desk(browser: Browser, operator_cookies: StorageState, platform: WholePlatform) -> Iterator[Desk]:
    """An operator who came through the login provider."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, storage_state=operator_cookies)
    yield Desk(context, platform.url)
    context.close()


def test_an_operator_stops_changes_starts_switches_off_and_restores(desk: Desk) -> None:
    desk.expect_dashboard("Live")
    desk.expect_moving_rows()
    desk.dashboard.locator(f"{BOARD} .ag-row .ag-cell").first.click()
    expect(desk.book.first).to_be_visible()

    desk.act("Stop", "listener", "a pause of the tests")
    watched = OperationsPage(desk.go(f"{OPERATIONS}/"))
    watched.expect_verdict(re.compile("The feed is stopped, as operators want"))
    expect(desk.page.locator("mdp-live-part tr", has_text="listener").first).to_contain_text("stopped")
    desk.expect_dashboard("Stopped")

    form = desk.go(f"{OPERATIONS}/services/listener/")
    form.get_by_role("textbox", name="Subscriptions").fill(SUBSCRIPTIONS)
    desk.change("listener", "fewer feeds")

    desk.act("Start", "listener", "the pause is over")
    desk.expect_dashboard("Live")
    desk.expect_moving_rows()
    watched = OperationsPage(desk.go(f"{OPERATIONS}/"))
    watched.expect_state("healthy", HEALS_WITHIN_MS)
    form = desk.go(f"{OPERATIONS}/services/listener/")
    expect(form.get_by_role("textbox", name="Subscriptions")).to_have_value(SUBSCRIPTIONS)

    form = desk.go(f"{OPERATIONS}/services/processor/")
    form.get_by_role("checkbox", name="quotes", exact=True).check()
    desk.change("processor", "not trusted today")
    for place in range(QUOTED):
        expect(desk.book.nth(place)).to_have_text("off", timeout=APPLIED_WITHIN_MS)

    judge_audit(desk.go("admin/control_plane/auditentry/"))

    form = desk.go(f"{OPERATIONS}/services/listener/")
    form.get_by_role("link", name="Restore 1…").click()
    form.get_by_role("button", name="Restore").click()
    desk.expect_outcome("applied")
    desk.expect_dashboard("Stopped")  # as the first revision wanted it
    desk.act("Start", "listener", "")
    form = desk.go(f"{OPERATIONS}/services/processor/")
    form.get_by_role("link", name="Back to the environment alone…").click()
    form.get_by_role("button", name="Restore").click()
    desk.expect_outcome("applied")
    desk.expect_dashboard("Live")
    expect(desk.book.first).not_to_have_text("off", timeout=HEALS_WITHIN_MS)


def judge_audit(page: Page) -> None:
    """Each step is there with who, when, from where, and why."""
    rows = page.locator("#result_list tbody tr").all_inner_texts()
    for service, action, reason in (
        ("listener", "stop", "a pause of the tests"),
        ("listener", "change", "fewer feeds"),
        ("listener", "start", "the pause is over"),
        ("processor", "change", "not trusted today"),
    ):
        found = [row for row in rows if reason in row and action in row]
        assert found, (reason, rows)
        for part in (service, OPERATOR, "127.0.0.1"):
            assert part in found[0], (part, found)
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", found[0]), found
    assert any("outcome" in row and "applied" in row for row in rows), rows


FORGED: Final = {
    "actions/stop/": {"service": "listener", "_revision": "0"},
    "services/listener/": {"subscriptions": "T.*", "_revision": "0"},
    "services/listener/restore/last-good/": {"_revision": "0"},
}


def test_a_viewer_sees_all_and_can_do_none_of_it(viewer: BrowserContext, platform: WholePlatform) -> None:
    page = viewer.new_page()
    for path in (
        "",
        "services/listener/",
        "services/listener/revisions/",
        "services/listener/restore/0/",
        "actions/stop/?service=listener",
    ):
        answer = page.goto(f"{platform.url}/{OPERATIONS}/{path}")
        assert answer is not None
        assert answer.status == 200, path
        buttons = page.locator("form[method=post] [type=submit]").evaluate_all(
            "all => all.map((each) => each.form.action).filter((action) => !action.includes('/logout/'))"
        )
        assert buttons == [], path
        offered = page.get_by_role("link", name=re.compile("^(Stop|Start|Restart|Restore)…"))
        assert offered.count() == 0, path
    token = next(each["value"] for each in viewer.cookies() if each["name"] == "mdp_csrf")
    for path, data in FORGED.items():
        forged = viewer.request.post(
            f"{platform.url}/{OPERATIONS}/{path}",
            form={**data, "_reason": f"forged {path}"},
            headers={"X-CSRFToken": token, "Origin": platform.url, "Referer": page.url},
        )
        assert forged.status == 403, path
    page.goto(f"{platform.url}/admin/control_plane/auditentry/?q=refused")
    rows = [row for row in page.locator("#result_list tbody tr").all_inner_texts() if VIEWER in row]
    assert len(rows) >= len(FORGED), rows
    assert all("127.0.0.1" in row and "refused" in row for row in rows), rows
