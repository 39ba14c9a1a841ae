"""The books of the scanner: every news of a shard's tick that arrived, and what became of it."""

from collections import Counter
from typing import Final

from marketdata.runtime.books import Book, positive
from scanners.scanner.market import Merge

READ_AGAIN: Final = "replaced by all rows after a gap"
KNOWN: Final = "already in the rows"
LEFT: Final = "left to the next leader"


class NewsAccount:
    """Counts the news of ticks since the start of the process.

    A tick that arrives after a gap is not merged: the stored rows, which are read instead, contain it. The
    news that announcements may have been missed is such a gap, too. `scans` counts the completed passes.
    """

    def __init__(self) -> None:
        self.scans = 0
        self._received = 0
        self._merged = 0
        self._others: Counter[str] = Counter()

    def note_received(self) -> None:
        """Count one piece of news that now waits."""
        self._received += 1

    def note_merge(self, merge: Merge | None) -> None:
        """Count news that was merged, or not: None if its shard is read again in any case."""
        if merge is Merge.APPLIED:
            self._merged += 1
        else:
            self._others[KNOWN if merge is Merge.KNOWN else READ_AGAIN] += 1

    def note_left(self, waiting: int) -> None:
        """Count the news that waited when this scanner ceased to lead."""
        self._others[LEFT] += waiting

    def book(self, waiting: int) -> Book:
        """The sum at this instant. `waiting` is the number of pieces of news that were not looked at yet."""
        return Book(
            name="scanner ticks",
            unit="ticks",
            received=self._received,
            done=self._merged,
            lost=positive(self._others),
            waiting=waiting,
        )
