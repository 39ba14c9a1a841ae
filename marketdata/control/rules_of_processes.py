"""The rules of the verdict about processes that run: ready, alike, not stuck. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from marketdata.control.findings import Finding, Severity, listed
from marketdata.control.rules_of_absence import process_name as _name
from marketdata.control.views import Overview, ProcessView
from marketdata.runtime.processes import ProcessState
from marketdata.runtime.report import LEADER, PARENT, STANDBY

STUCK_AFTER_MS: Final = 10_000
PENDING_AFTER_MS: Final = 10_000
CLOCKS_APART_MS: Final = 2_500
"""More than the time that a report may take to the cache."""

MEMORY_SHARE: Final = 0.9
LOOP_LAG_MS: Final = 1_000


def source_unread(overview: Overview) -> Iterator[Finding]:
    """The cache, the database or a record cannot be read."""
    for source, why in overview.unread.items():
        severity = Severity.UNKNOWN if source == "cache" else Severity.DEGRADED
        advice = {
            "cache": "Start it, or correct MDC_URL. Processes keep what they have; nothing else is known.",
            "database": "Start it, or correct DATABASE_URL. Logins and jobs need it; market data flows on.",
            "reports": "Restart the processes of the older software.",
        }.get(source, "Look at the record that it names; it is written again by its process.")
        yield Finding(
            rule="source unread",
            severity=severity,
            what=f"{source} away: {why}",
            advice=advice,
            since_ms=overview.unread_since_ms.get(source, 0),
        )


def facts_disputed(overview: Overview) -> Iterator[Finding]:
    """Two processes hold different facts of the installation."""
    held: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for view in overview.running:
        for fact, value in view.report.facts.items():
            held[fact][value] += 1
    for fact, values in held.items():
        if len(values) < 2:
            continue
        common = values.most_common(1)[0][0]
        others = [view for view in overview.running if view.report.facts.get(fact, common) != common]
        yield Finding(
            rule="facts disputed",
            severity=Severity.DOWN,
            what=f"processes dispute the {fact}: most hold {common}, "
            + listed([f"{_name(view)} holds {view.report.facts[fact]}" for view in others]),
            advice="Give all processes the same environment, and restart those that differ.",
            since_ms=min(view.since_ms for view in others),
        )


def process_stuck(overview: Overview) -> Iterator[Finding]:
    """A process lives, has work, and completes none."""
    for view in overview.running:
        report = view.report
        stands_ms = report.reported_at_ms - report.progress_at_ms
        if not report.unready and stands_ms > STUCK_AFTER_MS:
            yield Finding(
                rule="process stuck",
                severity=Severity.DOWN,
                what=f"{_name(view)} reports, but completes no work",
                advice="Restart it, and keep its log: a task of it hangs.",
                since_ms=report.progress_at_ms - view.clock_offset_ms,
            )


def scanner_leaderless(overview: Overview) -> Iterator[Finding]:
    """Scanners or listeners run, and none leads. A listener leads only after it has reached the broker."""
    for service in ("scanner", "listener"):
        if overview.is_paused(service):
            continue
        views = [
            view
            for view in overview.running
            if view.report.service == service and "broker" not in view.report.unready
        ]
        if views and not any(view.report.status.role == LEADER for view in views):
            reasons = [reason.text for view in views for reason in view.report.unready.values()]
            yield Finding(
                rule="no leader",
                severity=Severity.DOWN,
                what=f"no {service} leads" + (f": {reasons[0]}" if reasons else ""),
                advice="One takes over within 4 s, when the last lease has expired. Else see its log.",
                since_ms=max(view.since_ms for view in views),
            )


def process_unready(overview: Overview) -> Iterator[Finding]:
    """A process cannot work. A standby need not, and a feed that is away has rules of its own."""
    by_reason: defaultdict[tuple[str, str], list[tuple[ProcessView, int]]] = defaultdict(list)
    for view in overview.running:
        report = view.report
        for part, reason in report.unready.items():
            waits = report.status.role == STANDBY and part == "lease"
            if not waits and part not in {"provider", "broker", "queues"} and report.status.role != PARENT:
                since_ms = reason.since_ms - view.clock_offset_ms
                by_reason[part, reason.text].append((view, since_ms))
    for (part, text), views in by_reason.items():
        yield Finding(
            rule="process unready",
            severity=Severity.DEGRADED,
            what=f"{listed([_name(view) for view, _ in views])} cannot work: {part}: {text}",
            advice="See what it waits for; it goes on by itself.",
            since_ms=min(since_ms for _, since_ms in views),
        )


def settings_not_applied(overview: Overview) -> Iterator[Finding]:
    """Operators want settings that a process refuses, or does not take up."""
    for view in overview.running:
        settings = view.report.status.settings
        if settings is None or not view.wanted_version:
            continue
        if settings.refused_version == view.wanted_version or (
            settings.refusal and settings.applied_version < view.wanted_version
        ):
            yield Finding(
                rule="settings refused",
                severity=Severity.DEGRADED,
                what=f"{_name(view)} refuses version {view.wanted_version} of its settings: "
                f"{settings.refusal}",
                advice="Change the setting to a value that is accepted. Until then it applies version "
                f"{settings.applied_version}.",
            )
        elif view.pending_since_ms and overview.read_at_ms - view.pending_since_ms > PENDING_AFTER_MS:
            yield Finding(
                rule="settings pending",
                severity=Severity.DEGRADED,
                what=f"{_name(view)} still applies version {settings.applied_version} of its settings, not "
                f"{view.wanted_version}",
                advice="Restart it: it does not follow the settings.",
                since_ms=view.pending_since_ms,
            )


def clocks_disagree(overview: Overview) -> Iterator[Finding]:
    """The clock of a host is apart from that of the cache server, or a shard cannot believe the times."""
    hosts: dict[str, int] = {}
    for view in overview.running:
        if abs(view.clock_offset_ms) > CLOCKS_APART_MS:
            hosts[view.report.host] = view.clock_offset_ms
    for host, offset_ms in hosts.items():
        ahead = "ahead of" if offset_ms > 0 else "behind"
        yield Finding(
            rule="clocks disagree",
            severity=Severity.DEGRADED,
            what=f"the clock of {host} is {abs(offset_ms) / 1_000:.1f} s {ahead} that of the cache's host",
            advice="Synchronise the clocks of both hosts (NTP).",
        )
    failures = {shard.clock_failure: shard.shard for shard in overview.shards if shard.clock_failure}
    for failure, shard in failures.items():
        yield Finding(
            rule="clocks disagree",
            severity=Severity.DEGRADED,
            what=f"shard {shard}: {failure}",
            advice="Until then events are refused, and counted as ahead.",
        )


def other_version(overview: Overview) -> Iterator[Finding]:
    """Processes of one installation run different software."""
    versions = Counter(view.report.version for view in overview.running)
    if len(versions) < 2:
        return
    common = versions.most_common(1)[0][0]
    others = [view for view in overview.running if view.report.version != common]
    yield Finding(
        rule="other version",
        severity=Severity.DEGRADED,
        what=f"{listed([f'{_name(view)} runs {view.report.version}' for view in others])}, "
        f"the others {common}",
        advice="Finish the roll-out: restart the processes of the older software.",
        since_ms=min(view.since_ms for view in others),
    )


def worker_restarting(overview: Overview) -> Iterator[Finding]:
    """A parent waits before it starts a worker again, since that keeps ending."""
    for view in overview.running:
        for worker in view.report.status.workers:
            if worker.state != ProcessState.RUNNING:
                yield Finding(
                    rule="worker restarting",
                    severity=Severity.DEGRADED,
                    what=f"worker {worker.name} is {worker.state}; restarts: {worker.restarts}, last end: "
                    f"{worker.last_end or 'none'}",
                    advice="Its log says why it ended.",
                )


def memory_short(overview: Overview) -> Iterator[Finding]:
    """A process is near the limit of its memory."""
    for view in overview.running:
        report = view.report
        if report.memory_limit_bytes and report.memory_bytes > MEMORY_SHARE * report.memory_limit_bytes:
            yield Finding(
                rule="memory short",
                severity=Severity.DEGRADED,
                what=f"{_name(view)} uses {report.memory_bytes / 2**20:,.0f} MiB of "
                f"{report.memory_limit_bytes / 2**20:,.0f} MiB",
                advice="Give it more memory, or restart it before the system ends it.",
            )


def loop_late(overview: Overview) -> Iterator[Finding]:
    """The event loop of a process is far behind."""
    late = [view for view in overview.running if view.report.loop_lag_ms > LOOP_LAG_MS]
    if late:
        worst = max(view.report.loop_lag_ms for view in late)
        yield Finding(
            rule="event loop late",
            severity=Severity.DEGRADED,
            what=f"the event loop of {listed([_name(view) for view in late])} was up to {worst} ms late",
            advice="The machine has too little processor time for it, or one step takes too long.",
        )
