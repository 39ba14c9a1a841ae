"""The books of the queues, from the reports of listeners and of the owners of shards. Pure.

Listeners number the batches of each queue and shard. The owner of a shard knows the first and the newest
number that arrived. So what waits is known without the broker: `newest numbered - newest arrived`. The two
numbers are of reports that are up to a second apart; the view says nothing more exact.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.control.stages import CountRates, seconds_between
from marketdata.runtime.books import Book, positive
from marketdata.runtime.report import ProcessReport, QueueIntake
from marketdata.units import NS_PER_MS

DROPPED_BY_LISTENER: Final = "never published"
MISSING: Final = "missing"
EXPIRED: Final = "expired"
PURGED: Final = "purged"


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """One queue over all shards. `book` counts batches since the present owners took their shards.

    `oldest_age_ms`: age of the oldest batch that is not processed: exactly, if an owner holds it; else at
    most. None if nothing waits. `in_per_second`, `out_per_second` (batches) and `lost_per_second`: since the
    reading before; None without one.
    """

    queue: str
    book: Book
    oldest_age_ms: int | None
    in_per_second: float | None = None
    out_per_second: float | None = None
    lost_per_second: Mapping[str, float] = {}


class _Sums:
    """The sums of one queue while its shards are added up."""

    def __init__(self) -> None:
        self.received = self.done = self.expired = self.purged = self.missing = self.waiting = 0
        self.ages_ms: list[int] = []


def queue_views(
    reports: Sequence[ProcessReport],
    running: Collection[str],
    earlier: Mapping[str, ProcessReport],
    *,
    ages_ms: Mapping[str, int],
) -> Sequence[QueueView]:
    """A view of each queue of which any process knows.

    `reports` include those of ended processes, `running` has the identities of the others, and `earlier` the
    reports of the reading before. `ages_ms`: identity -> the age of its report, since batches grow older
    also while their owner is silent.
    """
    numbered = _numbered(reports)
    sums: defaultdict[str, _Sums] = defaultdict(_Sums)
    for queue, _ in numbered:
        _ = sums[queue]  # a queue that no process reads is shown, too
    for (queue, shard), sources in numbered.items():
        holder = _holder(reports, running, shard)
        intake = None if holder is None else _intake(holder, queue, shard)
        age_ms = 0 if holder is None else ages_ms.get(holder.identity, 0)
        _add(sums[queue], holder, intake, sources, age_ms)
    return [
        _view(queue, each, _dropped(reports, queue), _rates(reports, running, earlier, queue))
        for queue, each in sorted(sums.items())
    ]


def _numbered(reports: Iterable[ProcessReport]) -> Mapping[tuple[str, int], Mapping[str, int]]:
    """(queue, shard) -> the newest number of each listener process."""
    found: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for report in reports:
        if (listener := report.status.listener) is not None:
            for each in listener.numbers:
                found[each.queue, each.shard][listener.source] = each.numbered
    return found


def _holder(reports: Iterable[ProcessReport], running: Collection[str], shard: int) -> ProcessReport | None:
    """The report of the shard's owner. Without one, that of the process that read from the shard last."""
    best: tuple[bool, int] = (False, 0)
    holder = None
    for report in reports:
        for status in report.status.shards:
            if status.shard == shard and (status.owned_since_ms or status.queues):
                owns = report.identity in running and status.owned_since_ms > 0
                rank = (owns, report.reported_at_ms)
                if rank > best:
                    best, holder = rank, report
    return holder


def _intake(report: ProcessReport, queue: str, shard: int) -> QueueIntake | None:
    for status in report.status.shards:
        if status.shard == shard:
            return next((each for each in status.queues if each.queue == queue), None)
    return None


def _add(
    sums: _Sums,
    holder: ProcessReport | None,
    intake: QueueIntake | None,
    numbered: Mapping[str, int],
    report_age_ms: int,
) -> None:
    """Add one shard. Batches before the first that arrived belong to the owner before."""
    if intake is None:
        return
    sums.done += intake.received - intake.again
    sums.expired += intake.expired
    sums.purged += intake.purged
    sums.missing += intake.missing
    waiting = 0
    for source, (first, newest) in intake.numbers.items():
        sums.received += newest - first + 1
        waiting += max(0, numbered.get(source, newest) - newest)
    for source, count in numbered.items():
        if source not in intake.numbers and _began_later(holder, source):
            waiting += count
    sums.received += waiting
    sums.waiting += waiting
    oldest_ns = intake.oldest_held_ns or (intake.newest_received_ns if waiting else 0)
    if oldest_ns and holder is not None:
        sums.ages_ms.append(max(0, holder.reported_at_ms - oldest_ns // NS_PER_MS) + report_age_ms)


def _began_later(holder: ProcessReport | None, source: str) -> bool:
    """Whether a listener, of which nothing arrived, began after the owner: `source` ends with its start."""
    start_ns = source.rpartition(":")[2]
    return holder is not None and start_ns.isdecimal() and int(start_ns) // NS_PER_MS >= holder.started_at_ms


def _view(queue: str, sums: _Sums, dropped: int, rates: CountRates) -> QueueView:
    of_listener = min(dropped, sums.missing)
    lost = {
        EXPIRED: sums.expired,
        PURGED: sums.purged,
        DROPPED_BY_LISTENER: of_listener,
        MISSING: sums.missing - of_listener,
    }
    return QueueView(
        queue=queue,
        book=Book(
            name=f"queue {queue}",
            unit="batches",
            received=sums.received,
            done=sums.done,
            lost=positive(lost),
            waiting=sums.waiting,
        ),
        oldest_age_ms=max(sums.ages_ms, default=None),
        in_per_second=rates.received if rates.known else None,
        out_per_second=rates.done if rates.known else None,
        lost_per_second=dict(rates.lost),
    )


def _dropped(reports: Iterable[ProcessReport], queue: str) -> int:
    """Numbered batches of a queue that listeners did not publish."""
    listeners = (report.status.listener for report in reports)
    return sum(each.dropped.get(queue, 0) for each in listeners if each is not None)


def _rates(
    reports: Iterable[ProcessReport],
    running: Collection[str],
    earlier: Mapping[str, ProcessReport],
    queue: str,
) -> CountRates:
    rates = CountRates()
    for report in reports:
        if report.identity in running and (before := earlier.get(report.identity)) is not None:
            rates.add(_counts(report, queue), _counts(before, queue), seconds_between(report, before))
    return rates


def _counts(report: ProcessReport, queue: str) -> Book:
    """What one process counted of a queue: a listener numbers batches, and owners of shards take them."""
    listener = report.status.listener
    numbers = () if listener is None else listener.numbers
    intakes = [each for status in report.status.shards for each in status.queues if each.queue == queue]
    return Book(
        name=queue,
        unit="batches",
        received=sum(each.numbered for each in numbers if each.queue == queue),
        done=sum(each.received for each in intakes),
        lost={
            EXPIRED: sum(each.expired for each in intakes),
            PURGED: sum(each.purged for each in intakes),
            MISSING: sum(each.missing for each in intakes),
        },
    )
