"""The rules of the verdict about processes that are missing or silent. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from marketdata.control.findings import Finding, Severity
from marketdata.control.views import Life, Overview, ProcessView
from marketdata.runtime.report import PARENT

NEEDED: Final = {
    "listener": Severity.DOWN,
    "processor": Severity.DOWN,
    "scanner": Severity.DOWN,
    "web": Severity.DOWN,
    "jobs": Severity.DEGRADED,
}
"""The services without which an installation is incomplete, and how bad it is that one has no process."""

COMMANDS: Final = {"jobs": "qcluster"}
"""The command of a service whose name is not `run_` and its own."""

SILENT_LISTED_MS: Final = 3_600_000
"""For so long a silent process is a finding, unless another one took its place."""


def role_missing(overview: Overview) -> Iterator[Finding]:
    """A service has no running process."""
    if "cache" in overview.unread:
        return
    if not overview.processes:
        yield Finding(
            rule="no process",
            severity=Severity.DOWN,
            what="no process has reported within a day",
            advice="Start the processes of the Procfile with the same MDC_URL and MDC_KEY_PREFIX.",
        )
        return
    for service in _missing(overview):
        gone = [view for view in overview.processes if view.report.service == service]
        command = COMMANDS.get(service, f"run_{service}")
        last = max(gone, key=lambda view: view.since_ms, default=None)
        yield Finding(
            rule="no process",
            severity=NEEDED[service],
            what=f"no {service} process runs{_last_words(last)}",
            advice=f"Start one: manage.py {command}. Its log says why it ended.",
            since_ms=0 if last is None else last.since_ms,
        )


def service_stopped(overview: Overview) -> Iterator[Finding]:
    """Operators stopped a service, or drained all of its processes. The feed has a rule of its own."""
    for service, severity in NEEDED.items():
        if service != "listener" and overview.is_paused(service):
            yield Finding(
                rule="service stopped",
                severity=severity,
                what=f"{service} does no work, as operators want: it is stopped, or all of it is drained",
                advice=f"Start it with manage.py control {service} start, or end the drain of a process.",
            )


def _missing(overview: Overview) -> list[str]:
    """The needed services of which no process runs. A parent does not do the work of its workers."""
    present = {view.report.service for view in overview.running if view.report.status.role != PARENT}
    return [service for service in NEEDED if service not in present]


def _last_words(last: ProcessView | None) -> str:
    if last is None:
        return ""
    report = last.report
    words = report.end if last.life is Life.ENDED else "fell silent"
    return f"; the last, {report.host}:{report.pid}, {words}"


def process_silent(overview: Overview) -> Iterator[Finding]:
    """A process does not report, and no other one took its place."""
    missing = _missing(overview)
    for service, own in _by_service(overview.processes).items():
        for view in _unreplaced(own):
            # That a service has no process is a finding already, and names its last one.
            if view.life is Life.SILENT and view.age_ms < SILENT_LISTED_MS and service not in missing:
                yield Finding(
                    rule="process silent",
                    severity=Severity.DEGRADED,
                    what=f"{process_name(view)} is silent",
                    advice="It was killed, or its event loop is blocked. See its log, and restart it.",
                    since_ms=view.since_ms,
                )


def _by_service(processes: Iterable[ProcessView]) -> Mapping[str, list[ProcessView]]:
    found: defaultdict[str, list[ProcessView]] = defaultdict(list)
    for view in processes:
        found[view.report.service].append(view)
    return found


def _unreplaced(processes: Iterable[ProcessView]) -> list[ProcessView]:
    """The processes of one service that are gone, without those whose place another one took.

    A process takes the place of one that it began after, and of one only. The newest of those that are gone
    chooses first: what began after it also began after all others.
    """
    views = list(processes)
    gone = sorted(
        (view for view in views if view.life is not Life.RUNNING),
        key=lambda view: view.since_ms,
        reverse=True,
    )
    starts_ms = sorted(view.started_ms for view in views)
    unreplaced = []
    for view in gone:
        if starts_ms and starts_ms[-1] > view.since_ms:
            starts_ms.pop()
        else:
            unreplaced.append(view)
    return unreplaced


def process_name(view: ProcessView) -> str:
    """The name of a process, with its host and its id."""
    report = view.report
    return f"{report.name} ({report.host}:{report.pid})"
