"""The tables fit a terminal, name everything, and show nothing as 0 that is not known."""

import msgspec

from marketdata.control.overview import read_overview
from marketdata.control.tables import WIDTH, as_text
from marketdata.control.verdict import judge
from marketdata.control.views import Overview
from marketdata.runtime.report import SettingsStatus
from tests.support.installation import (
    JOBS,
    NOW_MS,
    book,
    healthy_processes,
    overview,
    replaced,
    stored,
    with_status,
)


def text_of(view: Overview) -> str:
    return as_text(view, judge(view))


def test_a_healthy_installation_is_shown_on_one_page() -> None:
    text = text_of(overview())
    first, *lines = text.splitlines()
    assert first.startswith("HEALTHY  Healthy: 5 processes run")
    for title in ("PROCESSES", "STAGES", "QUEUES", "SHARDS", "JOBS"):
        assert title in lines
    assert "owner of 0, 1" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_process_that_operators_stopped_is_shown_as_paused() -> None:
    paused = with_status(healthy_processes()["scanner"], settings=SettingsStatus(is_paused=True))
    lines = text_of(overview(stored([paused]))).splitlines()
    assert [line.split()[0] for line in lines if " paused " in line] == ["scanner"]


def test_long_names_reasons_and_many_processes_fit_too() -> None:
    reports = [
        replaced(
            with_status(
                each,
                role="owner of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
                settings=SettingsStatus(applied_version=1_000, refused_version=1_001, refusal="no " * 90),
                books=(book("processor events", lost={"set aside, " + "why " * 40: 10}, received=1_010),),
            ),
            identity=f"{number}",
            host="a-host-with-a-long-name.example",
            pid=4_000_000 + number,
        )
        for number, each in enumerate([*healthy_processes().values()] * 4)
    ]
    text = text_of(overview(stored(reports)))
    assert max(map(len, text.splitlines())) <= WIDTH


def test_what_cannot_be_read_is_named_and_not_shown_as_zero() -> None:
    view = Overview(read_at_ms=NOW_MS, unread={"cache": "refused", "database": "refused"})
    text = text_of(view)
    assert "not read    cache: refused" in text
    assert "not read    database: refused" in text
    assert "PROCESSES" not in text
    assert "JOBS" not in text
    assert text.startswith("UNKNOWN  Cache away")


def test_rates_need_two_reports_and_are_unknown_before() -> None:
    first = read_overview(stored(), jobs=JOBS)
    assert all(each.in_per_second is None for each in first.overview.stages)
    again = read_overview(stored(), before=first, jobs=JOBS)
    assert all(each.in_per_second is None for each in again.overview.stages), "the reports are the same"
    later = [
        with_status(
            replaced(each, reported_at_ms=NOW_MS + 2_000),
            books=tuple(
                msgspec.structs.replace(sums, received=1_500, done=1_400, waiting=100)
                for sums in each.status.books
            ),
        )
        for each in healthy_processes().values()
    ]
    second = read_overview(stored(later, now_ms=NOW_MS + 2_000), before=again, jobs=JOBS)
    assert {each.in_per_second for each in second.overview.stages} == {250.0}
    assert {each.out_per_second for each in second.overview.stages} == {200.0}
    third = read_overview(stored(later, now_ms=NOW_MS + 2_500), before=second, jobs=JOBS)
    assert {each.in_per_second for each in third.overview.stages} == {250.0}, "no newer report, so the same"


def test_processes_that_ended_are_listed_after_the_others() -> None:
    reports = healthy_processes()
    ended = replaced(
        reports["web"], identity="vm:8:1", pid=8, ended_at_ms=NOW_MS - 60_000, end="stopped in order"
    )
    lines = text_of(overview(stored([ended, *reports.values()]))).splitlines()
    table = lines[lines.index("PROCESSES") + 2 :][:6]
    assert "vm:8" in table[-1]
    assert "ended" in table[-1]
