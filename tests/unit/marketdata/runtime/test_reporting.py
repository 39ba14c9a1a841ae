"""A process reports itself every second: to its end, while the cache is away, and with what it disputes."""

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from marketdata.errors import ContentError, StoreUnavailable
from marketdata.runtime.books import Book
from marketdata.runtime.report import ProcessReport, ServiceStatus, read_report
from marketdata.runtime.reporting import (
    FAILED,
    REPORT_SECONDS,
    STATUS,
    STOPPED,
    Reporting,
    memory_limit_bytes,
)
from tests.support.virtual_time import VirtualClock, run_in_virtual_time

FACTS = {"number of shards": "4", "provider": "massive"}


class FakeRecords:
    """The store of reports in memory; it may be away, and other processes may hold other facts."""

    def __init__(self) -> None:
        self.reports: list[ProcessReport] = []
        self.others: dict[str, str] = {}
        self.is_away = False

    async def report(self, identity: str, report: bytes, facts: Mapping[str, str]) -> Mapping[str, str]:
        if self.is_away:
            raise StoreUnavailable("refused")
        self.reports.append(read_report(report))
        assert self.reports[-1].identity == identity
        return {**facts, **self.others}


class Service:
    """What a service says of itself."""

    def __init__(self) -> None:
        self.now = ServiceStatus(is_idle=False)
        self.reasons: dict[str, str] = {}

    def status(self) -> ServiceStatus:
        return self.now

    def unready(self) -> Mapping[str, str]:
        return self.reasons


def reporting(records: FakeRecords, service: Service) -> Reporting:
    made = Reporting(records, service="lamp", name="lamp-0", facts=FACTS, clock=VirtualClock())
    return made.of(service.status, service.unready)


def test_a_defect_in_a_status_is_reported_and_ends_no_report() -> None:
    records, service = FakeRecords(), Service()

    def broken() -> ServiceStatus:
        raise KeyError("shard 7")

    async def live() -> None:
        async with reporting(records, service) as running:
            await asyncio.sleep(1.5 * REPORT_SECONDS)
            running.of(broken, service.unready)
            await asyncio.sleep(2 * REPORT_SECONDS)

    run_in_virtual_time(live())
    assert [dict(each.unready) for each in records.reports[:2]] == [{}, {}]
    failed = records.reports[2:]
    assert len(failed) == 3
    assert {each.unready[STATUS].text for each in failed} == {"KeyError: 'shard 7'"}
    assert failed[0].reported_at_ms > records.reports[1].reported_at_ms
    assert failed[-1].end == STOPPED


def test_a_process_is_reported_from_its_start_to_its_orderly_end() -> None:
    records, service = FakeRecords(), Service()

    async def live() -> None:
        async with reporting(records, service):
            await asyncio.sleep(2.5 * REPORT_SECONDS)

    run_in_virtual_time(live())
    *during, last = records.reports
    assert len(during) == 3
    assert [(each.ended_at_ms, each.end) for each in during] == [(0, "")] * 3
    assert (last.end, last.ended_at_ms) == (STOPPED, last.reported_at_ms)
    assert {each.identity for each in records.reports} == {last.identity}
    assert (last.service, last.name, last.facts) == ("lamp", "lamp-0", FACTS)
    assert last.memory_bytes > 0
    assert "+" in last.version


def test_a_failure_of_the_service_is_its_end() -> None:
    records = FakeRecords()

    async def live() -> None:
        async with reporting(records, Service()) as reported:
            reported.failed()

    run_in_virtual_time(live())
    assert records.reports[-1].end == FAILED


def test_progress_that_stands_still_keeps_its_time_unless_nothing_is_due() -> None:
    records, service = FakeRecords(), Service()

    async def live() -> None:
        async with reporting(records, service):
            for progress, is_idle in ((1, False), (1, False), (2, False), (2, False), (2, True)):
                service.now = ServiceStatus(progress=progress, is_idle=is_idle)
                await asyncio.sleep(REPORT_SECONDS)

    run_in_virtual_time(live())
    first, still, moved, stands, idle = (each.progress_at_ms for each in records.reports[1:])
    assert first == still < moved == stands < idle


