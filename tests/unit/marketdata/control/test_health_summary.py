"""The health summary counts what happened since the day before, and says what it cannot know."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from marketdata.control.document import InstallationDocument
from marketdata.control.health_summary import (
    DAY_MS,
    REFUSED_LOGINS,
    Counts,
    HealthSummary,
    counts_of,
    read_counts,
    summarise,
    summary_text,
)
from marketdata.control.overview import read_overview
from marketdata.control.verdict import judge
from marketdata.control.views import JobView, Overview
from marketdata.errors import ContentError
from marketdata.runtime.report import ProcessReport
from tests.support.installation import (
    JOBS,
    NOW_MS,
    STARTED_MS,
    book,
    healthy_processes,
    overview,
    process,
    replaced,
    stored,
    with_status,
)

HOUR_MS = 3_600_000
YESTERDAY_MS = NOW_MS - 23 * HOUR_MS
PROCESSOR = healthy_processes()["processor"].identity


def reports(**changed: ProcessReport) -> list[ProcessReport]:
    return [*{**healthy_processes(), **changed}.values()]


def old(service: str, **status: Any) -> ProcessReport:
    """The process of a service, which started two days ago."""
    report = with_status(healthy_processes()[service], **status)
    return replaced(report, started_at_ms=NOW_MS - 2 * DAY_MS)


def summary(
    view: Overview, before: Counts | None = None, failed_runs: Mapping[str, int] | None = None
) -> HealthSummary:
    return summarise(InstallationDocument(judge(view), view), before, failed_runs or {})


def counts(by_process: Mapping[str, Mapping[str, int]], at_ms: int = YESTERDAY_MS) -> Counts:
    return Counts(at_ms=at_ms, by_process=by_process)


def test_a_loss_is_what_came_on_top_of_the_counts_of_the_day_before() -> None:
    lossy = old("processor", books=(book("processor events", done=900, lost={"late": 70, "ahead": 30}),))
    view = overview(stored(reports(processor=lossy)))
    before = counts({PROCESSOR: {"processor events late": 50, "processor events ahead": 30}})
    found = summary(view, before)
    assert (found.lost, found.lost_data) == ({"processor events late": 20}, 20)
    assert (found.since_ms, found.until_ms) == (YESTERDAY_MS, NOW_MS)
    assert found.caveats == ()


def test_the_counts_of_a_process_that_started_since_count_in_full_also_if_it_has_ended() -> None:
    lossy = book("processor events", done=900, lost={"late": 100})
    ended = replaced(
        with_status(process("processor", 99, healthy_processes()["processor"].status), books=(lossy,)),
        ended_at_ms=NOW_MS - HOUR_MS,
        reported_at_ms=NOW_MS - HOUR_MS,
        started_at_ms=NOW_MS - 2 * HOUR_MS,
    )
    found = summary(overview(stored([*reports(), ended])), counts({}))
    assert found.lost["processor events late"] == 100
    assert found.starts["processor"] == 2


def test_a_count_that_is_smaller_than_before_began_again() -> None:
    web = old("web", refused_logins=3)
    found = summary(
        overview(stored(reports(web=web))),
        counts({healthy_processes()["web"].identity: {REFUSED_LOGINS: 10}}),
    )
    assert found.refused_logins == 3


def test_what_single_clients_do_not_get_is_no_lost_data() -> None:
    web = old("web", books=(book("web frames", done=600, lost={"conflated": 400}),))
    found = summary(overview(stored(reports(web=web))), counts({}))
    assert (found.lost, found.lost_data) == ({"web frames conflated": 400}, 0)


def test_a_process_that_fell_silent_is_an_end_without_a_word() -> None:
    view = read_overview(stored(seen_ms={"scanner": NOW_MS - HOUR_MS, "web": NOW_MS - 30 * HOUR_MS})).overview
    assert summary(view, counts({})).silent_ends == {"scanner": 1}


def test_without_counts_of_the_day_before_it_says_so() -> None:
    found = summary(overview(stored(reports(listener=old("listener")))))
    assert found.since_ms == NOW_MS - DAY_MS
    assert found.caveats == (
        "there are no counts of the day before: those of older processes are since their starts",
    )
    assert summary(overview(stored(reports()))).caveats == ()


def test_over_a_weekend_it_says_which_processes_are_not_counted() -> None:
    found = summary(overview(stored(reports())), counts({}, at_ms=NOW_MS - 3 * DAY_MS))
    assert found.caveats == ("processes that ended more than a day ago are not counted",)


def test_a_source_that_is_away_is_named_and_the_summary_is_made_all_the_same() -> None:
    view = Overview(read_at_ms=NOW_MS, unread={"cache": "away"})
    found = summary(view)
    assert found.state == "unknown"
    assert "cache could not be read: away" in found.caveats


def test_the_first_line_says_it_all_and_fits_beside_a_job() -> None:
    lossy = old("processor", books=(book("processor events", done=900, lost={"late": 100}),))
    jobs = (*JOBS, JobView(name="a job", late_seconds=300))
    view = read_overview(stored(reports(processor=lossy)), jobs=jobs).overview
    first, *others = summary_text(summary(view, counts({}), {"another job": 2})).splitlines()
    assert first == "degraded; 4 starts, 100 lost, 2 failed and 1 late jobs, 0 refused logins"
    assert "The job 'a job' is 300 s late" in others[0]
    assert "late: a job" in others
    assert "failed runs: another job 2" in others
    assert "lost: processor events late 100" in others
    assert any(line.startswith("so since 2026-") for line in others)


def test_counts_are_read_back_and_other_bytes_are_refused() -> None:
    now = counts_of(overview(stored([with_status(healthy_processes()["web"], refused_logins=2)])))
    assert now.by_process == {healthy_processes()["web"].identity: {REFUSED_LOGINS: 2}}
    assert read_counts(msgspec.json.encode(now)) == now
    for wrong in (b"", b"[]", b'{"at_ms": "x"}', b"\xff"):
        with pytest.raises(ContentError):
            read_counts(wrong)


def test_a_start_is_counted_by_the_clock_of_the_cache() -> None:
    assert STARTED_MS > YESTERDAY_MS
    ahead = replaced(
        healthy_processes()["scanner"],
        started_at_ms=YESTERDAY_MS + HOUR_MS,
        reported_at_ms=NOW_MS + 2 * HOUR_MS,
    )
    view = read_overview(stored(reports(scanner=ahead), seen_ms={"scanner": NOW_MS})).overview
    assert "scanner" not in summary(view, counts({})).starts
