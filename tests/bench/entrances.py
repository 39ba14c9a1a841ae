"""Rows `connect`, `connect_postgresql`, `connect_all`, `memory_connection`: logins, and memory of each."""

from typing import Final

from tests.bench.crowd import BROWSERS, BYTES_PER_MB, PROGRAMS, Crowd, most_clients, running_crowd
from tests.bench.fanout import CLIENT_BUDGET
from tests.bench.producer import FEEDS
from tests.bench.rows import Row
from tests.bench.verdict import Condition, judged
from tests.support.postgres import PostgresServer
from tests.support.services import ServiceMissingError

ALL_CLIENTS: Final = 10_000
NEWCOMERS: Final = "newcomers"
OFFERED_PER_SECOND: Final = 300
HELD_SHARE: Final = 0.95
"""Of the offered rate that which must be reached, and of the ticks those that each served client hears."""
STORM_PER_SECOND: Final = 1_000
IDLE_KB_BUDGET: Final = 40
MEMORY_MB_BUDGET: Final = 500


def connect() -> Row:
    """p99 of the handshakes of 3,000 more clients, 300 a second, while half of 10,000 are served."""
    with running_crowd("boards", 1) as crowd:
        return _connects("connect", crowd, "SQLite")


def connect_postgresql() -> list[Row]:
    """The same with PostgreSQL as database. No row where it is not installed."""
    try:
        with PostgresServer() as database, running_crowd("boards", 1, database.url) as crowd:
            return [_connects("connect_postgresql", crowd, "PostgreSQL")]
    except ServiceMissingError as error:
        print(f"    no row connect_postgresql: {error}", flush=True)
        return []


def _connects(name: str, crowd: Crowd, database: str) -> Row:
    served = most_clients(ALL_CLIENTS) // 2
    newcomers = served * 6 // 10
    for group in (BROWSERS, PROGRAMS):
        crowd.add_group(group, group, FEEDS)
    crowd.add_group(NEWCOMERS, BROWSERS, FEEDS)
    before, _seconds = crowd.connect({BROWSERS: served // 2, PROGRAMS: served - served // 2})
    crowd.client.begin_window()
    report, seconds = crowd.connect({NEWCOMERS: newcomers}, per_second=OFFERED_PER_SECOND)
    new, old = report.groups[NEWCOMERS], [report.groups[group] for group in (BROWSERS, PROGRAMS)]
    served_p99_ms = max(group.latencies.p99_ms for group in old)
    least, needed = min(group.least_changes for group in old), HELD_SHARE * len(FEEDS) * (seconds - 1)
    reached = new.ready / seconds
    faults = sum(group.faults for group in report.groups.values())
    first = next((group.first_fault for group in report.groups.values() if group.first_fault), "")
    ready = sum(group.ready for group in before.groups.values())
    return judged(
        name,
        new.handshakes.p99_ms,
        2000,
        conditions=[
            Condition(2 * served == ALL_CLIENTS, f"{ALL_CLIENTS // 2:,} served clients"),
            Condition(ready == served, f"all served clients have their feeds ({ready:,} of {served:,})"),
            Condition(reached >= HELD_SHARE * OFFERED_PER_SECOND, f"{OFFERED_PER_SECOND} connects/s"),
            Condition(least >= needed, f">= {needed:.0f} changes for each of the served (least {least})"),
            Condition(served_p99_ms < 1000, "p99 of the served < 1,000 ms"),
            Condition(not faults, f"no fault ({faults:,}; the first: {first})"),
        ],
        note=f"{database}; {new.ready:,} of {newcomers:,} came, {reached:.0f}/s, snapshots included; "
        f"p50 {new.handshakes.p50_ms:,} ms; p99 of {served:,} served clients {served_p99_ms:,} ms",
    )


def connect_all() -> Row:
    """Seconds until 10,000 clients that come at once, as after a restart, have their feeds."""
    clients = most_clients(ALL_CLIENTS)
    with running_crowd("boards", 1) as crowd:
        for group in (BROWSERS, PROGRAMS):
            crowd.add_group(group, group, FEEDS)
        counts = {BROWSERS: clients // 2, PROGRAMS: clients - clients // 2}
        report, seconds = crowd.connect(counts, per_second=STORM_PER_SECOND)
    groups = report.groups.values()
    ready, faults = sum(group.ready for group in groups), sum(group.faults for group in groups)
    first = next((group.first_fault for group in groups if group.first_fault), "")
    p99_ms = max(group.subscriptions.p99_ms for group in groups)
    return judged(
        "connect_all",
        seconds,
        40,
        unit="s",
        limit=clients / STORM_PER_SECOND,
        limit_is="the rate at which they come",
        conditions=[
            Condition(clients == ALL_CLIENTS, f"{ALL_CLIENTS:,} clients"),
            Condition(ready == clients, f"all have their feeds ({ready:,} of {clients:,})"),
            Condition(not faults, f"no fault ({faults:,}; the first: {first})"),
        ],
        note=f"{ready:,} clients, {STORM_PER_SECOND:,}/s offered; p99 to the last snapshot {p99_ms:,} ms",
    )


def memory_connection() -> list[Row]:
    """Resident memory: for each connection without feeds, and of the process when all have three boards."""
    clients = most_clients(ALL_CLIENTS)
    enough = Condition(clients == ALL_CLIENTS, f"{ALL_CLIENTS:,} clients")
    with running_crowd("boards", 1) as crowd:
        before = crowd.web.memory_info().rss
        crowd.add_group("idle", BROWSERS, [])
        report, _seconds = crowd.connect({"idle": clients})
        idle = report.groups["idle"]
        idle_kb = (crowd.web.memory_info().rss - before) / 1000 / max(1, idle.open)
    with running_crowd("boards", 1) as crowd:
        for group in (BROWSERS, PROGRAMS):
            crowd.add_group(group, group, FEEDS)
        crowd.connect({BROWSERS: clients // 2, PROGRAMS: clients - clients // 2})
        window = crowd.measure(10)
        resident_mb = crowd.web.memory_info().rss / BYTES_PER_MB
    ready = sum(group.ready for group in window.groups.values())
    share = window.client_share + window.client_softirq_share
    return [
        judged(
            "memory_connection",
            idle_kb,
            IDLE_KB_BUDGET,
            unit="kB",
            conditions=[enough, Condition(idle.open == clients, f"all connected ({idle.open:,})")],
            note=f"{idle.open:,} browsers without feeds; {before / BYTES_PER_MB:.0f} MB without them",
        ),
        judged(
            "memory_connections",
            resident_mb,
            MEMORY_MB_BUDGET,
            unit="MB",
            conditions=[
                enough,
                Condition(ready == clients, f"all have their feeds ({ready:,} of {clients:,})"),
                Condition(share <= CLIENT_BUDGET, f"load client <= {CLIENT_BUDGET} core ({share:.2f})"),
            ],
            note=f"{ready:,} clients on three boards at 1 Hz",
        ),
    ]
