"""The books of a web process: what was put into the outboxes of all connections, and what became of it."""

import msgspec

from marketdata.runtime.books import Book, positive


class Fates(msgspec.Struct):
    """Counts entries: an answer, a status, or the waiting frames of one feed, for one connection.

    `put` went into an outbox. `written` went to the transport. `conflated` was replaced by a newer state, or
    joined by later entries of the same list. `gone` was dropped with its connection or its subscription.
    `empty` were snapshots of feeds that had no data yet.
    """

    put: int = 0
    written: int = 0
    conflated: int = 0
    gone: int = 0
    empty: int = 0

    def take_over(self, others: "Fates") -> None:
        """Add the counts of an outbox from before it was added to the others."""
        self.put += others.put
        self.written += others.written
        self.conflated += others.conflated
        self.gone += others.gone
        self.empty += others.empty

    def book(self, waiting: int) -> Book:
        """The sum at this instant. `waiting` is the number of entries in all outboxes."""
        lost = {
            "conflated": self.conflated,
            "gone with the connection or subscription": self.gone,
            "no data yet": self.empty,
        }
        return Book(
            name="web frames",
            unit="entries",
            received=self.put,
            done=self.written,
            lost=positive(lost),
            waiting=waiting,
        )
