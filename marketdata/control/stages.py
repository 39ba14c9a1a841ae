"""The books of each stage, summed over its running processes, with rates between two readings. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from marketdata.runtime.books import Book, total
from marketdata.runtime.report import ProcessReport
from marketdata.units import MS_PER_SECOND

STAGES: Final = ("listener", "processor", "scanner", "web")
"""In the order in which an event passes them. The name of a book begins with its stage."""


class StageView(msgspec.Struct, frozen=True, kw_only=True):
    """One book of a stage, summed over its running processes.

    `in_per_second`, `out_per_second`: since the reading before; None without one. `lost_per_second`: by
    reason, without those of which nothing was lost.
    """

    book: Book
    processes: int
    in_per_second: float | None = None
    out_per_second: float | None = None
    lost_per_second: Mapping[str, float] = {}


class CountRates(msgspec.Struct):
    """Changes per second, added up over processes. `known`: whether any process is in both readings."""

    received: float = 0.0
    done: float = 0.0
    lost: defaultdict[str, float] = msgspec.field(default_factory=lambda: defaultdict(float))
    known: bool = False

    def add(self, now: Book, before: Book, seconds: float) -> None:
        """Add the changes of one process between two of its reports, which are `seconds` apart."""
        if seconds <= 0:
            return
        self.known = True
        self.received += max(0, now.received - before.received) / seconds
        self.done += max(0, now.done - before.done) / seconds
        for reason, count in now.lost.items():
            if (change := count - before.lost.get(reason, 0)) > 0:
                self.lost[reason] += change / seconds


def seconds_between(report: ProcessReport, before: ProcessReport) -> float:
    """The time between two reports of one process, by its own clock."""
    return (report.reported_at_ms - before.reported_at_ms) / MS_PER_SECOND


def per_second(now: int, before: int, seconds: float) -> float:
    """The rate of a count; 0 if no time has passed."""
    return max(0, now - before) / seconds if seconds > 0 else 0.0


def stage_views(
    running: Iterable[ProcessReport], earlier: Mapping[str, ProcessReport]
) -> Sequence[StageView]:
    """A view of each book that a running process keeps. `earlier`: the reports of the reading before."""
    books: defaultdict[str, list[Book]] = defaultdict(list)
    rates: defaultdict[str, CountRates] = defaultdict(CountRates)
    for report in running:
        before = earlier.get(report.identity)
        known = {} if before is None else {book.name: book for book in before.status.books}
        for book in report.status.books:
            books[book.name].append(book)
            if before is not None and (was := known.get(book.name)) is not None:
                rates[book.name].add(book, was, seconds_between(report, before))
    return [_view(books[name], rates[name]) for name in sorted(books, key=_position)]


def _view(books: Sequence[Book], rates: CountRates) -> StageView:
    return StageView(
        book=total(books),
        processes=len(books),
        in_per_second=rates.received if rates.known else None,
        out_per_second=rates.done if rates.known else None,
        lost_per_second=dict(rates.lost),
    )


def _position(name: str) -> tuple[int, str]:
    stage = name.partition(" ")[0]
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), name)
