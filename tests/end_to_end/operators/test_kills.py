"""Each part is killed: page and `manage.py status` tell the truth within ten seconds, and all heals alone."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import pytest
from playwright.sync_api import BrowserContext

from tests.end_to_end.operators.pages import HEALS_WITHIN_MS, ROLE, STATE, OperationsPage, Seen
from tests.support.whole_platform import Answer, WholePlatform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ABSENT: Final = "\u2013"
SINCE: Final = r"Since \d\d:\d\d:\d\d UTC, \d+ (s|min) ago"
ADVICE: Final = "What to do: "
UNKNOWN, DOWN, DEGRADED = ("unknown", 2), ("down", 2), ("degraded", 1)
"""State of the verdict, and exit code of `manage.py status`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is killed, what the verdict then says, and which stations of the picture are not well."""

    name: str
    verdict: tuple[str, int]
    words: str
    advice: str
    stations: dict[str, str] = field(default_factory=dict)
    no_rates: tuple[str, ...] = ()
    """The stations into which no rate is known any more."""


def service(name: str, station: str, verdict: tuple[str, int] = DOWN, **others: object) -> Fault:
    """The only process of a service."""
    command = {"jobs": "qcluster"}.get(name, f"run_{name}")
    words = rf"No {name} process runs; the last, \S+:{{pid}}, fell silent"
    stations = {station: "bad"} if station else {}
    return Fault(name, verdict, words, f"Start one: manage.py {command}", stations, **others)  # type: ignore[arg-type]


FAULTS: Final = (
    Fault("database", DEGRADED, "Database away: ", "Start it, or correct DATABASE_URL"),
    Fault(
        "broker",
        DOWN,
        "The broker of the queues is away: ",
        "Start it, or correct MDQ_URL",
        {"Queues": "bad"},
    ),
    service("listener", "Listener", no_rates=("Listener", "Queues")),
    service("processor", "Processors", no_rates=("Cache",)),
    service("scanner", "Scanner", no_rates=("Scanner", "Web")),
    service("jobs", "", DEGRADED),
    Fault("web 2", DEGRADED, r"Web \(\S+:{pid}\) is silent", "It was killed, or its event loop is blocked"),
)


@pytest.fixture(scope="module")
def terminal() -> Iterator[ThreadPoolExecutor]:
    """Where `manage.py status` runs while the page is watched."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_killed_part_is_named_with_since_and_advice_and_nothing_else_is_untrue(
    fault: Fault,
    platform: WholePlatform,
    open_page: OperationsPage,
    viewer: BrowserContext,
    terminal: ThreadPoolExecutor,
) -> None:
    server = platform.server(fault.name)
    words = fault.words.replace("{pid}", str(server.pid))
    pid = server.pid if fault.name in platform.processes else None
    server.kill()
    try:
        open_page.expect_verdict(re.compile(words))
        judge_page(open_page.seen(), fault, words, pid)
        answer = terminal.submit(platform.status)
        judge_new_visit(OperationsPage(viewer.new_page()), platform, fault, words)
        judge_terminal(answer.result(), fault, words)
    finally:
        server.start()
    open_page.expect_state("healthy", HEALS_WITHIN_MS)


def judge_page(seen: Seen, fault: Fault, words: str, pid: int | None) -> None:
    """It says what is wrong, since when and what to do. What it shows besides is known to be so."""
    assert seen.state == fault.verdict[0], seen
    assert re.search(words, seen.findings[0]), seen
    assert all(re.search(SINCE, finding) for finding in seen.findings[:1]), seen.findings
    assert f"{ADVICE}{fault.advice}" in seen.findings[0], seen.findings
    assert seen.stale == "", seen
    assert {name: seen.stations[name]["state"] for name in fault.stations} == fault.stations
    assert {name: seen.stations[name]["rate"] for name in fault.no_rates} == dict.fromkeys(
        fault.no_rates, ABSENT
    )
    if pid is not None:
        row = seen.process(pid)
        assert row[STATE] == "silent", row
        assert row[ROLE] == ABSENT or row[ROLE].startswith("was "), row
    if fault.name == "database":
        assert "Not read: " in seen.jobs
    if fault.name == "processor":
        assert {row[1] for row in seen.shards} == {"none"}
        assert seen.legends["processed"].startswith(ABSENT)
    if fault.name == "listener":
        assert seen.stations["Provider"]["state"] == "unknown"
        assert seen.legends["received"].startswith(ABSENT)


def judge_new_visit(page: OperationsPage, platform: WholePlatform, fault: Fault, words: str) -> None:
    """Who comes now is told the same. Without the database nobody can be known, and the answer says so."""
    answer = page.open(platform.url)
    if fault.name == "database":
        assert answer.status == 503
        assert "cannot reach its database" in page.page.locator("body").inner_text()
    else:
        assert answer.status == 200
        page.expect_verdict(re.compile(words))
        assert page.seen().state == fault.verdict[0]
    page.page.close()


