"""The operations page as a test reads it: what it says at one moment."""

import re
from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import ConsoleMessage, Page, Response, expect

from tests.support.browser import load_axe
from tests.support.deadlines import scaled

TOLD_WITHIN_MS: Final = 10_000
HEALS_WITHIN_MS: Final = scaled(60) * 1_000

_SEEN: Final = """() => {
    const text = (element) => (element?.innerText ?? "").replaceAll(/\\s+/g, " ").trim();
    const all = (selector) => [...document.querySelectorAll(selector)];
    const rows = (name) => all(`section[aria-labelledby="ops-${name}"] tbody tr`);
    return {
        state: document.querySelector(".ops-verdict")?.dataset.state ?? "",
        verdict: text(document.querySelector(".ops-verdict")),
        findings: [text(document.querySelector(".ops-verdict")), ...all(".ops-findings li").map(text)],
        stations: Object.fromEntries(all(".ops-step").map((step) => [
            text(step.querySelector(".ops-station-name")),
            {
                state: step.querySelector(".ops-station").dataset.state,
                fact: text(step.querySelector(".ops-station-fact")),
                rate: text(step.querySelector(".ops-inflow-rate b")),
            },
        ])),
        processes: rows("processes").map((row) => [...row.children].map(text)),
        shards: rows("shards").map((row) => [...row.children].map(text)),
        jobs: text(document.querySelector('section[aria-labelledby="ops-jobs"]')),
        legends: Object.fromEntries(all(".ops-legend").map((each) => {
            const value = text(each.querySelector("b"));
            return [text(each).slice(0, -value.length).trim(), value];
        })),
        isOld: document.querySelector(".ops-body")?.dataset.old === "true",
        stale: text(document.querySelector(".ops-stale")),
    };
}"""

PID: Final = 1
ROLE: Final = 3
STATE: Final = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page says at one moment."""

    state: str
    verdict: str
    findings: list[str]
    stations: dict[str, dict[str, str]]
    processes: list[list[str]]
    shards: list[list[str]]
    jobs: str
    legends: dict[str, str]
    isOld: bool  # noqa: N815 - as the script names it
    stale: str

    def process(self, pid: int) -> list[str]:
        """The row of a process.

        Raises:
            LookupError: the page does not list it.
        """
        for row in self.processes:
            if re.search(rf": {pid}$", row[PID]):
                return row
        raise LookupError(f"no process {pid} in {self.processes}")


def complaints_of(page: Page) -> list[str]:
    """The errors and warnings of the browser about this page, from now on."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def expect_accessible(page: Page, part: str, address: str = "") -> None:
    """axe finds nothing in the part of a page with this selector."""
    load_axe(page)
    found = page.evaluate(f"axe.run('{part}').then(({{ violations }}) => violations)")
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == [], address


class OperationsPage:
    """An open operations page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, site: str) -> Response:
        """Load it from a web process."""
        answer = self.page.goto(f"{site}/admin/operations/")
        assert answer is not None
        return answer

    def seen(self) -> Seen:
        """What it says now."""
        said: dict[str, Any] = self.page.evaluate(_SEEN)
        return Seen(**said)

    def expect_state(self, state: str, within_ms: float = TOLD_WITHIN_MS) -> None:
        """Wait for a state of the verdict."""
        expect(self.page.locator(f'.ops-verdict[data-state="{state}"]')).to_be_visible(timeout=within_ms)

    def expect_verdict(self, words: re.Pattern[str], within_ms: float = TOLD_WITHIN_MS) -> None:
        """Wait until the first finding has these words."""
        expect(self.page.locator(".ops-verdict")).to_contain_text(words, timeout=within_ms)
