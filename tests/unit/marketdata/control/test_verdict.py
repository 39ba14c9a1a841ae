"""Each rule of the verdict finds what it is for, and a healthy installation is called healthy."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from marketdata.control.findings import Finding, Severity
from marketdata.control.overview import read_overview
from marketdata.control.verdict import Health, judge
from marketdata.control.views import JobView, Overview
from marketdata.listener.wanted import BrokerState
from marketdata.providers.base import FeedOutlook, ProviderState
from marketdata.reference.flaws import Flaw, FlawReason, StoredParts
from marketdata.runtime.report import (
    PARENT,
    STANDBY,
    ClientsStatus,
    ProcessReport,
    QueueIntake,
    SettingsStatus,
    UnreadyReason,
    WorkerStatus,
)
from marketdata.store.process_records import StoredReport
from marketdata.trading_calendar import MarketSession
from tests.support.installation import (
    JOBS,
    NOW_MS,
    SOURCE,
    STARTED_MS,
    book,
    healthy_processes,
    live_feed,
    overview,
    replaced,
    shard,
    stored,
    with_status,
)


def changed(**processes: ProcessReport | None) -> Overview:
    """The overview with some processes replaced, or removed if None."""
    reports = {**healthy_processes(), **processes}
    return overview(stored([each for each in reports.values() if each is not None]))


def only(view: Overview) -> Finding:
    """The one finding."""
    verdict = judge(view)
    assert len(verdict.findings) == 1, verdict.findings
    return verdict.findings[0]


def status_of(service: str, **changes: Any) -> Overview:
    return changed(**{service: with_status(healthy_processes()[service], **changes)})


def fields_of(service: str, **changes: Any) -> Overview:
    return changed(**{service: replaced(healthy_processes()[service], **changes)})


def test_an_installation_without_findings_is_healthy() -> None:
    verdict = judge(overview())
    assert (verdict.state, verdict.findings) == (Health.HEALTHY, ())
    assert verdict.sentence == "Healthy: 5 processes run, the feed is live."
    assert verdict.state.exit_code == 0


@pytest.mark.parametrize(
    "feed",
    [
        live_feed(state=ProviderState.MARKET_CLOSED, recent_events=0, newest_received_ms=NOW_MS - 10**8),
        live_feed(
            recent_events=0,
            newest_received_ms=NOW_MS - 10**8,
            outlook=FeedOutlook(session=MarketSession.CLOSED, opens_ms=NOW_MS + 3_600_000),
        ),
    ],
    ids=["waits for the market to open", "connected at night"],
)
def test_a_silent_feed_while_the_market_is_closed_is_healthy(feed: Any) -> None:
    verdict = judge(overview(stored(feed=feed)))
    assert verdict.state is Health.HEALTHY
    assert "the market is closed" in verdict.sentence


@pytest.mark.parametrize("session", [MarketSession.PRE_MARKET, MarketSession.AFTER_HOURS])
def test_pauses_outside_the_regular_session_are_healthy(session: MarketSession) -> None:
    feed = live_feed(
        recent_events=0, newest_received_ms=NOW_MS - 600_000, outlook=FeedOutlook(session=session)
    )
    assert judge(overview(stored(feed=feed))).state is Health.HEALTHY


@pytest.mark.parametrize("service", ["listener", "processor", "scanner", "web"])
def test_a_service_without_a_process_is_down(service: str) -> None:
    verdict = judge(changed(**{service: None}))
    assert verdict.state is Health.DOWN
    assert verdict.sentence.startswith(f"No {service} process runs. Start one: manage.py run_{service}.")
    assert verdict.state.exit_code == 2


def test_without_jobs_an_installation_is_degraded() -> None:
    assert only(changed(jobs=None)).what == "no jobs process runs"
    assert judge(changed(jobs=None)).state.exit_code == 1


def test_the_last_process_of_a_missing_service_is_named_with_its_end() -> None:
    ended = fields_of("web", ended_at_ms=NOW_MS - 5, end="stopped in order")
    assert only(ended).what == "no web process runs; the last, vm:4, stopped in order"
    silent = overview(stored(seen_ms={"web": NOW_MS - 90_000}))
    found = judge(silent).findings[0]
    assert found.what == "no web process runs; the last, vm:4, fell silent"
    assert found.since_ms == NOW_MS - 90_000


def test_a_parent_does_not_do_the_work_of_its_workers() -> None:
    assert "no processor process runs" in judge(status_of("processor", role=PARENT)).findings[0].what


def test_no_process_at_all_is_down() -> None:
    assert only(overview(stored([]))).rule == "no process"


def test_a_cache_that_is_away_leaves_the_state_unknown() -> None:
    verdict = judge(Overview(read_at_ms=NOW_MS, jobs=JOBS, unread={"cache": "refused"}))
    assert verdict.state is Health.UNKNOWN
    assert verdict.sentence.startswith("Cache away: refused. Start it")
    assert verdict.state.exit_code == 2


def test_a_database_that_is_away_degrades() -> None:
    since_ms = {"database": NOW_MS - 7_000}
    view = msgspec.structs.replace(
        overview(), jobs=None, unread={"database": "refused"}, unread_since_ms=since_ms
    )
    assert (only(view).what, only(view).since_ms) == ("database away: refused", NOW_MS - 7_000)


def test_processes_that_dispute_a_fact_are_named() -> None:
    found = only(fields_of("web", facts={"number of shards": "4"}))
    assert found.severity is Severity.DOWN
    assert "dispute the number of shards: most hold 2, web (vm:4) holds 4" in found.what


def test_a_process_that_completes_no_work_is_stuck() -> None:
    found = only(fields_of("scanner", progress_at_ms=NOW_MS - 12_000))
    assert (found.rule, found.since_ms) == ("process stuck", NOW_MS - 12_000)
    assert judge(fields_of("scanner", progress_at_ms=NOW_MS - 9_000)).state is Health.HEALTHY


def webs(**silent_for_ms: int) -> Overview:
    """A second web process that is silent, and others that began or fell silent before this moment.

    `began_7_s_ago=0` runs; `began_7_s_ago=6_000` fell silent 6 s ago.
    """
    reports = {**healthy_processes()}
    others = []
    for pid, (name, age_ms) in enumerate(silent_for_ms.items(), 20):
        began_ms = STARTED_MS if name == "old" else NOW_MS - int(name.split("_")[1]) * 1_000
        seen_ms = NOW_MS - age_ms
        others.append(
            replaced(
                reports["web"],
                identity=f"vm:{pid}:{began_ms}",
                pid=pid,
                started_at_ms=began_ms,
                reported_at_ms=seen_ms,
                progress_at_ms=seen_ms,
            )
        )
    return overview(stored([*reports.values(), *others]))


def test_a_process_that_fell_silent_is_a_finding_of_its_own_until_another_takes_its_place() -> None:
    assert only(webs(old=600_000)).what == "web (vm:20) is silent"
    assert only(webs(old=30_000)).since_ms == NOW_MS - 30_000
    assert judge(webs(old=30_000, began_20_s_ago=0)).state is Health.HEALTHY
    assert judge(webs(old=2 * 3_600_000)).state is Health.HEALTHY


def test_one_process_takes_the_place_of_one_other() -> None:
    assert only(webs(old=30_000, began_40_s_ago=25_000, began_20_s_ago=0)).what == "web (vm:20) is silent"
    restarts = {"old": 60_000, "began_50_s_ago": 40_000, "began_30_s_ago": 20_000}
    assert judge(webs(**restarts, began_10_s_ago=0)).state is Health.HEALTHY
    assert only(webs(**restarts)).what == "web (vm:22) is silent"
    assert only(webs(old=30_000, began_40_s_ago=0)).what == "web (vm:20) is silent"


def test_a_service_whose_only_process_fell_silent_is_one_finding() -> None:
    assert only(overview(stored(seen_ms={"jobs": NOW_MS - 9_000}))).rule == "no process"


def test_a_shard_without_owner_is_down_once_a_processor_had_time_to_take_it() -> None:
    lone = (shard(0), shard(1, owned_since_ms=0))
    found = only(status_of("processor", shards=lone))
    assert (found.what, found.since_ms) == ("no process owns shard 1", NOW_MS - 200)
    young = with_status(replaced(healthy_processes()["processor"], started_at_ms=NOW_MS - 3_000), shards=lone)
    assert judge(changed(processor=young)).state is Health.HEALTHY


@pytest.mark.parametrize(
    ("service", "status"),
    [
        ("processor", {"role": STANDBY, "shards": (shard(0, owned_since_ms=0), shard(1, owned_since_ms=0))}),
        ("scanner", {"role": STANDBY}),
        ("web", {}),
        ("jobs", {}),
    ],
)
def test_what_operators_stopped_is_named_and_its_consequences_are_no_faults(
    service: str, status: dict[str, Any]
) -> None:
    found = only(status_of(service, settings=SettingsStatus(is_paused=True), **status))
    assert found.rule == "service stopped"
    assert found.what.startswith(f"{service} does no work, as operators want")
    assert f"manage.py control {service} start" in found.advice


def test_a_drained_process_beside_one_that_works_is_no_finding() -> None:
    scanner = healthy_processes()["scanner"]
    other = with_status(
        replaced(scanner, identity="vm:9:1", pid=9, name="scanner-1"),
        role=STANDBY,
        settings=SettingsStatus(is_paused=True),
    )
    assert judge(overview(stored([*healthy_processes().values(), other]))).findings == ()


def test_two_owners_of_a_shard_are_found() -> None:
    other = replaced(healthy_processes()["processor"], identity="vm:9:1", pid=9, name="processor-1")
    found = judge(overview(stored([*healthy_processes().values(), other]))).findings
    assert {each.rule for each in found} == {"two owners"}


@pytest.mark.parametrize("service", ["listener", "scanner"])
def test_standbys_without_a_leader_are_found(service: str) -> None:
    found = only(status_of(service, role=STANDBY))
    assert (found.rule, found.severity) == ("no leader", Severity.DOWN)


def test_a_broker_that_is_away_is_named_once_with_those_who_see_it() -> None:
    reason = {"queues": UnreadyReason("refused", NOW_MS - 4_000)}
    found = only(fields_of("processor", unready=reason))
    assert found.rule == "broker away"
    assert found.what == "the broker of the queues is away: refused (seen by processor)"
    assert found.since_ms == NOW_MS - 4_000


def test_a_listener_that_waits_for_the_broker_to_lead_names_the_broker() -> None:
    reason = {
        "broker": UnreadyReason("refused", NOW_MS - 4_000),
        "lease": UnreadyReason("not acquired yet", NOW_MS - 4_000),
    }
    waiting = replaced(with_status(healthy_processes()["listener"], role=STANDBY), unready=reason)
    assert only(changed(listener=waiting)).rule == "broker away"


def test_a_process_that_has_just_begun_says_nothing_about_the_broker() -> None:
    reason = {"queues": UnreadyReason("not connected yet", NOW_MS - 1_000)}
    young = fields_of("processor", started_at_ms=NOW_MS - 2_000, unready=reason)
    assert "broker away" not in {each.rule for each in judge(young).findings}


def test_a_broker_that_takes_no_batches_is_blocked() -> None:
    assert only(overview(stored(feed=live_feed(broker=BrokerState.BLOCKED)))).rule == "broker blocked"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"state": ProviderState.REFUSED, "reason": "auth_failed"}, "feed refused"),
        ({"state": ProviderState.WAITING, "reason": "refused"}, "feed away"),
        ({"state": ProviderState.CONNECTING}, "feed away"),
        ({"running": False, "state": ProviderState.STOPPED}, "feed stopped"),
        ({"recent_events": 0, "newest_received_ms": NOW_MS - 20_000}, "feed silent"),
    ],
)
def test_a_feed_that_brings_nothing_in_an_open_market_is_found(changes: Mapping[str, Any], rule: str) -> None:
    assert only(overview(stored(feed=live_feed(**changes)))).rule == rule


def test_a_feed_that_connects_since_a_moment_is_no_finding() -> None:
    feed = live_feed(state=ProviderState.CONNECTING, since_ms=NOW_MS - 2_000)
    assert judge(overview(stored(feed=feed))).state is Health.HEALTHY


def test_subscriptions_that_are_not_confirmed_are_found() -> None:
    feed = msgspec.structs.replace(live_feed(), unconfirmed=("Q.*",))
    assert "has not confirmed Q.*" in only(overview(stored(feed=feed))).what


def test_a_process_that_cannot_work_is_named_with_the_reason() -> None:
    found = only(fields_of("scanner", unready={"cache": UnreadyReason("refused", NOW_MS - 3_000)}))
    assert found.what == "scanner (vm:3) cannot work: cache: refused"


def test_a_standby_that_waits_for_the_role_can_work() -> None:
    standby = replaced(
        with_status(healthy_processes()["listener"], role=STANDBY, books=(), listener=None),
        identity="vm:9:1",
        unready={"lease": UnreadyReason("another listener holds it", NOW_MS)},
    )
    assert judge(overview(stored([*healthy_processes().values(), standby]))).state is Health.HEALTHY


def test_a_shard_that_publishes_nothing_is_found() -> None:
    shards = (shard(0, ticked_at_ms=NOW_MS - 8_000), shard(1))
    assert only(status_of("processor", shards=shards)).what.startswith("shard 0 publishes nothing")


def test_a_queue_whose_oldest_batch_is_too_old_is_found() -> None:
    behind = QueueIntake(
        queue="trades",
        received=40,
        numbers={SOURCE: (11, 50)},
        newest_received_ns=(NOW_MS - 3_000) * 10**6,
    )
    found = only(status_of("processor", shards=(shard(0, queues=(behind,)), shard(1))))
    assert found.what == "the oldest batch of queue trades is up to 3.0 s old; up to 50 wait"


def test_batches_that_expire_now_are_found() -> None:
    before = healthy_processes()
    later = with_status(
        replaced(before["processor"], reported_at_ms=NOW_MS + 1_000, progress_at_ms=NOW_MS + 1_000),
        shards=(
            shard(
                0,
                ticked_at_ms=NOW_MS + 900,
                queues=(
                    QueueIntake(
                        queue="trades",
                        received=86,
                        expired=4,
                        numbers={SOURCE: (11, 100)},
                        newest_received_ns=NOW_MS * 10**6,
                    ),
                ),
            ),
            shard(1),
        ),
    )

    first = read_overview(stored(), jobs=JOBS)
    second = stored([*(each for each in before.values() if each.service != "processor"), later])
    assert only(overview(second, before=first)).what == "queue trades loses batches: 4.0 a second expired"


def test_batches_that_an_operator_purges_are_no_finding() -> None:
    before = healthy_processes()
    purged = QueueIntake(
        queue="trades", received=50, purged=40, numbers={SOURCE: (11, 100)}, newest_received_ns=NOW_MS * 10**6
    )
    later = with_status(
        replaced(before["processor"], reported_at_ms=NOW_MS + 1_000, progress_at_ms=NOW_MS + 1_000),
        shards=(shard(0, ticked_at_ms=NOW_MS + 900, queues=(purged,)), shard(1)),
    )
    first = read_overview(stored(), jobs=JOBS)
    second = stored([*(each for each in before.values() if each.service != "processor"), later])
    view = overview(second, before=first)
    assert view.queues[0].lost_per_second["purged"] == 40
    assert judge(view).findings == ()


def test_books_that_do_not_close_are_found_with_the_number() -> None:
    report = with_status(
        replaced(healthy_processes()["web"], broken_since_ms={"web frames": NOW_MS - 7_000}),
        books=(book("web frames", done=990, waiting=3),),
    )
    found = only(changed(web=report))
    assert found.what == "the books of web frames in web do not close: +7 events unexplained"
    assert found.since_ms == NOW_MS - 7_000


def test_settings_that_are_refused_are_found_with_the_reason() -> None:
    settings = SettingsStatus(applied_version=2, refused_version=3, refusal="not that")
    reports = [
        with_status(each, settings=settings) if each.service == "web" else each
        for each in healthy_processes().values()
    ]
    found = only(overview(stored(reports, wanted={"web": b'{"version": 3}'})))
    assert "web (vm:4) refuses version 3 of its settings: not that" in found.what


def test_settings_that_stay_pending_are_found_after_ten_seconds() -> None:

    wanted = {"web": b'{"version": 3}'}
    first = read_overview(stored(wanted=wanted), jobs=JOBS)
    assert judge(first.overview).state is Health.HEALTHY
    later_ms = NOW_MS + 11_000
    fresh = [
        replaced(each, reported_at_ms=later_ms, progress_at_ms=later_ms)
        for each in healthy_processes().values()
    ]
    second = overview(stored(fresh, now_ms=later_ms, wanted=wanted), before=first)
    found = [each for each in judge(second).findings if each.rule == "settings pending"]
    assert [each.since_ms for each in found] == [NOW_MS]


def test_a_clock_that_is_apart_from_that_of_the_cache_is_found() -> None:
    found = judge(overview(stored(seen_ms={"web": NOW_MS - 3_000}))).findings
    assert [each.what for each in found] == ["the clock of vm is 3.0 s ahead of that of the cache's host"]


def test_a_shard_that_cannot_believe_the_times_is_found() -> None:
    found = only(status_of("processor", shards=(shard(0, clock_failure="the clock is behind"), shard(1))))
    assert found.what == "shard 0: the clock is behind"


def test_a_process_of_other_software_is_found() -> None:
    assert only(fields_of("jobs", version="0.0.9+1")).what.startswith("jobs (vm:5) runs 0.0.9+1, the others")


def test_a_worker_that_keeps_ending_is_found() -> None:
    worker = WorkerStatus(name="web-1", state="waiting to restart", restarts=4, last_end="killed by SIGSEGV")
    parent = replaced(
        with_status(healthy_processes()["web"], role=PARENT, workers=(worker,), clients=None, books=()),
        identity="vm:9:1",
    )
    found = only(overview(stored([*healthy_processes().values(), parent])))
    assert "worker web-1 is waiting to restart; restarts: 4, last end: killed by SIGSEGV" in found.what


def test_memory_near_its_limit_and_a_late_event_loop_are_found() -> None:
    assert "uses 950 MiB of 1,000 MiB" in only(fields_of("web", memory_bytes=950 * 2**20)).what
    assert "up to 1500 ms late" in only(fields_of("web", loop_lag_ms=1_500)).what


@pytest.mark.parametrize("state", ["stale", "no_processor", "reconnecting"])
def test_data_that_is_old_for_clients_is_found(state: str) -> None:
    clients = ClientsStatus(
        connections=1, data_state=state, data_detail="No data.", data_age_ms=40, data_since_ms=NOW_MS - 9_000
    )
    found = only(status_of("web", clients=clients))
    assert (found.rule, found.since_ms) == ("data old", NOW_MS - 9_000)


@pytest.mark.parametrize("state", ["live", "quiet", "market_closed", ""])
def test_data_that_need_not_be_newer_is_no_finding(state: str) -> None:
    assert judge(status_of("web", clients=ClientsStatus(data_state=state))).state is Health.HEALTHY


def test_reference_data_that_is_missing_incomplete_or_old_is_found() -> None:
    without = msgspec.structs.replace(stored(), reference_parts=None)
    assert only(overview(without)).rule == "reference data missing"
    date = dt.date(2026, 11, 27)
    flaw = Flaw(part="free float", reason=FlawReason.UNAVAILABLE)
    parts = StoredParts(date=date, loaded_ms=STARTED_MS, flaws=(flaw,))
    assert only(overview(stored(parts=parts))).rule == "reference data incomplete"
    market_ms = round(dt.datetime(2026, 11, 30, 15, tzinfo=dt.UTC).timestamp() * 1_000)
    view = status_of("processor", shards=(shard(0, market_time_ms=market_ms), shard(1)))
    assert only(view).what == "reference data is of 2026-11-27, and the market of 2026-11-30"


def test_jobs_that_fail_or_are_late_are_found() -> None:
    failing = JobView(name="load", succeeded=False, failures=2, last_outcome="refused", last_ms=STARTED_MS)
    assert only(overview(jobs=(failing,))).what == "the job 'load' failed 2 times in a row: refused"
    late = JobView(name="load", succeeded=True, late_seconds=300)
    assert only(overview(jobs=(late,))).what == "the job 'load' is 300 s late"


def test_the_worst_comes_first_and_the_others_follow() -> None:
    reports = healthy_processes()
    del reports["listener"]
    reports["jobs"] = replaced(reports["jobs"], loop_lag_ms=2_000)
    verdict = judge(overview(stored(list(reports.values()))))
    assert [each.severity for each in verdict.findings] == [Severity.DOWN, Severity.DEGRADED]
    assert verdict.sentence.endswith("And 1 more finding.")


def test_a_report_that_cannot_be_read_is_a_finding_and_hides_no_other() -> None:

    records = stored()
    broken = msgspec.structs.replace(
        records, reports=[*records.reports, StoredReport(b"{}", NOW_MS), StoredReport(b"\xff", NOW_MS)]
    )
    view = overview(broken)
    assert len(view.processes) == 5
    assert only(view).what.startswith("reports away: 2 reports of processes cannot be read")