def judge_terminal(answer: Answer, fault: Fault, words: str) -> None:
    """The terminal says the same."""
    state, code = fault.verdict
    assert answer.code == code, answer
    assert answer.text.startswith(state.upper()), answer
    assert re.search(words, answer.text), answer
    assert fault.advice in answer.text, answer


def test_a_killed_cache_leaves_the_state_unknown_and_the_tables_marked_as_old(
    platform: WholePlatform, open_page: OperationsPage, viewer: BrowserContext, terminal: ThreadPoolExecutor
) -> None:
    # The first runs of the jobs load reference data, too.
    wait_until(open_page, lambda seen: "never" not in seen.jobs)
    platform.cache.kill()
    try:
        open_page.expect_verdict(re.compile("Cache away: "))
        answer = terminal.submit(platform.status)
        seen = open_page.seen()
        assert re.search(SINCE, seen.verdict), seen
        assert f"{ADVICE}Start it, or correct MDC_URL" in seen.verdict
        judge_old(seen, cache="bad")
        visit = OperationsPage(viewer.new_page())
        assert visit.open(platform.url).status == 200
        visit.expect_verdict(re.compile("Cache away: "))
        assert visit.seen().processes == []
        assert (answer.result().code, answer.result().text.startswith("UNKNOWN Cache away")) == (2, True)
    finally:
        platform.cache.start()
    # The cache came back empty. That is said, with what to do; all else heals alone.
    open_page.expect_verdict(re.compile("There is no reference data"), HEALS_WITHIN_MS)
    platform.manage("load_reference", "--verbosity", "0")
    wait_until(open_page, lambda seen: seen.state == "healthy" or only_jobs_failed(seen))


def only_jobs_failed(seen: Seen) -> bool:
    """Whether all that is still wrong is a job that ran meanwhile, which is true until it runs again."""
    return all(re.search("The job '.*' failed at its newest run", finding) for finding in seen.findings)


def judge_old(seen: Seen, cache: str = "unknown") -> None:
    """Nothing is called well or given a rate. What stays in the tables is marked as old."""
    assert seen.state == "unknown", seen
    assert {name: each["state"] for name, each in seen.stations.items()} == {
        name: cache if name == "Cache" else "unknown" for name in seen.stations
    }
    rates = {each["rate"] for each in seen.stations.values()} | {text[:1] for text in seen.legends.values()}
    assert rates <= {ABSENT, ""}, seen
    assert seen.isOld
    assert re.search(r"The tables below are \d+ s old", seen.stale), seen
    assert "healthy" not in seen.verdict.lower()


LOSSES: Final[dict[str, tuple[Callable[[WholePlatform], object], Callable[[WholePlatform], object], str]]] = {
    "killed": (lambda it: it.web.kill(), lambda it: it.web.start(), "the connection is lost"),
    "frozen": (lambda it: it.web.freeze(), lambda it: it.web.thaw(), "the server is silent"),
}


@pytest.mark.parametrize("way", LOSSES)
def test_a_page_that_lost_its_web_process_says_so_and_comes_back_by_itself(
    way: str, platform: WholePlatform, open_page: OperationsPage, viewer: BrowserContext
) -> None:
    take, give_back, why = LOSSES[way]
    open_page.page.evaluate("document.documentElement.dataset.loaded = 'once'")
    take(platform)
    try:
        open_page.expect_verdict(re.compile(f"This page has no news from the server: {why}"))
        seen = open_page.seen()
        assert re.search(SINCE, seen.verdict), seen
        assert f"{ADVICE}The page connects again by itself" in seen.verdict
        judge_old(seen)
        other = OperationsPage(viewer.new_page())
        other.open(f"http://127.0.0.1:{platform.ports['web 2']}")
        other.expect_verdict(re.compile(r"Web \(\S+\) is silent"))
    finally:
        give_back(platform)
    open_page.expect_state("healthy", HEALS_WITHIN_MS)
    assert open_page.page.evaluate("document.documentElement.dataset.loaded") == "once"
    assert open_page.seen().stale == ""


def test_a_database_that_hangs_is_told_in_time(platform: WholePlatform, open_page: OperationsPage) -> None:
    with platform.database.frozen():
        open_page.expect_verdict(re.compile("Database away: "))
        assert re.search(SINCE, open_page.seen().verdict)
    open_page.expect_state("healthy", HEALS_WITHIN_MS)


def wait_until(page: OperationsPage, condition: Callable[[Seen], bool]) -> None:
    """Look once a second, as often as the page changes."""
    deadline = time.monotonic() + HEALS_WITHIN_MS / 1_000
    while not condition(seen := page.seen()):
        assert time.monotonic() < deadline, seen
        page.page.wait_for_timeout(1_000)
