"""The health summary: the verdict, and what went wrong since the summary of the day before. Pure.

Processes count since their starts. So a summary needs the counts of an earlier instant: `Counts` of then.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from marketdata.control.document import InstallationDocument
from marketdata.control.rules_of_jobs import LATE_AFTER_SECONDS
from marketdata.control.views import Life, Overview, ProcessView
from marketdata.errors import ContentError
from marketdata.units import MS_PER_SECOND

DAY_MS: Final = 24 * 3_600 * MS_PER_SECOND
KEPT_MS: Final = 20 * 3_600 * MS_PER_SECOND
"""Counts that are younger stay the start of the next summary: one on demand does not shorten its day."""

QUEUES: Final = "queues"
"""Under this name stand the counts of the queues, which no process has alone."""

REFUSED_LOGINS: Final = "refused logins"
WORKER_RESTARTS: Final = "restarts of workers"
FOR_CLIENTS: Final = "web "
"""Books that begin so are about single clients: what they do not get is no lost market data."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the processes have counted at an instant: identity -> subject -> count.

    The subject of a loss is the name of its book and the reason.
    """

    at_ms: int
    by_process: Mapping[str, Mapping[str, int]]


def read_counts(stored: bytes) -> Counts:
    """The counts in a stored value.

    Raises:
        ContentError: reason `health_counts`; the value has none.
    """
    try:
        return msgspec.json.decode(stored, type=Counts)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ContentError("health_counts", str(error)) from error


def counts_of(overview: Overview) -> Counts:
    """What all known processes have counted, those included that ended within the last day."""
    by_process = {view.report.identity: _counts(view) for view in overview.processes}
    by_process[QUEUES] = {
        f"{queue.book.name} {reason}": count
        for queue in overview.queues
        for reason, count in queue.book.lost.items()
    }
    return Counts(
        at_ms=overview.read_at_ms, by_process={name: each for name, each in by_process.items() if each}
    )


def _counts(view: ProcessView) -> Mapping[str, int]:
    status = view.report.status
    counts = {f"{book.name} {reason}": count for book in status.books for reason, count in book.lost.items()}
    counts[REFUSED_LOGINS] = status.refused_logins
    counts[WORKER_RESTARTS] = sum(worker.restarts for worker in status.workers)
    return {subject: count for subject, count in counts.items() if count}


class HealthSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A summary. `since_ms` is the beginning of what it counts, and `until_ms` its end.

    `starts`, `silent_ends`: of processes, by name. `lost`: by book and reason. `failed_runs`: by job.
    `caveats`: why counts may be wrong.
    """

    state: str
    sentence: str
    wrong_since_ms: int
    since_ms: int
    until_ms: int
    starts: Mapping[str, int]
    silent_ends: Mapping[str, int]
    lost: Mapping[str, int]
    worker_restarts: int
    refused_logins: int
    failed_runs: Mapping[str, int]
    late_jobs: tuple[str, ...]
    caveats: tuple[str, ...]

    @property
    def lost_data(self) -> int:
        """How much was lost on the way to the boards, in the units of the books."""
        return sum(count for subject, count in self.lost.items() if not subject.startswith(FOR_CLIENTS))


def summarise(
    document: InstallationDocument, before: Counts | None, failed_runs: Mapping[str, int]
) -> HealthSummary:
    """The summary since the counts of `before`; without them, since a day before the document."""
    overview, verdict = document.overview, document.verdict
    since_ms = overview.read_at_ms - DAY_MS if before is None else before.at_ms
    changes = _changes(counts_of(overview), before)
    refused_logins, restarts = changes.pop(REFUSED_LOGINS, 0), changes.pop(WORKER_RESTARTS, 0)
    return HealthSummary(
        state=verdict.state.value,
        sentence=verdict.sentence,
        wrong_since_ms=verdict.findings[0].since_ms if verdict.findings else 0,
        since_ms=since_ms,
        until_ms=overview.read_at_ms,
        starts=Counter(
            view.report.name
            for view in overview.processes
            if view.report.started_at_ms - view.clock_offset_ms >= since_ms
        ),
        silent_ends=Counter(
            view.report.name
            for view in overview.processes
            if view.life is Life.SILENT and view.since_ms >= since_ms
        ),
        lost=changes,
        worker_restarts=restarts,
        refused_logins=refused_logins,
        failed_runs=dict(failed_runs),
        late_jobs=tuple(job.name for job in overview.jobs or () if job.late_seconds > LATE_AFTER_SECONDS),
        caveats=tuple(_caveats(overview, before, since_ms)),
    )


def _changes(now: Counts, before: Counts | None) -> dict[str, int]:
    """How much each count has grown. One that is smaller than before began again at 0."""
    known = {} if before is None else before.by_process
    grown: Counter[str] = Counter()
    for name, counts in now.by_process.items():
        was = known.get(name, {})
        for subject, count in counts.items():
            earlier = was.get(subject, 0)
            grown[subject] += count - earlier if count >= earlier else count
    return {subject: count for subject, count in sorted(grown.items()) if count}


def _caveats(overview: Overview, before: Counts | None, since_ms: int) -> Iterable[str]:
    for source, why in overview.unread.items():
        yield f"{source} could not be read: {why}"
    if before is None and any(view.since_ms < since_ms for view in overview.running):
        yield "there are no counts of the day before: those of older processes are since their starts"
    if overview.read_at_ms - since_ms > DAY_MS + KEPT_MS:
        yield "processes that ended more than a day ago are not counted"


def summary_text(summary: HealthSummary) -> str:
    """The summary in a few lines. The first one is the shortest form of all of it."""
    starts = sum(summary.starts.values()) + summary.worker_restarts
    failed, late = sum(summary.failed_runs.values()), len(summary.late_jobs)
    first = (
        f"{summary.state}; {starts} starts, {summary.lost_data:,} lost, {failed} failed and {late} late "
        f"jobs, {summary.refused_logins:,} refused logins"
    )
    lines = [first, summary.sentence]
    if summary.wrong_since_ms:
        lines.append(f"so since {_instant(summary.wrong_since_ms)}")
    lines.append(f"counted from {_instant(summary.since_ms)} to {_instant(summary.until_ms)}")
    for title, counts in (
        ("starts", summary.starts),
        ("restarts of workers", {"all": summary.worker_restarts} if summary.worker_restarts else {}),
        ("ends without a word", summary.silent_ends),
        ("lost", summary.lost),
        ("failed runs", summary.failed_runs),
    ):
        if counts:
            lines.append(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    if summary.late_jobs:
        lines.append(f"late: {', '.join(summary.late_jobs)}")
    lines += [f"note: {caveat}" for caveat in summary.caveats]
    return "\n".join(lines)


def _instant(epoch_ms: int) -> str:
    return f"{dt.datetime.fromtimestamp(epoch_ms / MS_PER_SECOND, dt.UTC):%Y-%m-%d %H:%M} UTC"