def test_a_reason_and_a_broken_book_keep_the_time_since_when_they_are_so() -> None:
    records, service = FakeRecords(), Service()
    wrong = Book(name="events", unit="events", received=3, done=1, waiting=1)

    async def live() -> None:
        async with reporting(records, service):
            await asyncio.sleep(0.5 * REPORT_SECONDS)
            service.now, service.reasons = ServiceStatus(books=(wrong,)), {"cache": "refused"}
            await asyncio.sleep(REPORT_SECONDS)
            service.reasons = {"cache": "timed out"}
            await asyncio.sleep(REPORT_SECONDS)
            service.now, service.reasons = ServiceStatus(), {}

    run_in_virtual_time(live())
    sound, first, second, healed = records.reports
    assert (sound.unready, sound.broken_since_ms) == ({}, {})
    assert first.unready["cache"].since_ms == second.unready["cache"].since_ms == first.reported_at_ms
    assert second.unready["cache"].text == "timed out"
    assert first.broken_since_ms == second.broken_since_ms == {"events": first.reported_at_ms}
    assert (healed.unready, healed.broken_since_ms) == ({}, {})


def test_a_cache_that_is_away_delays_only_the_reports() -> None:
    records = FakeRecords()

    async def live() -> None:
        async with reporting(records, Service()):
            records.is_away = True
            await asyncio.sleep(3.5 * REPORT_SECONDS)
            assert records.reports == []
            records.is_away = False
            await asyncio.sleep(REPORT_SECONDS)
            assert len(records.reports) == 1

    run_in_virtual_time(live())


def test_other_facts_of_other_processes_are_in_the_next_report() -> None:
    records = FakeRecords()
    records.others = {"number of shards": "2", "a fact of later software": "1"}

    async def live() -> None:
        async with reporting(records, Service()):
            await asyncio.sleep(1.5 * REPORT_SECONDS)

    run_in_virtual_time(live())
    assert records.reports[-1].disputes == {"number of shards": "2"}


def test_a_loop_that_was_blocked_is_seen_in_the_lag() -> None:
    records, blocked_seconds = FakeRecords(), 0.35

    async def live() -> None:
        loop = asyncio.get_running_loop()
        async with reporting(records, Service()):
            await asyncio.sleep(0.5)
            loop.now_seconds += blocked_seconds  # type: ignore[attr-defined] # of the virtual loop
            await asyncio.sleep(REPORT_SECONDS)

    run_in_virtual_time(live())
    assert 250 <= records.reports[-1].loop_lag_ms <= 350


def test_without_records_nothing_is_reported() -> None:
    async def live() -> None:
        async with Reporting(None, service="lamp", name="lamp", facts={}, clock=VirtualClock()):
            assert len(asyncio.all_tasks()) == 1

    run_in_virtual_time(live())


def test_the_limit_of_the_container_counts_if_it_is_lower_than_the_machine(tmp_path: Path) -> None:
    machine = memory_limit_bytes(tmp_path)
    (tmp_path / "memory.max").write_text("1048576\n")
    assert memory_limit_bytes(tmp_path) == 1_048_576
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit_bytes(tmp_path) == machine


@pytest.mark.parametrize("stored", [b"", b"[]", b"{}", b'{"identity": 1}', b"\xff"])
def test_what_is_no_report_is_refused(stored: bytes) -> None:
    with pytest.raises(ContentError):
        read_report(stored)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1:4201"),
        ("::1", "[::1]:4201"),
        ("0.0.0.0", f"{socket.gethostname()}:4201"),
        ("::", f"{socket.gethostname()}:4201"),
    ],
)
def test_a_report_has_the_address_at_which_its_process_tells_more(host: str, address: str) -> None:
    records = FakeRecords()

    async def report() -> None:
        made = reporting(records, Service())
        made.served_at(host, 4201)
        async with made:
            await asyncio.sleep(REPORT_SECONDS / 2)

    run_in_virtual_time(report())
    assert {each.health_address for each in records.reports} == {address}
