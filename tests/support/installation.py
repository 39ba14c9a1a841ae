"""A healthy installation as its processes report it: a test changes what matters to it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from marketdata.control.overview import Reading, read_overview
from marketdata.control.views import JobView, Overview
from marketdata.listener.wanted import ListenerActual, encode
from marketdata.providers.base import FeedOutlook
from marketdata.reference.flaws import StoredParts, encode_parts
from marketdata.runtime.books import Book
from marketdata.runtime.report import (
    LEADER,
    ClientsStatus,
    ListenerStatus,
    ProcessReport,
    QueueIntake,
    QueueNumbers,
    ServiceStatus,
    SettingsStatus,
    ShardStatus,
    encode_report,
)
from marketdata.store.process_records import StoredOverview, StoredReport
from marketdata.trading_calendar import MarketSession
from tests.support.listener_records import record

NOW_MS: Final = 1_795_000_000_000
STARTED_MS: Final = NOW_MS - 600_000
VERSION: Final = "0.1.0+0000aaaa"
FACTS: Final = {"number of shards": "2"}
SOURCE: Final = f"vm:1:{STARTED_MS}000000"
BUSY: Final = FeedOutlook(session=MarketSession.REGULAR, is_busy=True)


def book(stage: str, **counts: Any) -> Book:
    """A book that closes: a thousand came in and went on."""
    return Book(name=stage, unit="events", **{"received": 1_000, "done": 1_000, **counts})


def shard(number: int, **changes: Any) -> ShardStatus:
    """A shard that is owned and fresh, with one queue."""
    intake = QueueIntake(
        queue="trades", received=90, numbers={SOURCE: (11, 100)}, newest_received_ns=(NOW_MS - 300) * 10**6
    )
    usual: dict[str, Any] = {
        "shard": number,
        "owned_since_ms": STARTED_MS,
        "taken": 1,
        "ticks": 500,
        "ticked_at_ms": NOW_MS - 200,
        "rows": 5_000,
        "queues": (intake,),
    }
    return ShardStatus(**{**usual, **changes})


def process(service: str, pid: int, status: ServiceStatus, **changes: Any) -> ProcessReport:
    """A report of this moment."""
    usual: dict[str, Any] = {
        "identity": f"vm:{pid}:{STARTED_MS}",
        "service": service,
        "name": service,
        "host": "vm",
        "pid": pid,
        "version": VERSION,
        "started_at_ms": STARTED_MS,
        "reported_at_ms": NOW_MS,
        "memory_bytes": 100 * 2**20,
        "memory_limit_bytes": 1_000 * 2**20,
        "progress_at_ms": NOW_MS,
        "facts": FACTS,
        "status": status,
    }
    return ProcessReport(**{**usual, **changes})


def healthy_processes() -> dict[str, ProcessReport]:
    """One process of each service, by service."""
    numbers = tuple(QueueNumbers(queue="trades", shard=each, numbered=100) for each in (0, 1))
    settings = SettingsStatus()
    return {
        "listener": process(
            "listener",
            1,
            ServiceStatus(
                role=LEADER,
                settings=settings,
                books=(book("listener events"),),
                listener=ListenerStatus(source=SOURCE, numbers=numbers),
            ),
        ),
        "processor": process(
            "processor",
            2,
            ServiceStatus(
                role="owner of 0, 1",
                settings=settings,
                books=(book("processor events"),),
                shards=(shard(0), shard(1)),
            ),
        ),
        "scanner": process(
            "scanner", 3, ServiceStatus(role=LEADER, settings=settings, books=(book("scanner ticks"),))
        ),
        "web": process(
            "web",
            4,
            ServiceStatus(
                settings=settings,
                books=(book("web frames"),),
                clients=ClientsStatus(connections=3, data_state="live", data_age_ms=300),
            ),
        ),
        "jobs": process("jobs", 5, ServiceStatus()),
    }


def with_status(report: ProcessReport, **changes: Any) -> ProcessReport:
    """The report with another status."""
    return msgspec.structs.replace(report, status=msgspec.structs.replace(report.status, **changes))


def replaced(report: ProcessReport, **changes: Any) -> ProcessReport:
    """The report with other fields."""
    return msgspec.structs.replace(report, **changes)


def live_feed(**changes: Any) -> ListenerActual:
    """A feed that brings events in a busy market."""
    usual: dict[str, Any] = {
        "recent_events": 5_000,
        "newest_received_ms": NOW_MS - 100,
        "since_ms": STARTED_MS,
        "outlook": BUSY,
    }
    actual = record(**{**usual, **changes})
    return msgspec.structs.replace(actual, reported_at_ms=NOW_MS, live_since_ms=STARTED_MS)


def stored(
    reports: Sequence[ProcessReport] | None = None,
    *,
    seen_ms: Mapping[str, int] | None = None,
    now_ms: int = NOW_MS,
    feed: ListenerActual | None = None,
    wanted: Mapping[str, bytes] | None = None,
    parts: StoredParts | None = None,
) -> StoredOverview:
    """The records in the cache. `seen_ms`: service -> when the server got its report."""
    given = list(healthy_processes().values()) if reports is None else reports
    seen = seen_ms or {}
    date = dt.date(2026, 11, 27)
    return StoredOverview(
        now_ms=now_ms,
        reports=[
            StoredReport(encode_report(each), seen.get(each.service, each.reported_at_ms)) for each in given
        ],
        wanted=wanted or {},
        listener=encode(feed or live_feed()),
        reference_parts=encode_parts(parts or StoredParts(date=date, loaded_ms=STARTED_MS)),
        reference_load=None,
    )


JOBS: Final = (
    JobView(name="refresh reference data", succeeded=True, last_ms=STARTED_MS, next_ms=NOW_MS + 1),
)


def overview(
    records: StoredOverview | None = None, *, before: Reading | None = None, jobs: Sequence[JobView] = JOBS
) -> Overview:
    """The overview of these records; by default of a healthy installation."""
    return read_overview(records or stored(), before=before, jobs=jobs).overview
